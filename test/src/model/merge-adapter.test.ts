/** @file An adapter from disk: attached it changes the masks, merged it gives the same masks from a plain checkpoint. */
import { copyFile, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Predictor } from '../../../engine/sam/predictor'
import { type HeadTensor, newPromptHead } from '../../../engine/sam/prompt-head'
import { PromptMapReader } from '../../../engine/sam/prompt-map-reader'
import type { PromptMaps } from '../../../engine/sam/prompt-maps'
import type { SamModel } from '../../../engine/sam/sam-model'
import type { LoraConfig } from '../../../engine/train/lora'
import { Rng } from '../../../engine/rng'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { mergeModel } from '../../../src/model/merge-adapter'
import { openModel } from '../../../src/model/open-model'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { writePromptHead } from '../../../src/weights/prompt-head-file'
import { refusal, scratch } from '../../support/files'
import { writeRandom } from '../../support/adapter'
import { engine } from '../../support/engine'

const toys = ['toy_vit', 'toy_tiny_vit'] as const
const file = (name: string) => `golden/files/${name}.pth`
const configOf = async (name: string) => JSON.parse(await readFile(`golden/files/${name}.json`, 'utf8'))

const lora: LoraConfig = {
  rank: 5,
  alpha: 3,
  rslora: true,
  targets: ['q', 'v', 'proj', 'lin2', 'decoder.v'],
  blocks: null,
}

/** Logits of a point and a box on an image of noise. */
async function outputs(model: SamModel): Promise<Float32Array> {
  const { inputSize: s } = model
  const predictor = await Predictor.create(model, { prompts: 2, slots: 2 })
  const rng = new Rng(5)
  predictor.setImages(
    Float32Array.from({ length: s * s * 3 }, () => rng.int(256)),
    Uint32Array.of(s, s - 9),
  )
  const coords = Float32Array.of(20, 30, 0, 0, 8, 9, 50, 60)
  const { logits } = await predictor.predict({ coords, labels: Int32Array.of(1, -1, 2, 3) })
  predictor.destroy()
  return logits
}

/** The prompt maps of an image of noise. */
async function mapsOf(model: SamModel): Promise<PromptMaps> {
  const { inputSize: s } = model
  const predictor = await Predictor.create(model)
  const reader = await PromptMapReader.create(engine, model.promptHead!, predictor.encoded)
  const rng = new Rng(6)
  predictor.setImages(
    Float32Array.from({ length: s * s * 3 }, () => rng.int(256)),
    Uint32Array.of(s, s),
  )
  const maps = await reader.read()
  reader.destroy()
  predictor.destroy()
  return maps
}

function distance(a: Float32Array, b: Float32Array): number {
  let [difference, norm] = [0, 0]
  for (let i = 0; i < b.length; i++) [difference, norm] = [difference + (a[i] - b[i]) ** 2, norm + b[i] ** 2]
  return Math.sqrt(difference / norm)
}

for (const toy of toys) {
  test(`${toy}: the merged checkpoint gives the adapted model's masks`, async () => {
    const config = await configOf(toy)
    const model = await openModel(engine, file(toy), { config })
    const path = await writeRandom(model, lora, file(toy))
    const base = await outputs(model)
    const adapter = await loadAdapter(model, path)
    const adapted = await outputs(model)
    assert.ok(distance(adapted, base) > 1e-2, 'the adapter does something')

    const out = join(scratch(), 'merged.safetensors')
    const { changed } = await mergeModel({ model: file(toy), adapter: path, out, config })
    const merged = await openModel(engine, out, { config })
    const error = distance(await outputs(merged), adapted)
    assert.ok(error < 1e-5, `${error}`)

    adapter.detach()
    assert.equal(await outputs(model), base, 'detached, the model is the base again, bit for bit')
    adapter.attach()
    assert.equal(await outputs(model), adapted)

    const [before, after] = [await openCheckpoint(file(toy)), await openCheckpoint(out)]
    assert.equal([...after.tensors.keys()].sort(), [...before.tensors.keys()].sort())
    for (const [name, tensor] of before.tensors) {
      const same =
        Buffer.compare(
          Buffer.from((await tensor.read()).buffer),
          Buffer.from((await after.tensors.get(name)!.read()).buffer),
        ) === 0
      assert.is(same, !changed.includes(name), name)
    }
    await before.close()
    await after.close()
    adapter.release()
    merged.release()
    model.release()
  })
}

