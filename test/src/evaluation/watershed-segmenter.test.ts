/** @file The watershed by prompts: regions chosen by points and boxes on shapes whose pixels are known. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyMask, type Mask, maskArea } from '../../../engine/masks/mask'
import type { DatasetItem } from '../../../src/dataset/dataset'
import { instances } from '../../../engine/masks/instances'
import { promptedMatches } from '../../../src/evaluation/matching'
import { regionAtPoint, regionInBox, watershedSegmenter } from '../../../src/evaluation/watershed-segmenter'
import { touchingDiscs } from '../../support/discs'

const block = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})
const image = (width: number, height: number, gray: (x: number, y: number) => number) => ({
  width,
  height,
  gray: Float32Array.from({ length: width * height }, (_, i) => gray(i % width, Math.floor(i / width))),
})
const flat = image(40, 30, () => 50)

test('a point chooses the region that contains it, and nothing beside all regions', () => {
  const regions = [block(0, 0, 10, 10), block(10, 0, 10, 10)]
  assert.is(regionAtPoint(regions, [9, 9]), regions[0])
  assert.is(regionAtPoint(regions, [10, 0]), regions[1])
  assert.is(regionAtPoint(regions, [20, 5]), emptyMask)
})

test('a box chooses the region with the best overlap, not the largest one, and clips it', () => {
  const regions = [block(0, 0, 40, 30), block(4, 4, 12, 8), block(12, 12, 2, 2)]
  // of the box's 80 pixels the second region covers 64: 64 / (96 + 80 - 64), the first 80 / 1200
  const mask = regionInBox(regions, flat, { x0: 6, y0: 4, x1: 13, y1: 13 })
  assert.equal([mask.x0, mask.y0, mask.width, mask.height, maskArea(mask)], [6, 4, 8, 8, 64])
  const whole = regionInBox([regions[0]], flat, { x0: 6, y0: 4, x1: 13, y1: 13 })
  assert.is(maskArea(whole), 80, 'a region beyond the box on all sides is the box')
})

test('a box without a region takes the side of the threshold that fills its middle', () => {
  const disc = (inside: number, outside: number) =>
    image(40, 30, (x, y) => (Math.hypot(x - 20, y - 15) <= 8 ? inside : outside))
  const box = { x0: 12, y0: 7, x1: 28, y1: 23 }
  for (const [inside, outside] of [
    [200, 20],
    [20, 200],
  ]) {
    const mask = regionInBox([block(0, 0, 3, 3)], disc(inside, outside), box)
    const expected = Uint8Array.from({ length: 17 * 17 }, (_, i) => {
      return +(Math.hypot((i % 17) - 8, Math.floor(i / 17) - 8) <= 8)
    })
    assert.equal([mask.x0, mask.y0, mask.width, mask.height], [12, 7, 17, 17])
    assert.equal(mask.data, expected)
  }
  assert.is(maskArea(regionInBox([], flat, box)), 17 * 17, 'pixels that are all alike: the whole box')
  assert.is(maskArea(regionInBox([], flat, { x0: 3, y0: 3, x1: 3, y1: 3 })), 1)
})

test('discs are found by their points and boxes, one mask for each, though the labels are never looked at', async () => {
  const { image, labels } = touchingDiscs(true)
  const found = instances(labels)
  const segmenter = watershedSegmenter()
  const item = { id: 'discs' } as DatasetItem
  const hidden = { ...image, labels: new Uint16Array(labels.data.length) }
  await segmenter.encode(hidden)
  for (const prompt of ['point', 'box'] as const) {
    const { masks, scores } = await segmenter.prompted!(hidden, found, prompt, item)
    assert.is(masks.length, found.length)
    assert.ok(scores.every((score) => score === null))
    const { ious } = promptedMatches(labels, found, masks, scores)
    assert.ok(Math.min(...ious) > 0.85, `${prompt}: ${ious.map((iou) => iou.toFixed(2))}`)
  }
  const { masks } = await segmenter.automatic!(hidden, item)
  assert.is(masks.length, found.length)
})

test.run()
