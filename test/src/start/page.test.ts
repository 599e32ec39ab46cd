/**
 * @file The home page in Chromium, from a folder of images to measured particles, with real jobs and a toy model: propose, review and
 * accept, train, propose again, measure. WGSAM_PICTURES=DIR keeps screenshots.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BrowserContext, Page } from 'playwright-core'
import { runsOnProcessor } from '../../../src/host/runs-on-processor'
import type { HomeState } from '../../../src/start/protocol'
import { startProcess } from '../../../src/start/job-process'
import { writeSynth } from '../../../src/synth/synth-dataset'
import { openBrowser, testInBrowser } from '../../support/browser'
import { scratch } from '../../support/files'
import { ReviewTab } from '../../support/review-page'

const SIZE = { width: 96, height: 96 }
const WAIT = { timeout: 240_000 }
const pictures = process.env.WGSAM_PICTURES
const root = scratch()
const images = join(root, 'micrographs')
const project = `${images}-wgsam`
const browser = await openBrowser()
let context: BrowserContext
let page: Page
let server: ChildProcess
let url: string
const faults: string[] = []

/** Starts the server as a person does. @returns the address that it prints */
async function start(): Promise<string> {
  const toy = ['--model', 'golden/files/toy_vit.pth', '--model-config', 'golden/files/toy_vit.json', '--size', '96']
  server = spawn(process.execPath, ['dist/cli.js', 'start', ...toy, '--no-open', '--port', '0', images], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // the address of the last start is kept there
    env: { ...process.env, WGSAM_CACHE: join(root, 'cache') },
  })
  let printed = ''
  for await (const chunk of server.stdout!) {
    printed += String(chunk)
    const [found] = /http:\S+/.exec(printed) ?? []
    if (found) return found
  }
  throw new Error(`the server ended: ${printed}`)
}

async function stop(signal: NodeJS.Signals): Promise<number | null> {
  const ended = new Promise<number | null>((done) => server.on('close', (code) => done(code)))
  server.kill(signal)
  return ended
}

async function picture(name: string, of = page): Promise<void> {
  if (!pictures) return
  mkdirSync(pictures, { recursive: true })
  await of.screenshot({ path: join(pictures, `${name}.png`) })
}

const step = (name: string) => page.locator('.step', { has: page.getByRole('heading', { name }) })
/** Waits until no job runs. */
const idle = () =>
  page
    .locator('.job-running, .job-waiting, .job-stopping')
    .first()
    .waitFor({ state: 'detached', ...WAIT })
/** Runs the job of a button, and waits until it is the newest that was done. */
async function runJob(of: string, button: RegExp, shot: string): Promise<void> {
  await step(of).getByRole('button', { name: button }).click()
  await page.locator('.job').first().waitFor(WAIT)
  await picture(shot)
  await idle()
  assert.equal(await page.locator('.job-failed pre').allInnerTexts(), [])
}

test.before(async () => {
  await writeSynth(join(root, 'scenes'), { count: 4, seed: 3, ...SIZE, particles: [6, 8], coverage: 0.5 })
  mkdirSync(images)
  for (const file of readdirSync(join(root, 'scenes', 'images')))
    copyFileSync(join(root, 'scenes', 'images', file), join(images, file))
  if (!browser) return
  url = await start()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' })
  page = await context.newPage()
  page.setDefaultTimeout(90_000)
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_CONNECTION|ERR_EMPTY|ERR_FAILED/.test(message.text()))
      faults.push(message.text())
  })
})

test.after(async () => {
  await browser?.close()
  if (server?.exitCode === null) await stop('SIGKILL')
})

testInBrowser('a folder is chosen in the list, or typed', async () => {
  await page.goto(url)
  await page.getByText('None of 4 images has masks yet.').waitFor()
  await page.getByRole('button', { name: 'Other folder' }).click()
  await page.getByText('4 images in this folder.').waitFor()
  await page.getByRole('button', { name: 'Up' }).isDisabled()
  await picture('choose')
  await page.getByLabel('Path of a folder').fill(join(root, 'nowhere'))
  await page.getByRole('button', { name: 'Use this folder' }).click()
  await page.getByRole('alert').getByText('no such file or folder').waitFor()
  await page.getByLabel('Path of a folder').fill(images)
  await page.getByRole('button', { name: 'Use this folder' }).click()
  await page.locator('.picture').first().waitFor()
  assert.is(await page.locator('.picture').count(), 4)
  // on a machine without a GPU each way says how long it takes, before it begins
  if (await runsOnProcessor()) {
    await step('Propose masks').getByText('about 4 minutes for an image').waitFor()
    await step('Propose masks').getByLabel('Search').selectOption('watershed')
    await step('Propose masks').getByText('Seconds for an image').waitFor()
    await step('Propose masks').getByLabel('Search').selectOption('union')
  }
  // the 422 of the wrong path is in the console
  assert.ok(
    faults.every((fault) => /422/.test(fault)),
    faults.join('\n'),
  )
  faults.length = 0
})

