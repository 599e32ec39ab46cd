/** @file Weights whose shapes are not those of the architecture are refused, by the name of the tensor, and nothing stays on the GPU. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import type { Architecture, TinyVitArchitecture } from '../../../engine/sam/architecture'
import { SamModel } from '../../../engine/sam/sam-model'
import type { WeightSource } from '../../../engine/sam/weights'
import { SettingError } from '../../../engine/setting-error'
import { openWeights } from '../../../src/web'
import { engine } from '../../support/engine'

const openToy = (name: string) =>
  openWeights(readFileSync(`golden/files/${name}.pth`), {
    config: JSON.parse(readFileSync(`golden/files/${name}.json`, 'utf8')),
  })

type Change = (shape: number[], data: Float32Array) => { shape: number[]; data: Float32Array }

const withChanged = (weights: WeightSource, name: string, change: Change): WeightSource => ({
  has: (one) => weights.has(one),
  read: async (one) => {
    const { shape, data } = await weights.read(one)
    return one === name ? change(shape, data) : { shape, data }
  },
})

async function refused(weights: WeightSource, architecture: Architecture, text: RegExp): Promise<void> {
  const before = engine.bytes.weight
  const error: unknown = await SamModel.load(engine, weights, architecture).then(
    (model) => (model.release(), null),
    (reason: unknown) => reason,
  )
  assert.instance(error, SettingError)
  assert.match((error as Error).message, text)
  assert.is(engine.bytes.weight, before)
}

const transposed: Change = (shape, data) => ({ shape: [...shape].reverse(), data })
const cut: Change = (shape, data) => ({
  shape: [shape[0] - 1, ...shape.slice(1)],
  data: data.subarray(data.length / shape[0]),
})
const short: Change = (shape, data) => ({ shape, data: data.subarray(1) })

for (const [model, names] of [
  [
    'toy_tiny_vit',
    [
      'image_encoder.patch_embed.seq.2.weight',
      'image_encoder.layers.0.blocks.0.conv2.weight',
      'image_encoder.layers.1.blocks.0.attn.attention_bias_table',
      'image_encoder.layers.1.blocks.0.mlp.fc2.weight',
      'image_encoder.neck.1.bias',
    ],
  ],
  ['toy_vit', ['image_encoder.pos_embed', 'image_encoder.blocks.1.attn.rel_pos_h', 'mask_decoder.iou_token.weight']],
] as const)
  test(`${model}: a tensor of another shape is refused by its name`, async () => {
    const { weights, architecture } = await openToy(model)
    for (const name of names) {
      const named = name.replaceAll('.', '\\.')
      await refused(
        withChanged(weights, name, cut),
        architecture,
        new RegExp(`^weight ${named} has the shape .* instead of`),
      )
      await refused(
        withChanged(weights, name, short),
        architecture,
        new RegExp(`^weight ${named}: \\d+ values do not fill`),
      )
    }
  })

test('a hidden layer may have any width, but both of its matrices have the same', async () => {
  const { weights, architecture } = await openToy('toy_tiny_vit')
  const name = 'image_encoder.layers.1.blocks.0.mlp.fc1.weight'
  await refused(withChanged(weights, name, cut), architecture, /fc1\.bias has the shape .* instead of/)
  await refused(withChanged(weights, name, transposed), architecture, /fc1\.weight has the shape .* instead of/)
})

test('weights of another architecture are refused', async () => {
  const { weights, architecture } = await openToy('toy_tiny_vit')
  const { dims } = architecture as TinyVitArchitecture
  const wider = { ...(architecture as TinyVitArchitecture), dims: dims.map((dim) => 2 * dim) }
  await refused(weights, wider, /^weight image_encoder\.patch_embed\.seq\.0\.weight has the shape/)
})

test.run()
