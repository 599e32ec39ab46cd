/** @file A generator with learned prompts, with a toy model and maps made from labels in place of a prompt head. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GeneratedSet } from '../../../engine/generate/candidate'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { rethreshold } from '../../../engine/generate/rethreshold'
import { type Region, regionKey, regionSize } from '../../../engine/image/box'
import type { LabelMap } from '../../../engine/image/label-map'
import { Rng } from '../../../engine/rng'
import { newPromptHead, PromptHead } from '../../../engine/sam/prompt-head'
import { engine } from '../../support/engine'
import { perfectMaps } from '../../support/prompt-maps'
import { openToy } from '../../support/toy'

const model = await openToy('toy_vit', 64)
const size = { width: 150, height: 101 }
const image = { ...size, rgb: Uint8Array.from({ length: 3 * 150 * 101 }, (_, i) => 128 + 90 * Math.sin(i / 40)) }

/** Nine discs of 30 pixels in a lattice. */
function lattice(width: number, height: number): LabelMap {
  const data = new Uint16Array(width * height)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (Math.hypot((x % 50) - 25, (y % 34) - 17) < 15)
        data[y * width + x] = 1 + 8 * Math.floor(y / 34) + Math.floor(x / 50)
  return { width, height, data }
}

/** The maps that a perfect head would give for each region of an image. */
const headOf = (labels: LabelMap) => ({
  async read({ left, top, right, bottom }: Region) {
    const data = Uint16Array.from({ length: (right - left) * (bottom - top) }, (_, i) => {
      const [x, y] = [left + (i % (right - left)), top + Math.floor(i / (right - left))]
      return labels.data[y * labels.width + x]
    })
    return perfectMaps({ width: right - left, height: bottom - top, data }, model.inputSize)
  },
  destroy() {},
})

// the toy model's masks are specks of noise
const open: Partial<GeneratorOptions> = {
  predIouThresh: 0,
  stabilityScoreThresh: 0.02,
  stabilityScoreOffset: 0.05,
  maskThreshold: 1,
  duplicateIou: 1,
}

async function generate(over: Partial<GeneratorOptions> = {}, of = image, labels = lattice(of.width, of.height)) {
  const generator = await MaskGenerator.create(model, { ...open, ...over }, headOf(labels))
  const totals: number[] = []
  const set = await generator.candidates(of, { onProgress: (done, total) => totals.push(done, total) })
  generator.destroy()
  return { set, totals, options: generator.options }
}

const removedOf = ({ removed }: GeneratedSet) => Object.values(removed).reduce((a, b) => a + b, 0)
const learned = await generate()

test('each particle is asked for once with a box, and once more with a point if the mask does not cover it', () => {
  const { set, totals, options } = learned
  assert.is(options.prompts, 'learned', 'auto is learned if there is a prompt head')
  assert.ok(set.prompts >= 9 && set.prompts <= 18, `${set.prompts} prompts`)
  assert.is(set.masks, 9 + 3 * (set.prompts - 9), 'one mask for a box, three for a point')
  assert.is(set.candidates.length + removedOf(set), set.masks, 'every mask is a candidate or counted as removed')
  assert.equal(totals.slice(-2), [set.prompts, set.prompts])
  const labels = lattice(size.width, size.height)
  for (const { point, promptBox, token } of set.candidates) {
    const id = labels.data[Math.round(point[1]) * size.width + Math.round(point[0])]
    assert.ok(id > 0, 'the point is on a particle')
    assert.is(token === 0, promptBox !== undefined)
    if (!promptBox) continue
    const [x, y] = [25 + 50 * ((id - 1) % 8), 17 + 34 * Math.floor((id - 1) / 8)]
    const off = [promptBox.left - x + 15, promptBox.top - y + 15, promptBox.right - x - 15, promptBox.bottom - y - 15]
    assert.ok(
      off.every((d) => Math.abs(d) < 4),
      `the box is off by ${off}`,
    )
  }
  assert.ok(set.candidates.some(({ promptBox }) => promptBox))
})

