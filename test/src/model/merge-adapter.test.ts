/** @file An adapter from disk: attached it changes the masks, merged it gives the same masks from a plain checkpoint. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Predictor } from '../../../engine/sam/predictor'
import type { SamModel } from '../../../engine/sam/sam-model'
import type { LoraConfig } from '../../../engine/train/lora'
import { Rng } from '../../../engine/rng'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { mergeModel } from '../../../src/model/merge-adapter'
import { openModel } from '../../../src/model/open-model'
import { openCheckpoint } from '../../../src/weights/checkpoint'
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
    const adapter = await loadAdapter(engine, model, path)
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

test('an adapter trained at one input size loads at another', async () => {
  const config = await configOf('toy_vit')
  const small = await openModel(engine, file('toy_vit'), { config, inputSize: 64 })
  const path = await writeRandom(small, { ...lora, blocks: ['1'] }, 'toy')
  const large = await openModel(engine, file('toy_vit'), { config, inputSize: 128 })
  const base = await outputs(large)
  await loadAdapter(engine, large, path)
  assert.ok(distance(await outputs(large), base) > 1e-3)
})

test('an adapter of another model is refused by name', async () => {
  const vit = await openModel(engine, file('toy_vit'), { config: await configOf('toy_vit') })
  const tiny = await openModel(engine, file('toy_tiny_vit'), { config: await configOf('toy_tiny_vit') })
  const path = await writeRandom(tiny, lora, 'toy')
  assert.match(await refusal(loadAdapter(engine, vit, path)), 'image_encoder.layers')
})

test.run()
