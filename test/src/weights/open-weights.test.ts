/** @file `openWeights` of every format from every kind of source, the cache of downloads, and what goes wrong with them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Sha256 } from '../../../src/host/sha256'
import { bufferSource } from '../../../src/weights/byte-source'
import { toCheckpoint } from '../../../src/weights/sam-checkpoint'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { folderCache } from '../../../src/weights/folder-cache'
import { hashOfSource } from '../../../src/weights/source-hash'
import { openWeights as openFile } from '../../../src/weights/open-weights-file'
import { type OpenedWeights, openWeights, type WeightInput } from '../../../src/weights/open-weights'
import { urlSource } from '../../../src/weights/url-source'
import type { WeightCache } from '../../../src/weights/weight-cache'
import { serveBytes } from '../../support/serve-bytes'
import { refuses, scratch } from '../../support/weights'

const at = scratch()
const GOLDEN = 'golden/files'
const TOYS = ['toy_vit', 'toy_tiny_vit', 'toy_lite'] as const
const pth = new Uint8Array(readFileSync(`${GOLDEN}/toy_vit.pth`))
const config = JSON.parse(readFileSync(`${GOLDEN}/toy_vit.json`, 'utf8'))
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const sha256 = sha256Of(pth)

/** All values of opened weights. */
async function valuesOf({ tensors, weights }: OpenedWeights): Promise<Record<string, Float32Array>> {
  const out: Record<string, Float32Array> = {}
  for (const name of tensors.keys()) out[name] = (await weights.read(name)).data
  return out
}
const checkpoint = await openCheckpoint(`${GOLDEN}/toy_vit.pth`)
const expected: Record<string, Float32Array> = {}
for (const [name, { read }] of checkpoint.tensors) expected[name] = await read()
await checkpoint.close()

const opening = (source: WeightInput, options = {}) => openWeights(source, { config, ...options })

test('integers in place of weights are refused, not read as numbers', async () => {
  const raw = { tensors: new Map(), metadata: {}, close: async () => {} }
  for (const [name, entry] of checkpoint.tensors) raw.tensors.set(name, { ...entry, dtype: 'I8' })
  const reading = async () => {
    const { tensors } = await toCheckpoint('quantised.pth', 'pth', raw)
    for (const { read } of tensors.values()) await read()
  }
  await refuses(reading(), 'quantised.pth', 'holds values of type I8, not floats: is the model quantised?')
})

test('a .pth is the same from bytes, a file, a path, a file URL, and a server with parts or without', async () => {
  const served = await serveBytes({ 'toy.pth': pth })
  const whole = await serveBytes({ 'toy.pth': pth }, { ranges: false })
  const inputs: WeightInput[] = [
    pth,
    pth.slice().buffer,
    new File([pth], 'toy.pth'),
    bufferSource(pth, 'own source'),
    `${served.base}toy.pth`,
    new URL(`${whole.base}toy.pth?download=1`),
    `${GOLDEN}/toy_vit.pth`,
    pathToFileURL(`${GOLDEN}/toy_vit.pth`),
  ]
  for (const input of inputs) {
    const opened = await openFile(input, { config })
    assert.is(opened.format, 'pth')
    assert.is(opened.architecture.kind, 'vit')
    assert.equal(await valuesOf(opened), expected, String(input).slice(0, 80))
    await opened.close()
  }
  assert.ok(!served.requests.includes('whole'))
  await served.close()
  await whole.close()
})

test('the architecture of each toy is found from its bytes alone', async () => {
  for (const toy of TOYS) {
    const own = JSON.parse(readFileSync(`${GOLDEN}/${toy}.json`, 'utf8'))
    const { architecture } = await openWeights(new Uint8Array(readFileSync(`${GOLDEN}/${toy}.pth`)), { config: own })
    assert.is(architecture.kind, toy === 'toy_vit' ? 'vit' : 'tiny_vit')
  }
})

test('a server whose size is hidden from the page, or that refuses parts, is asked for the whole', async () => {
  for (const options of [{ ranges: 'hidden' as const }, { refuseRanges: true }]) {
    const served = await serveBytes({ 'toy.pth': pth }, options)
    const opened = await opening(`${served.base}toy.pth`)
    assert.equal(await valuesOf(opened), expected)
    assert.is(served.requests.at(-1), 'whole')
    await served.close()
  }
})

test('small tensors share requests, and overlapping reads of a URL are right', async () => {
  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251)
  const served = await serveBytes({ a: bytes })
  const progress: [number, number | null][] = []
  const source = await urlSource(`${served.base}a`, { onProgress: (...now) => void progress.push(now) })
  const places = [0, 262_140, 999_990, 500_000, 262_143, 0, 700_000, 300_000]
  const reads = await Promise.all(places.map((place, i) => source.read(place, i % 2 ? 200_000 : 30)))
  reads.forEach((read, i) =>
    assert.equal(read, bytes.subarray(places[i], places[i] + (i % 2 ? 200_000 : 30)), `read ${i}`),
  )
  assert.equal(await source.read(1_000_000, 5), new Uint8Array(0))
  assert.ok(served.requests.length <= 8, `${served.requests.length} requests`)
  assert.ok(progress.every(([, size]) => size === bytes.length))
  assert.ok(progress.at(-1)![0] > 262_144)
  await served.close()
})