test('the same bits each time, for any number of prompts in a pass', async () => {
  assert.equal((await generate()).set, learned.set)
  assert.equal((await generate({ pointsPerBatch: 4 })).set, learned.set)
})

test('grid and explicit points do without the head; an empty map prompts nothing', async () => {
  const grid = await generate({ prompts: 'grid', pointsPerSide: 3 })
  assert.is(grid.set.prompts, 9)
  assert.is(grid.set.masks, 27)
  assert.is((await generate({ pointGrids: [[[0.5, 0.5]]] })).set.prompts, 1)
  const none = await generate({}, image, { ...size, data: new Uint16Array(size.width * size.height) })
  assert.equal([none.set.prompts, none.set.masks, none.set.candidates], [0, 0, []])
})

test('reference mode uses the grid', async () => {
  const options = { ...open, pointsPerSide: 2 }
  const [with_, without] = [
    await MaskGenerator.create(model, options, headOf(lattice(size.width, size.height))),
    await MaskGenerator.create(model, options),
  ]
  const points = async (generator: MaskGenerator) => (await generator.reference(image)).map((r) => r.point_coords)
  const expected = await points(without)
  assert.ok(expected.length > 0)
  assert.equal(await points(with_), expected)
  with_.destroy()
  without.destroy()
})

test('each crop and tile has a map; every particle is asked for', async () => {
  const large = { width: 330, height: 240, rgb: new Uint8Array(330 * 240 * 3).fill(120) }
  const labels = lattice(330, 240)
  const count = new Set(labels.data).size - 1
  for (const over of [{ cropNLayers: 1 }, { tileSize: 160, tileHalo: 35 }]) {
    const { set } = await generate({ ...over, maskThreshold: 2.2, stabilityScoreThresh: 0 }, large, labels)
    assert.ok(set.prompts >= count, `${set.prompts} prompts of ${count} particles`)
    assert.ok(new Set(set.candidates.map(({ crop }) => regionKey(crop))).size > 1)
    for (const { crop, point } of set.candidates) {
      const { width, height } = regionSize(crop)
      const [x, y] = [point[0] - crop.left, point[1] - crop.top]
      assert.ok(x >= 0 && y >= 0 && x < width && y < height, 'the point is in the region that was encoded')
    }
  }
})

test('rethreshold keeps the prompts', async () => {
  const again = await rethreshold(learned.set, { maskThreshold: 1.2, stabilityScoreOffset: 0.05 })
  assert.ok(again.candidates.length > 0)
  for (const { promptBox, point } of again.candidates)
    assert.ok(learned.set.candidates.some((c) => c.point === point && c.promptBox === promptBox))
})

test('without a prompt head learned prompts are refused; with one they are the default', async () => {
  const refused = await MaskGenerator.create(model, { prompts: 'learned' }).catch((e: Error) => e.message)
  assert.match(String(refused), /no prompt head/)

  const tensors = new Map(newPromptHead(model.architecture.outChannels, new Rng(3)).map((one) => [one.name, one]))
  // the foreground of this head is nearly everywhere
  tensors.get('prompt_head.conv2.bias')!.data.fill(3, 0, 1)
  const head = await PromptHead.load(engine, {
    has: (name) => tensors.has(name),
    read: async (name) => tensors.get(name)!,
  })
  model.promptHead = head
  try {
    const generator = await MaskGenerator.create(model, { ...open, pointsPerBatch: 16 })
    assert.is(generator.options.prompts, 'learned')
    const set = await generator.candidates(image)
    assert.ok(set.prompts > 0)
    assert.equal(await generator.candidates(image), set, 'the same bits each time')
    generator.destroy()
  } finally {
    model.promptHead = null
    head.release()
  }
})

test('a destroyed generator releases its memory', async () => {
  const before = { ...engine.bytes }
  await generate({ pointsPerBatch: 4 })
  assert.equal(engine.bytes, before)
})

test.run()
