/** @file Weights from bytes, blobs and URLs, as a page opens them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { wgsl } from '../../scripts/wgsl-plugin.mjs'
import { SamModel } from '../../engine/sam/sam-model'
import { Segmenter } from '../../engine/segment/segmenter'
import { openCheckpoint, weightSource } from '../../src/weights/checkpoint'
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors-writer'
import { openWeights, urlSource } from '../../src/web'
import { engine } from '../support/engine'
import { serveBytes, type ServeOptions } from '../support/serve-bytes'
import { openToy } from '../support/toy'
import { discScene } from '../hosts/disc-scene'
import { temporary } from '../support/toy-training'

const SIZE = 48
const folder = await temporary()
const path = join(folder, 'toy.safetensors')
const checkpoint = await openCheckpoint('golden/files/toy_vit.pth')
const tensors: TensorToWrite[] = []
for (const [name, { shape, read }] of checkpoint.tensors) tensors.push({ name, shape, data: await read() })
await writeSafetensors(path, tensors)
const file = new Uint8Array(await readFile(path))
const config = JSON.parse(await readFile('golden/files/toy_vit.json', 'utf8'))

/** The mask of a point by a model. */
async function segmented(model: SamModel) {
  const segmenter = await Segmenter.create(model)
  const masks = await segmenter.segment(discScene().image, { points: [{ x: 25, y: 18 }] })
  segmenter.destroy()
  return masks
}

const toy = await openToy('toy_vit', SIZE)
const expected = await segmented(toy)
toy.release()

/** Serves the toy model, or other bytes under its name. */
async function serve(body: Uint8Array, options: ServeOptions = {}) {
  const served = await serveBytes({ 'toy.safetensors': body }, options)
  return { ...served, url: `${served.base}toy.safetensors` }
}

test('a model is the same from bytes, a buffer, a file and a URL with parts or without', async () => {
  const parts = await serve(file)
  const whole = await serve(file, { ranges: false })
  const progress: [number, number | null][] = []
  const sources = [file, file.slice().buffer, new File([file], 'toy.safetensors'), parts.url, new URL(whole.url)]
  for (const source of sources) {
    const opened = await openWeights(source, { config, onProgress: (...at) => void progress.push(at) })
    let loaded = 0
    const onTensor = (_: string, bytes: number) => void (loaded += bytes)
    const model = await SamModel.load(engine, opened.weights, opened.architecture, { inputSize: SIZE, onTensor })
    assert.equal(await segmented(model), expected)
    assert.ok(loaded > 0.9 * opened.bytes && loaded <= opened.bytes, `${loaded} of ${opened.bytes} bytes`)
    model.release()
  }
  const asked = parts.requests.length
  assert.ok(asked > 1 && asked < 20 && !parts.requests.includes('whole'), `${asked} requests for parts`)
  assert.is(whole.requests.length, 1)
  assert.equal(progress.at(-1), [file.length, file.length])
  await parts.close()
  await whole.close()
})

test('what is wrong with a source is said with its name', async () => {
  const message = (source: Parameters<typeof openWeights>[0]) =>
    openWeights(source, { config }).then(
      () => 'opened',
      (error: Error) => `${error.name}: ${error.message}`,
    )
  const missing = await serve(file, { status: 404 })
  assert.match(await message(missing.url), `UserError: ${missing.url}: the server answers 404`)
  await missing.close()
  const cut = await serve(file.subarray(0, file.length - 100))
  assert.match(
    await message(cut.url),
    /UserError: http.*toy\.safetensors: ends before tensor .* does: the file is truncated/,
  )
  await cut.close()
  assert.match(await message(`${cut.url}x`), /cannot be reached: fetch failed: \w/)
  assert.match(await message('model.pth'), 'model.pth: it is no URL; openWeights of wgsam/node takes paths')
  assert.match(await message(new Uint8Array(0)), 'UserError: the weights: the file is empty')
  assert.match(
    await message(new File(['<html>'], 'page.html')),
    'UserError: page.html: a web page, not a file of weights',
  )
  assert.match(
    await message(new Uint8Array(await readFile('golden/files/toy_vit.golden.safetensors'))),
    'the weights: ',
  )
})

test("an aborted request is the signal's reason", async () => {
  const served = await serve(file)
  const signal = AbortSignal.abort(new Error('left the page'))
  const error = await urlSource(served.url, { signal }).catch((reason: Error) => reason)
  assert.is((error as Error).message, 'left the page')
  await served.close()
})

test('the bundle needs nothing of its host', async () => {
  const { metafile } = await build({
    entryPoints: ['src/web.ts'],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    write: false,
    metafile: true,
    plugins: [wgsl()],
  })
  const inputs = Object.keys(metafile.inputs)
  const [{ bytes, inputs: used }] = Object.values(metafile.outputs)
  assert.equal(
    Object.keys(used).filter((name) => name.includes('.wgsl')),
    [],
    'no kernel is in it',
  )
  assert.ok(bytes < 200_000, `${bytes} bytes`)
  assert.ok(inputs.includes('src/weights/pth.ts') && inputs.includes('src/weights/onnx.ts'))
  assert.equal(
    inputs.filter((one) => !/^(src|engine|shaders|node_modules\/valibot)\//.test(one)),
    [],
  )
})

test('weights are checked as those of a file: values that are not finite are refused', async () => {
  const damaged = tensors.map((tensor, i) =>
    i === 3 ? { ...tensor, data: new Float32Array((tensor.data as Float32Array).length).fill(NaN) } : tensor,
  )
  const other = join(folder, 'nan.safetensors')
  await writeSafetensors(other, damaged)
  const { weights } = await openWeights(new Uint8Array(await readFile(other)), { config })
  const error = await weights.read(tensors[3].name).catch((reason: Error) => reason)
  assert.match((error as Error).message, `the weights: tensor ${tensors[3].name}: element 0 is NaN`)
  assert.equal((await weights.read(tensors[4].name)).data, (await weightSource(checkpoint).read(tensors[4].name)).data)
  await checkpoint.close()
})

test.run()