test('a file that changes on the server, and a connection that breaks off, are said', async () => {
  let version = 0
  const changing = await serveBytes({ a: new Uint8Array(600_000) }, { etag: () => `"${version}"` })
  const source = await urlSource(`${changing.base}a`)
  version++
  await refuses(source.read(300_000, 10), `${changing.base}a`, 'has changed while it was read')
  await changing.close()
  const broken = await serveBytes({ 'toy.pth': pth }, { ranges: false, breakAfter: 1000 })
  await refuses(opening(`${broken.base}toy.pth`), 'toy.pth', 'the connection broke off after 1000 bytes')
  await broken.close()
})

test('a signal ends the opening, and later reads', async () => {
  const served = await serveBytes({ 'toy.pth': pth })
  const reasonOf = (what: Promise<unknown>) =>
    what.then(
      () => null,
      (reason: Error) => reason.message,
    )
  const left = AbortSignal.abort(new Error('left the page'))
  assert.is(await reasonOf(opening(`${served.base}toy.pth`, { signal: left })), 'left the page')
  const controller = new AbortController()
  const opened = await opening(`${served.base}toy.pth`, { signal: controller.signal })
  controller.abort(new Error('changed their mind'))
  assert.is(await reasonOf(valuesOf(opened)), 'changed their mind')
  // a download to be kept ends in its middle, and nothing is kept
  const folder = at('aborted')
  const middle = new AbortController()
  const keeping = opening(`${served.base}toy.pth`, {
    cache: folderCache(folder),
    signal: middle.signal,
    onProgress: () => middle.abort(new Error('enough')),
  })
  assert.is(await reasonOf(keeping), 'enough')
  assert.is(await folderCache(folder).get(`url:${served.base}toy.pth`), null)
  await served.close()
})

test('a kept download is opened without the network; a damaged copy is discarded and loaded again', async () => {
  const folder = at('kept')
  const cache = folderCache(folder)
  const remarks: string[] = []
  const options = { cache, config, onRemark: (text: string) => void remarks.push(text) }
  for (const hash of [undefined, sha256]) {
    const served = await serveBytes({ 'toy.pth': pth })
    const url = `${served.base}toy.pth`
    await (await openFile(url, { ...options, sha256: hash })).close()
    assert.equal(served.requests, ['whole'])
    await served.close()
    const again = await openFile(url, { ...options, sha256: hash })
    assert.equal(await valuesOf(again), expected)
    assert.is(again.name, url)
    await again.close()
  }
  assert.equal(remarks, [])
  // of a known SHA-256 the address does not matter
  const elsewhere = await openFile('http://127.0.0.1:9/other.pth', { ...options, sha256 })
  assert.equal(await valuesOf(elsewhere), expected)
  await elsewhere.close()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.weights'))) {
    const damaged = Uint8Array.from(pth)
    damaged[5000] ^= 1
    writeFileSync(join(folder, file), damaged)
  }
  const served = await serveBytes({ 'toy.pth': pth })
  const mended = await openFile(`${served.base}toy.pth`, { ...options, sha256 })
  assert.equal(await valuesOf(mended), expected)
  await mended.close()
  assert.is(remarks.length, 1)
  assert.match(remarks[0], 'toy.pth is damaged and was discarded')
  await served.close()
  const after = await openFile('http://127.0.0.1:9/toy.pth', { ...options, sha256 })
  await after.close()
  assert.is(remarks.length, 1)
})

test('without room in the cache, or without a cache at all, the weights are used and it is said', async () => {
  const served = await serveBytes({ 'toy.pth': pth })
  const full: WeightCache = {
    get: async () => null,
    put: async () => {
      throw Object.assign(new Error('quota'), { name: 'QuotaExceededError' })
    },
    remove: async () => {},
  }
  // this host has no Cache API, which `true` stands for
  for (const [cache, words] of [
    [full, 'is used, but not kept: the browser has no room left'],
    [true, 'no Cache API'],
  ] as const) {
    const remarks: string[] = []
    const opened = await opening(`${served.base}toy.pth`, {
      cache,
      onRemark: (text: string) => void remarks.push(text),
    })
    assert.equal(await valuesOf(opened), expected)
    assert.match(remarks.join('\n'), words)
  }
  await served.close()
})

test('another SHA-256 than expected is refused, of a URL and of bytes; nothing is kept', async () => {
  const served = await serveBytes({ 'toy.pth': pth })
  const other = sha256Of(new Uint8Array(3))
  const folder = at('other')
  await refuses(opening(`${served.base}toy.pth`, { sha256: other, cache: folderCache(folder) }), sha256, 'another file')
  assert.is(await folderCache(folder).get(`sha256:${other}`), null)
  await refuses(opening(pth, { sha256: other }), 'the weights', sha256)
  await refuses(opening(pth, { sha256: 'abc' }), '64 hexadecimal digits')
  await refuses(opening(pth, { sha256: [sha256, sha256] }), '2 SHA-256 were given for 1 files')
  assert.equal(await valuesOf(await opening(pth, { sha256 })), expected)
  await served.close()
})

test('SHA-256 in parts of every length is that of the whole', async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7)
  for (let length = 0; length < 300; length++) {
    const hash = new Sha256()
    for (let start = 0; start < length; start += 1 + (start % 70))
      hash.update(bytes.subarray(start, Math.min(length, start + 1 + (start % 70))))
    assert.is(hash.hex(), sha256Of(bytes.subarray(0, length)), `${length} bytes`)
  }
  for (const wholeUpTo of [1000, 999])
    assert.is(await hashOfSource(bufferSource(bytes), { wholeUpTo }), sha256Of(bytes))
})

test.run()
