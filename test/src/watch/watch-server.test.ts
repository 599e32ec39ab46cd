/** @file `wgsam train --watch`: access, what is shown of a run in progress, and that no error of the page ends the run. */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from '../../../src/cli/command'
import { command as train } from '../../../src/commands/train'
import { LivePage } from '../../../src/watch/live-page'
import { WatchServer } from '../../../src/watch/watch-server'
import { openBrowser, testInBrowser } from '../../support/browser'
import { makeRun, step, validation } from '../../support/runs'

async function watched(root: string, port?: number) {
  const lines: string[] = []
  const watch = await WatchServer.open({ root, name: 'run', port, log: (line) => void lines.push(line) })
  assert.ok(watch, lines.join('\n'))
  return { watch, lines }
}

/** A request with its own headers: fetch does not allow to set Host. */
const ask = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Promise<{ status: number; text: string; type: string }>((resolve, reject) => {
    const sent = request(url, { headers, method }, (reply) => {
      let text = ''
      reply.on('data', (chunk: Buffer) => (text += chunk.toString()))
      reply.on('end', () => resolve({ status: reply.statusCode!, text, type: reply.headers['content-type'] ?? '' }))
    })
    sent.on('error', reject).end()
  })

test('only requests with the secret address and from this machine are answered', async () => {
  const { watch } = await watched(makeRun({ steps: 3 }))
  const { url } = watch
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/)
  assert.is((await ask(url)).status, 200)
  assert.is((await ask(`${new URL(url).origin}/`)).status, 404)
  assert.is((await ask(url.replace(/[0-9a-f]{32}/, '0'.repeat(32)))).status, 404)
  assert.is((await ask(url, { Host: 'example.org' })).status, 403)
  assert.is((await ask(url, { Origin: 'http://example.org' })).status, 403)
  assert.is((await ask(`${url}live`, { 'Sec-Fetch-Site': 'cross-site' })).status, 403)
  assert.is((await ask(`${url}config.json`)).status, 404)
  assert.is((await ask(`${url}..%2fconfig.json`)).status, 404)
  assert.is((await ask(url, {}, 'POST')).status, 405)
  await watch.close()
  assert.is(await ask(url).catch(() => 'away'), 'away')
})

test('connections that send nothing keep nobody out', async () => {
  const { watch } = await watched(makeRun({ steps: 3 }))
  const { port } = new URL(watch.url)
  const silent = Array.from({ length: 100 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  assert.is((await ask(watch.url)).status, 200)
  for (const socket of silent) socket.destroy()
  await watch.close()
})

test('the report is rendered again if files have changed, and not at every poll', async () => {
  const root = makeRun({ steps: 3 })
  let now = 0
  const live = new LivePage(
    root,
    'run',
    () => now,
    () => true,
  )
  const first = await live.get()
  assert.match(first.note, 'step 3 of 20')
  assert.match(first.note, 'left')
  appendFileSync(join(root, 'metrics.jsonl'), JSON.stringify(step(4)) + '\n')
  assert.is(await live.get(), first, 'too soon')
  now = 60_000
  const second = await live.get()
  assert.match(second.note, 'step 4 of 20')
  assert.is.not(second.version, first.version)
  now = 120_000
  assert.is((await live.get()).version, second.version, 'nothing new')
  const [a, b] = await Promise.all([live.get(true), live.get(true)])
  assert.is(a.version, b.version)
  assert.is(((await live.get()).html.match(/4 of 20 steps/g) ?? []).length, 1, 'no line is read twice')
})

test('a deleted or damaged folder, and a port that is taken, cause no failure', async () => {
  const root = makeRun({ steps: 3 })
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const { watch, lines } = await watched(root, port)
  assert.match(lines.join('\n'), `port ${port} is taken`)
  writeFileSync(join(root, 'config.json'), 'x')
  assert.match((await ask(`${watch.url}live`)).text, 'is not JSON')
  rmSync(root, { recursive: true })
  assert.is((await ask(`${watch.url}live`)).status, 200)
  await watch.close()
  await watch.close()
  taken.close()
})

test('--watch-port requires --watch', async () => {
  const { values, positionals } = parse(train, ['--data', 'x', '--watch-port', '8000'])
  const error = await Promise.resolve(train.run(values, positionals)).then(
    () => null,
    (e: Error) => e,
  )
  assert.match(error?.message ?? '', '--watch-port requires --watch')
})

const browser = await openBrowser()
test.after(() => browser?.close())

testInBrowser('in Chromium: the page follows the run to its end', async () => {
  const root = makeRun({ steps: 3 })
  const { watch } = await watched(root)
  const tab = await browser!.newPage({ viewport: { width: 390, height: 800 } })
  const faults: string[] = []
  tab.on('console', (message) => void (/ERR_CONNECTION|404/.test(message.text()) || faults.push(message.text())))
  tab.on('pageerror', (error) => void faults.push(String(error)))
  await tab.goto(watch.url)
  await tab.locator('#note', { hasText: 'step 3 of 20' }).waitFor()
  assert.is(await tab.locator('.charts').evaluateAll((all) => all.length), 1, 'no validation yet')
  await tab.locator('summary').first().click()
  appendFileSync(
    join(root, 'metrics.jsonl'),
    JSON.stringify(step(4)) + '\n' + JSON.stringify(validation(4, 0.5)) + '\n',
  )
  await tab.locator('#note', { hasText: 'step 4 of 20' }).waitFor({ timeout: 120_000 })
  assert.is(await tab.locator('.charts').evaluateAll((all) => all.length), 2)
  assert.is(
    await tab
      .locator('details')
      .first()
      .evaluate((one) => (one as unknown as { open: boolean }).open),
    true,
  )
  assert.is(await tab.evaluate('document.documentElement.scrollWidth'), 390)
  // the policy allows the style by its hash: without the style a tile would have no border
  assert.is(await tab.evaluate("getComputedStyle(document.querySelector('.tile')).borderTopWidth"), '1px')
  appendFileSync(join(root, 'metrics.jsonl'), JSON.stringify(step(5)) + '\n')
  await watch.close()
  await tab.locator('#note', { hasText: 'The run has ended' }).waitFor()
  assert.match((await tab.locator('#live').textContent())!, '5 of 20')
  assert.equal(faults, [])
  await tab.close()
})

test.run()
