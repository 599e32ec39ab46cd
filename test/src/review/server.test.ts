/** @file The review's server: what it serves, which requests it rejects, and that two windows cannot overwrite each other. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connect } from 'node:net'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { projectFile } from '../../../src/project/project'
import { ReviewDocument } from '../../../src/project/review/document'
import { ReviewFolder } from '../../../src/project/review/review-folder'
import { MAX_BODY } from '../../../src/host/local-http'
import type { Action, ReviewHistory, ReviewMask } from '../../../src/project/review/review-records'
import type { ImageSummary } from '../../../src/review/protocol'
import { serve } from '../../../src/review/server'
import { put, scratch } from '../../support/files'
import { ask, made, SIZE, square, writeImage } from '../../support/review'

const HOSTILE = [
  `it's "quoted"`,
  'ü µm – 粒子',
  'x%2f..%2f..%2fetc',
  '%00',
  'a b&c=d?e#f',
  '<img src=x>',
  'b..',
  '__proto__',
]

const dir = scratch()
for (const name of HOSTILE) await writeImage(dir, name, [square(1, 2, 5), square(20, 20, 9)])
await writeImage(dir, 'plain', [square(1, 2, 5), square(20, 20, 9), square(30, 3, 4)])
await writeImage(dir, 'damaged', [square(1, 2, 5)])
writeFileSync(projectFile.proposals(dir, 'damaged'), '{"version": 1')
put(join(dir, 'secret.txt'), 'secret')
const outside = scratch()
await writeImage(outside, 'elsewhere', [])
symlinkSync(projectFile.image(outside, 'elsewhere'), projectFile.image(dir, 'linked'))
put(projectFile.candidates(dir, 'plain'), '{"version":1,"candidates":[]}')

const folder = await ReviewFolder.open(dir)
const assets = new Map([['index.html', { type: 'text/html', data: Buffer.from('<title>page</title>') }]])
const logged: string[] = []
const server = await serve({ folder, session: null, assets, log: (line) => logged.push(line) })
const { url, port } = server
const at = (name: string, part: string) => `${url}api/images/${encodeURIComponent(name)}/${part}`

const act = (name: string, window: string, base: number, action: Action) =>
  ask(at(name, 'actions'), { body: { window, base, action } })
const remove = (...ids: number[]): Action => ({ type: 'edit', edit: { kind: 'remove', remove: ids, add: [] } })
const adding = (...masks: ReviewMask[]): Action => ({ type: 'edit', edit: { kind: 'add', remove: [], add: masks } })
const document = async (name: string) =>
  ReviewDocument.replay((await ask(at(name, 'document'))).json as ReviewHistory & { image: typeof SIZE })

test('all images are listed, including those that cannot be reviewed', async () => {
  const { status, json, headers } = await ask(`${url}api/images`)
  assert.is(status, 200)
  const list = json as ImageSummary[]
  assert.equal(list.map(({ info }) => info.name).sort(), [...HOSTILE, 'plain', 'damaged', 'linked'].sort())
  const of = (name: string) => list.find(({ info }) => info.name === name)!
  assert.is(of('plain').masks, 3)
  assert.is(of('plain').problem, null)
  assert.match(of('damaged').problem!, /proposals.*damaged\.json/)
  assert.match(of('linked').problem!, 'a link that leads out')
  assert.is(headers['access-control-allow-origin'], undefined)
  assert.equal((await ask(`${url}api/session`)).json.model, null)
})

test('an image’s pixels are exact, and are not sent twice', async () => {
  for (const name of [...HOSTILE, 'plain']) {
    const { status, body, headers } = await ask(at(name, 'pixels'))
    assert.is(status, 200, name)
    assert.is(headers['content-type'], 'image/png')
    const { data, info } = await sharp(body).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
    assert.equal([info.width, info.height, info.channels], [64, 48, 1])
    assert.is(data[500], (500 * 7) % 251)
    const again = await ask(at(name, 'pixels'), { headers: { 'If-None-Match': headers.etag! } })
    assert.is(again.status, 304)
    assert.is(again.body.length, 0)
  }
  assert.is((await ask(at('linked', 'pixels'))).status, 422)
})

test('an image whose file is lost while the review is open is named in words', async () => {
  const file = projectFile.image(dir, 'plain')
  renameSync(file, `${file}-moved`)
  const { status, json } = await ask(at('plain', 'pixels'))
  renameSync(`${file}-moved`, file)
  assert.is(status, 422)
  assert.match(json.error, /^cannot read the image .*plain\.png: there is no such file or folder$/)
  assert.is((await ask(at('plain', 'pixels'))).status, 200)
})

test('an edit is on the disk when the reply arrives, for any image name', async () => {
  for (const name of HOSTILE) {
    const { status, json } = await act(name, 'w1', 0, remove(1))
    assert.is(status, 200, name)
    assert.is(json.entry.seq, 1)
    const lines = readFileSync(projectFile.log(dir, name), 'utf8').trimEnd().split('\n')
    assert.is(lines.length, 2)
    assert.equal(JSON.parse(lines[1]), json.entry)
    assert.equal(
      (await document(name)).masks.map(({ id }) => id),
      [2],
    )
  }
})

test('a window that is behind receives the entries it missed, and changes nothing', async () => {
  await act('plain', 'w1', 0, remove(1))
  const late = await act('plain', 'w2', 0, remove(2))
  assert.is(late.status, 409)
  assert.match(late.json.error, 'another window')
  assert.is(late.json.entries.length, 1)
  assert.is(late.json.entries[0].window, 'w1')
  assert.equal((await ask(`${at('plain', 'log')}?after=0`)).json, late.json.entries)
  assert.equal((await ask(`${at('plain', 'log')}?after=1`)).json, [])
  assert.is((await act('plain', 'w2', 1, remove(2))).status, 200, 'and can continue from there')
  const ahead = await act('plain', 'w2', 9, remove(3))
  assert.is(ahead.status, 409)
  assert.equal(ahead.json.entries, [])
})

test('a request repeated after a lost reply is applied once', async () => {
  const action = adding(made(4, 'add', square(40, 30, 6)))
  const first = await act('plain', 'w1', 2, action)
  assert.equal((await act('plain', 'w1', 2, action)).json, first.json)
  assert.is((await act('plain', 'w2', 2, action)).status, 409, 'another window’s same edit is another edit')
  assert.is((await act('plain', 'w1', 2, remove(3))).status, 409)
  assert.is((await document('plain')).seq, 3)
})

test('many edits at once: each is applied or rejected, and the log has the applied ones', async () => {
  const { seq, nextId } = await document('plain')
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => act('plain', `w${i}`, seq, adding(made(nextId, 'add', square(i, i, 3))))),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal(answers.filter(({ status }) => status === 409).length, 19)
  assert.is((await document('plain')).seq, seq + 1)
})

test('requests without the token or from another site are rejected', async () => {
  const own = `127.0.0.1:${port}`
  const api = `${url}api/images`
  const refuse = async (status: number, address: string, headers: Record<string, string> = {}) => {
    const answer = await ask(address, { headers })
    assert.is(answer.status, status, `${address} ${JSON.stringify(headers)}`)
    assert.not.match(answer.body.toString(), /proposed|plain/)
    assert.is(answer.headers['access-control-allow-origin'], undefined)
    assert.match(String(answer.headers['content-security-policy']), "default-src 'self'")
    assert.is(answer.headers['x-content-type-options'], 'nosniff')
  }
  const token = url.split('/')[3]
  assert.match(token, /^[0-9a-f]{32}$/)
  await refuse(404, `http://${own}/`)
  await refuse(404, `http://${own}/api/images`)
  await refuse(404, api.replace(token, token.slice(0, -1)))
  await refuse(404, api.replace(token, 'x'.repeat(32)))
  // a person who opens an old address in a browser reads a page, not JSON
  const page = await ask(`http://${own}/${'x'.repeat(32)}/`, { headers: { Accept: 'text/html,*/*' } })
  assert.is(page.status, 404)
  assert.match(String(page.headers['content-type']), /^text\/html/)
  assert.match(page.body.toString(), /<h1>wgsam<\/h1><p>[^<{]+<\/p>/)
  await refuse(403, api, { Host: `evil.example:${port}` })
  await refuse(403, api, { Host: '127.0.0.1' })
  await refuse(403, api, { Host: `127.0.0.1:${port + 1}` })
  await refuse(403, api, { Origin: 'https://evil.example' })
  await refuse(403, api, { Origin: 'null' })
  await refuse(403, api, { Origin: `http://localhost:${port}` })
  await refuse(403, api, { Origin: `https://${own}` })
  await refuse(403, api, { 'Sec-Fetch-Site': 'cross-site' })
  await refuse(403, api, { 'Sec-Fetch-Site': 'same-site' })
  const allowed: Record<string, string>[] = [
    { Host: `localhost:${port}` },
    { Origin: `http://${own}` },
    { 'Sec-Fetch-Site': 'none' },
  ]
  for (const headers of allowed) assert.is((await ask(api, { headers })).status, 200)
  // Node keeps the first of two Host headers, so a second one is not simply overlooked
  const answer = await new Promise<string>((resolve) => {
    let text = ''
    const request = `GET /${token}/api/images HTTP/1.1\r\nHost: ${own}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (data) => (text += data)).on('close', () => resolve(text))
  })
  assert.match(answer, /^HTTP\/1\.1 40[03] /)
  // a form on another site can post, but neither with this content type nor without an Origin header
  const body = JSON.stringify({ window: 'w', base: 0, action: { type: 'undo' } })
  const form = { 'Content-Type': 'text/plain' }
  assert.is((await ask(at('plain', 'actions'), { raw: body, headers: form })).status, 415)
})

test('no path leads out of the folder or to other files', async () => {
  const paths = ['../secret.txt', '..%2fsecret.txt', 'secret.txt', 'images/plain.png', '../../package.json', 'api']
  for (const path of paths) assert.is((await ask(url + path)).status, 404, path)
  const names = ['../images/plain', '..', '.', '', 'plain/', 'nobody', '..%2f..%2fsecret', 'constructor', 'plain.png']
  for (const name of names)
    for (const part of ['pixels', 'document', 'log', 'candidates']) {
      if (HOSTILE.includes(name)) continue
      assert.is((await ask(at(name, part))).status, 404, `${name} ${part}`)
    }
  assert.is((await ask(`${url}api/images/%E0%A4%A/document`)).status, 400)
  assert.is((await ask(`${url}api/images/plain/document/more`)).status, 404)
  assert.is((await ask(`${url}api/images/plain/everything`)).status, 404)
  assert.is((await ask(url, { method: 'DELETE' })).status, 405)
  assert.not.ok(existsSync(join(dir, 'review', 'nobody.jsonl')))
  const page = await ask(url)
  assert.match(page.body.toString(), 'page')
  assert.is((await ask(url.slice(0, -1))).headers.location, new URL(url).pathname)
})

test('a link that replaces a file later is not followed', async () => {
  const secret = put(join(outside, 'passwd'), 'root:x:0:0:root')
  const swapped = async (path: string, part: string, to = secret) => {
    const before = readFileSync(path)
    unlinkSync(path)
    symlinkSync(to, path)
    const reply = await ask(at('plain', part))
    unlinkSync(path)
    writeFileSync(path, before)
    return reply
  }
  for (const [path, part] of [
    [projectFile.candidates(dir, 'plain'), 'candidates'],
    [projectFile.image(dir, 'plain'), 'pixels'],
  ]) {
    assert.is((await ask(at('plain', part))).status, 200)
    const { status, json } = await swapped(
      path,
      part,
      part === 'pixels' ? projectFile.image(outside, 'elsewhere') : secret,
    )
    assert.is(status, 422)
    assert.match(json.error, 'is a link that leads out of')
    assert.not.match(json.error, 'root:x')
    assert.is((await ask(at('plain', part))).status, 200)
  }
})

test('connections that send nothing keep nobody out', async () => {
  const silent = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  for (let i = 0; i < 5; i++) assert.is((await ask(`${url}api/images`)).status, 200)
  const open = () => silent.filter((socket) => !socket.destroyed && socket.readyState === 'open').length
  while (open() > 64) await new Promise((resolve) => setTimeout(resolve, 10))
  for (const socket of silent) socket.destroy()
})

test('candidates are served if they exist', async () => {
  assert.equal((await ask(at('plain', 'candidates'))).json, { version: 1, candidates: [] })
  const none = await ask(at(HOSTILE[0], 'candidates'))
  assert.is(none.status, 404)
  assert.match(none.json.error, 'wgsam generate')
  assert.is((await ask(at('plain', 'prompt'), { body: { window: 'w', points: [], box: null } })).status, 503)
})

test('hostile requests get an error message and change nothing', async () => {
  const before = readFileSync(projectFile.log(dir, 'plain'), 'utf8')
  const { seq, nextId } = await document('plain')
  const mask = made(nextId, 'add', square(1, 1, 3))
  const good = { window: 'w', base: seq, action: adding(mask) }
  const refused: [number, string, unknown?][] = [
    ...['', '{', 'null', '[]', '1', '"x"', '{}', '['.repeat(100_000), '{"a":'.repeat(50_000)].map(
      (raw) => [400, raw] as [number, string],
    ),
    [400, '', { ...good, window: '../x' }],
    [400, '', { ...good, window: 'x'.repeat(65) }],
    [400, '', { ...good, base: -1 }],
    [400, '', { ...good, base: 1.5 }],
    [400, '', { ...good, base: '3' }],
    [400, '', { ...good, base: 2 ** 40 }],
    [400, '', { ...good, action: { type: 'edit' } }],
    [400, '', { ...good, action: { type: 'drop' } }],
    [400, '', { ...good, action: adding({ ...mask, id: 1 }) }],
    [400, '', { ...good, action: adding({ ...mask, id: 2 ** 31 }) }],
    [400, '', { ...good, action: adding({ ...mask, predictedIou: 'high' as never }) }],
    [400, '', { ...good, action: adding({ ...mask, segmentation: { size: [1e9, 1e9], counts: 'x' } }) }],
    [400, '', { ...good, action: adding({ ...mask, segmentation: { size: [48, 64], counts: [1, 2] as never } }) }],
    [400, '', { ...good, action: adding({ ...mask, segmentation: { size: [48, 64], counts: 'oooooo1'.repeat(9) } }) }],
    [400, '', { ...good, action: remove(77) }],
    [400, '', { ...good, action: { type: 'redo' } }],
    [400, '', { ...good, action: { type: 'state', state: 'eaten' } }],
    [422, 'damaged', good],
  ]
  for (const [status, raw, body] of refused) {
    const name = raw === 'damaged' ? raw : 'plain'
    const answer = await ask(at(name, 'actions'), body === undefined ? { raw } : { body })
    assert.is(answer.status, status, `${raw.slice(0, 30)} ${JSON.stringify(body)?.slice(0, 200)}`)
    assert.type(answer.json.error, 'string')
    assert.not.match(answer.json.error, / at .*\.ts|\.mjs/)
  }
  assert.is(
    (
      await ask(at('plain', 'actions'), {
        raw: 'x'.repeat(10),
        headers: { 'Content-Length': `${MAX_BODY + 1}` },
      }).catch(() => ({
        status: 413,
      }))
    ).status,
    413,
  )
  assert.is((await ask(`${at('plain', 'log')}?after=-1`)).status, 400)
  assert.is((await ask(`${at('plain', 'log')}?after=x`)).status, 400)
  assert.is(readFileSync(projectFile.log(dir, 'plain'), 'utf8'), before)
  assert.is((await ask(at('plain', 'actions'), { body: { ...good, extra: 1, __proto__: { x: 1 } } })).status, 200)
  assert.equal(logged, [], 'none of it was this program’s own fault')
})

test('bytes that are not HTTP close only their own connection', async () => {
  const bytes = await new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('\x16\x03\x01 rubbish\r\n\r\n'))
    let all = ''
    socket.on('data', (chunk) => (all += chunk))
    socket.on('error', () => resolve(all))
    socket.on('close', () => resolve(all))
  })
  assert.match(bytes, /^HTTP\/1.1 400|^$/)
  assert.is((await ask(url)).status, 200)
})

test('the server is not reachable from the network', async () => {
  const { networkInterfaces } = await import('node:os')
  const others = Object.values(networkInterfaces()).flatMap((list) =>
    list!.filter((a) => !a.internal && a.family === 'IPv4'),
  )
  for (const { address } of others)
    await new Promise<void>((resolve, reject) => {
      const socket = connect(port, address, () => reject(new Error(`${address} answers`)))
      socket.on('error', () => resolve())
    })
})

test('a folder of images without proposals can be reviewed', async () => {
  const plain = scratch()
  mkdirSync(join(plain, 'sub'))
  for (const file of ['a.png', 'b.jpg', 'two.png', 'two.tif'])
    await sharp({ create: { width: 30, height: 20, channels: 3, background: '#804020' } }).toFile(join(plain, file))
  const own = await ReviewFolder.open(plain)
  assert.equal(own.names, ['a', 'b', 'two'])
  assert.match(own.summaries[2].problem!, 'several images have this name: two.png and two.tif')
  assert.equal([own.summaries[1].info.width, own.summaries[1].info.height], [30, 20])
  const other = await serve({ folder: own, session: null, assets })
  const add = adding(made(1, 'add', square(2, 2, 6, { width: 30, height: 20 })))
  const { status } = await ask(`${other.url}api/images/a/actions`, { body: { window: 'w', base: 0, action: add } })
  assert.is(status, 200)
  const { body } = await ask(`${other.url}api/images/a/pixels`)
  assert.is((await sharp(body).metadata()).channels, 3)
  await other.close()
  await own.close()
})

test.after(async () => {
  await server.close()
  await folder.close()
})

test.run()