test('an adapter’s prompt head comes with it, goes with it, and is in the merged checkpoint', async () => {
  const config = await configOf('toy_vit')
  const model = await openModel(engine, file('toy_vit'), { config })
  const path = await writeRandom(model, lora, file('toy_vit'))
  const head = newPromptHead(model.architecture.outChannels, new Rng(4))
  await writePromptHead(path, head)
  const adapter = await loadAdapter(model, path)
  const maps = await mapsOf(model)
  assert.ok(maps.centre.some((v) => v > 0 && v < 1))
  adapter.detach()
  assert.is(model.promptHead, null)
  adapter.attach()
  assert.equal(await mapsOf(model), maps)

  const out = join(scratch(), 'merged.safetensors')
  const { promptHead, tensors } = await mergeModel({ model: file('toy_vit'), adapter: path, out, config })
  assert.ok(promptHead)
  const merged = await openModel(engine, out, { config })
  assert.ok(distance((await mapsOf(merged)).centre, maps.centre) < 1e-5)
  const stored = await openCheckpoint(out)
  for (const { name, shape, data } of head) {
    assert.equal(stored.tensors.get(name)!.shape, shape)
    assert.equal(await stored.tensors.get(name)!.read(), data)
  }
  await stored.close()

  // merged once more with an adapter of another head, the checkpoint has that one
  const other = await writeRandom(model, lora, out)
  await writePromptHead(other, newPromptHead(model.architecture.outChannels, new Rng(5)))
  const twice = join(scratch(), 'twice.safetensors')
  assert.is((await mergeModel({ model: out, adapter: other, out: twice, config })).tensors, tensors)
  const again = await openModel(engine, twice, { config })
  assert.ok(distance((await mapsOf(again)).centre, maps.centre) > 1e-3)
  // and an adapter without a head keeps the checkpoint's
  await writePromptHead(other, [])
  const kept = await mergeModel({ model: out, adapter: other, out: twice, config })
  assert.is(kept.tensors, tensors)
  assert.not.ok(kept.promptHead)
  for (const one of [adapter, merged, again, model]) one.release()
})

test('a prompt head that is damaged or of another model is refused by name', async () => {
  const config = await configOf('toy_vit')
  const model = await openModel(engine, file('toy_vit'), { config })
  const path = await writeRandom(model, lora, 'toy')
  const head = newPromptHead(model.architecture.outChannels, new Rng(4))
  const attempt = async (tensors: HeadTensor[]) => {
    await writePromptHead(path, tensors)
    return refusal(loadAdapter(model, path))
  }
  assert.match(await attempt(newPromptHead(20, null)), /conv1\.weight has the shape \(64, 20, 3, 3\) instead of/)
  assert.match(await attempt(head.slice(1)), /conv1\.weight is missing/)
  assert.match(await attempt([...head, { name: 'x', shape: [1], data: new Float32Array(1) }]), /x is not part of it/)
  const wrong = head.map((tensor, i) => (i ? tensor : { ...tensor, data: tensor.data.map(() => NaN) }))
  assert.match(await attempt(wrong), /conv1\.weight holds numbers that are not finite/)
  assert.is(model.promptHead, null)
  model.release()
})

test('an adapter trained at one input size loads at another', async () => {
  const config = await configOf('toy_vit')
  const small = await openModel(engine, file('toy_vit'), { config, inputSize: 64 })
  const path = await writeRandom(small, { ...lora, blocks: ['1'] }, 'toy')
  const large = await openModel(engine, file('toy_vit'), { config, inputSize: 128 })
  const base = await outputs(large)
  await loadAdapter(large, path)
  assert.ok(distance(await outputs(large), base) > 1e-3)
})

test('an adapter of another model is refused by name', async () => {
  const vit = await openModel(engine, file('toy_vit'), { config: await configOf('toy_vit') })
  const tiny = await openModel(engine, file('toy_tiny_vit'), { config: await configOf('toy_tiny_vit') })
  const path = await writeRandom(tiny, lora, 'toy')
  assert.match(await refusal(loadAdapter(vit, path)), 'image_encoder.layers')
})

test('the merged file does not replace what it is made of', async () => {
  const model = await openModel(engine, file('toy_vit'), { config: await configOf('toy_vit') })
  const adapter = await writeRandom(model, lora, 'toy_vit')
  model.release()
  const own = join(scratch(), 'my_sam.pth')
  await copyFile(file('toy_vit'), own)
  const link = join(scratch(), 'link.pth')
  await symlink(own, link)
  const config = await configOf('toy_vit')
  for (const [out, what] of [
    [own, 'the model itself'],
    [link, 'the model itself'],
    [join(adapter, 'adapter_model.safetensors'), "the adapter's file itself"],
  ])
    assert.match(await refusal(mergeModel({ model: own, adapter, out, config })), `--out ${out} is ${what}`)
  assert.equal(await readFile(own), await readFile(file('toy_vit')))
})

test('without an adapter the model is written as it is, as one safetensors file', async () => {
  const config = await configOf('toy_tiny_vit')
  const out = join(scratch(), 'alone.safetensors')
  const { tensors, changed, promptHead } = await mergeModel({ model: file('toy_tiny_vit'), out, config })
  assert.equal([changed, promptHead], [[], false])
  const written = await openCheckpoint(out)
  assert.is(written.tensors.size, tensors)
  const [original, copy] = [file('toy_tiny_vit'), out].map((path) => openModel(engine, path, { config }))
  assert.equal(await outputs(await copy), await outputs(await original))
})

test.run()