testInBrowser('masks are proposed; a server that is killed stops its job, and the next one continues it', async () => {
  await step('Propose masks').getByText('In a terminal').click()
  await step('Propose masks')
    .getByText(/^wgsam generate .* --points-per-side 16/)
    .waitFor()
  await step('Propose masks')
    .getByRole('button', { name: /^Propose for 4 images/ })
    .click()
  await page.locator('.job-running').waitFor()
  const port = new URL(url).port
  await stop('SIGKILL')
  await page.getByText('The server does not respond').waitFor(WAIT)
  url = await start()
  assert.is.not(new URL(url).port, port, '--port 0 asks for another')
  await page.goto(url)
  await page.getByText('was cut off when wgsam start ended').waitFor()
  await picture('unfinished')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.locator('.job-running').waitFor()
  await picture('proposing')
  // the job belongs to the server, not to the page
  await page.reload()
  await page.locator('.picture').first().waitFor()
  await idle()
  await page.getByText('All images have masks.').waitFor(WAIT)
  // what native libraries say about limits of the driver means nothing to a person
  const { jobs } = (await (await fetch(`${url}api/state`)).json()) as HomeState
  assert.not.match(jobs.flatMap(({ output }) => output).join('\n'), /maxDynamic/)
  assert.ok(existsSync(join(project, 'proposals', 'scene-0001.json')))
})

testInBrowser('images are corrected and accepted in the review page of the same server', async () => {
  await page.getByRole('link', { name: 'Open the review' }).click()
  await page.locator('.above').waitFor()
  const tab = await ReviewTab.open(context, `${url}review/`, SIZE)
  for (const name of ['scene-0001', 'scene-0002', 'scene-0003']) {
    await tab.page.locator('.where b', { hasText: name }).waitFor()
    await tab.ready()
    await tab.press('l')
    for (const [x, y] of [
      [20, 20],
      [60, 24],
      [40, 64],
    ] as const)
      await tab.drag([x - 8, y - 8], [x + 8, y - 8], [x + 8, y + 8], [x - 8, y + 8], [x - 8, y - 7])
    await tab.saved()
    await tab.press('Shift+A')
    await tab.saved()
  }
  await tab.page.getByRole('button', { name: 'Train on 3 images' }).waitFor()
  await tab.page.getByLabel('Order of the images').selectOption('uncertainty')
  await picture('review', tab.page)
  assert.equal(tab.faults, [])
  await tab.page.close()
  await page.goto(url)
  await page.getByText('3 of 4 images accepted').waitFor()
})

testInBrowser('an adapter is trained on what is accepted, with its curve on the page', async () => {
  await step('Train').getByRole('spinbutton').fill('0.3')
  await step('Train').getByRole('button', { name: 'Train on 3 accepted images' }).click()
  await page.locator('.job-running .run').waitFor(WAIT)
  await picture('training')
  await idle()
  assert.equal(await page.locator('.job-failed pre').allInnerTexts(), [])
  await page.locator('.adapters tbody tr').waitFor(WAIT)
  await page
    .locator('.answer')
    .getByText(/a score of [\d.]+ %, the base model has/)
    .waitFor(WAIT)
  const live = await context.newPage()
  await live.goto(`${url}runs/1/`)
  await live.locator('#note', { hasText: 'Finished' }).waitFor()
  await picture('run', live)
  await live.close()
})

testInBrowser('the image that is left is proposed again with the adapter, from the review page', async () => {
  const tab = await ReviewTab.open(context, `${url}review/#scene-0004`, SIZE)
  await tab.page.getByRole('button', { name: 'Propose again: 1 image' }).click()
  await tab.page.locator('.notices', { hasText: 'Propose masks with the adapter 1: done.' }).waitFor(WAIT)
  const { generator } = JSON.parse(readFileSync(join(project, 'proposals', 'scene-0004.json'), 'utf8'))
  assert.match(generator.adapter, /runs\/1\/(best|last)$/)
  assert.is(JSON.parse(readFileSync(join(project, 'proposals', 'scene-0001.json'), 'utf8')).generator.adapter, null)
  assert.equal(tab.faults, [])
  await tab.page.close()
})

testInBrowser('the particles are measured, and the reports open', async () => {
  await page.goto(url)
  await page.getByLabel('accepted images only').check()
  await runJob('Measure', /Measure 3 images/, 'measuring')
  const report = step('Measure').getByRole('link', { name: 'Particle sizes: report' })
  await report.waitFor()
  const [opened] = await Promise.all([context.waitForEvent('page'), report.click()])
  await opened.getByText('particles').first().waitFor()
  await picture('report', opened)
  await opened.close()
  for (const [width, height] of [
    [1440, 900],
    [1024, 768],
    [390, 844],
  ])
    for (const scheme of ['dark', 'light'] as const) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme: scheme })
      const beyond = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.ok((beyond as number) <= 0, `${width}: the page is ${beyond as number} pixels too wide`)
      await page.evaluate('scrollTo(0, 0)')
      await picture(`home-${width}-${scheme}`)
    }
  assert.equal(faults, [])
})

testInBrowser('Ctrl-C ends the server in order', async () => {
  assert.is(await stop('SIGINT'), 0)
})

test('a job that cannot begin says why', async () => {
  const lines: string[] = []
  const { ended } = startProcess(['measure', resolve(root, 'nowhere')], {
    onProgress() {},
    onLine: (line) => lines.push(line),
  })
  assert.is(await ended, 1)
  assert.match(lines.join('\n'), /^wgsam: .*nowhere/m)
})

test.run()
