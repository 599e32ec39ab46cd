/** @file The worst cases: which particles are kept, and that their drawings show the right place, outlines and prompt. */
import { join } from 'node:path'
import sharp from 'sharp'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mask } from '../../../engine/masks/mask'
import { type DatasetItem, openDataset } from '../../../src/dataset/dataset'
import { type Instance, instances } from '../../../engine/masks/instances'
import { colours } from '../../../src/drawing/raster'
import type { EvaluatedImage, ImageResult } from '../../../src/evaluation/evaluate'
import { describeWorst, WorstCollector } from '../../../src/report/worst-cases'
import { checkFigureName, drawWorst, worstImage, worstSection } from '../../../src/report/worst-figure'
import { png16, png8, scratch } from '../../support/files'

const [WIDTH, HEIGHT] = [200, 120]
const squares = [
  [10, 10, 20],
  [100, 50, 40],
  [170, 90, 30],
]

async function dataset(): Promise<DatasetItem> {
  const folder = scratch()
  const labels = new Uint16Array(WIDTH * HEIGHT)
  squares.forEach(([x0, y0, side], i) => {
    for (let y = y0; y < y0 + side; y++) for (let x = x0; x < x0 + side; x++) labels[y * WIDTH + x] = i + 1
  })
  await png8(join(folder, 'images', 'p.png'), WIDTH, HEIGHT, new Uint8Array(WIDTH * HEIGHT).fill(90))
  await png16(join(folder, 'masks', 'p.png'), WIDTH, HEIGHT, labels)
  return (await openDataset(folder)).items[0]
}

const found = instances({
  width: WIDTH,
  height: HEIGHT,
  data: Uint16Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
    const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)]
    return squares.findIndex(([x0, y0, side]) => x >= x0 && y >= y0 && x < x0 + side && y < y0 + side) + 1
  }),
})

const square = ({ x0, y0, x1 }: Instance, grow: number): Mask => {
  const side = x1 - x0 + 1 + grow
  return { x0, y0, width: side, height: side, data: new Uint8Array(side * side).fill(1) }
}

const image = (item: DatasetItem, prompt: 'point' | 'box' | 'auto', ious: number[], maskOf = [0, 1, 2]) => {
  const masks = found.map((one) => square(one, -4))
  const result = { prompt, instances: found, masks, matches: { maskOf, ious } } as unknown as ImageResult
  return { item, results: [result] } as unknown as EvaluatedImage
}

test('the worst are kept for each model and prompt mode, of equal ones the largest', async () => {
  const item = await dataset()
  const collector = new WorstCollector(2)
  collector.add('base', image(item, 'point', [0.5, 0.9, 0.1]))
  collector.add('base', image({ ...item, id: 'q' }, 'point', [0.3, 0.9, 0.9]))
  collector.add('adapted', image(item, 'auto', [0, 0, 0.9], [-1, -1, 2]))
  const worst = collector.worst(['base', 'adapted'])
  const brief = describeWorst(worst).map(({ model, prompt, cases }) => [
    model,
    prompt,
    ...cases.map(({ image: id, label, dice, maskArea }) => [id, label, Math.round(100 * dice), maskArea]),
  ])
  assert.equal(brief, [
    ['adapted', 'auto', ['p', 2, 0, 0], ['p', 1, 0, 0]],
    ['base', 'point', ['p', 3, 18, 26 * 26], ['q', 1, 46, 16 * 16]],
  ])
  assert.equal(new WorstCollector(0).worst(['base']), [])
  const none = new WorstCollector(0)
  none.add('base', image(item, 'point', [0.5, 0.9, 0.1]))
  assert.equal(none.worst(['base']), [])
})

test('a drawing shows the particle with the outlines of label and mask, and the prompt', async () => {
  const item = await dataset()
  const collector = new WorstCollector(3)
  collector.add('base', image(item, 'box', [0.1, 0.5, 0.9]))
  collector.add('base', image(item, 'point', [0.1, 0.5, 0.9]))
  const drawn = await drawWorst(collector.worst(['base']))
  assert.equal(
    drawn.map(({ prompt, cases }) => [prompt, ...cases.map(({ caption }) => caption)]),
    ['box', 'point'].map((prompt) => [prompt, 'Dice 18.18, p', 'Dice 66.67, p', 'Dice 94.74, p']),
  )
  const [{ size, rgb }] = drawn[1].cases
  // the crop is the 44 pixels around the square from 10 to 30: from 0 to 44
  assert.equal(size, { width: 240, height: 240 })
  const at = (x: number, y: number) => {
    const place = 3 * (Math.floor((y * 240) / 44) * 240 + Math.floor((x * 240) / 44))
    return [...rgb.subarray(place, place + 3)]
  }
  assert.equal(at(5, 5), [90, 90, 90])
  assert.equal(at(15, 15), [123, 114, 74], 'the mask is tinted')
  assert.equal(at(29.95, 20), [...colours.truth], 'right edge of the label')
  assert.equal(at(25.95, 20), [...colours.predicted], 'right edge of the mask, 4 pixels inside')
  const { point } = found[0]
  assert.equal(at(point[0] + 0.5, point[1] + 0.5), [255, 255, 255], 'the point prompt')
  const white = ({ rgb: all }: { rgb: Uint8Array }) =>
    all.filter((_, i) => i % 3 === 0 && all[i] + all[i + 1] + all[i + 2] === 765).length
  assert.ok(white(drawn[0].cases[1]) > 100, 'the box prompt')
  // a crop at the image's corner is moved inside
  assert.equal(drawn[1].cases[2].size, { width: 240, height: 240 })
})

test('as a section and as an image file; names are text', async () => {
  const item = { ...(await dataset()), id: '<b>&' }
  const collector = new WorstCollector(2)
  collector.add('adapted', image(item, 'point', [0.1, 0.5, 0.9]))
  const drawn = await drawWorst(collector.worst(['adapted']))
  const html = await worstSection(drawn)
  assert.match(html, 'Adapted model, point prompts: the 2 worst particles')
  assert.not.match(html, '<b>&')
  assert.is(html.split('data:image/jpeg;base64,').length - 1, 2)
  assert.is(await worstSection([]), '')
  const png = await sharp(await worstImage(drawn, 'x.PNG')).metadata()
  assert.equal([png.format, png.width, png.height], ['png', 10 + 2 * 250, 10 + 36 + 240 + 22 + 10])
  const jpeg = await sharp(await worstImage([], 'x.jpg')).metadata()
  assert.is(jpeg.format, 'jpeg')
  assert.throws(() => checkFigureName('worst.gif'), /worst\.gif.*\.png/)
  const nothing = { ...drawn[0], cases: [] }
  assert.ok((await worstImage([nothing], 'x.png')).length)
})

test.run()
