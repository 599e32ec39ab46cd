/** @file The simulated person: where the next click falls, and how masks are corrected by clicks. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { instances } from '../../../engine/masks/instances'
import { emptyMask, type Mask } from '../../../engine/masks/mask'
import type { ImagePrompt } from '../../../engine/sam/prompt-masks'
import { correctMasks, nextCorrection } from '../../../src/evaluation/simulated-corrections'

const [width, height] = [40, 20]
/** Particle 1 fills columns 4 to 14 and rows 4 to 14, particle 2 columns 20 to 30 of the same rows. */
const labels = { width, height, data: new Uint16Array(width * height) }
for (let y = 4; y <= 14; y++)
  for (let x = 4; x <= 14; x++) {
    labels.data[y * width + x] = 1
    labels.data[y * width + x + 16] = 2
  }
const [first, second] = instances(labels)
const rectangle = (x0: number, y0: number, x1: number, y1: number): Mask => ({
  ...{ x0, y0, width: x1 - x0 + 1, height: y1 - y0 + 1 },
  data: new Uint8Array((x1 - x0 + 1) * (y1 - y0 + 1)).fill(1),
})

test('the next click is on the deepest pixel of what is wrong', () => {
  assert.is(nextCorrection(labels, first, rectangle(4, 4, 14, 14)), null, 'nothing is wrong')
  // columns 10 to 14 are missing: the deepest pixels are in column 12
  assert.equal(nextCorrection(labels, first, rectangle(4, 4, 9, 14)), { x: 12, y: 6, foreground: true })
  // columns 15 to 35 are too much
  assert.equal(nextCorrection(labels, first, rectangle(4, 4, 35, 14)), { x: 20, y: 9, foreground: false })
  // a column too few and three too many; of equally deep ones what is missing
  assert.is(nextCorrection(labels, first, rectangle(5, 4, 17, 14))!.foreground, false)
  assert.is(nextCorrection(labels, first, rectangle(5, 4, 15, 14))!.foreground, true)
  assert.equal(nextCorrection(labels, second, emptyMask), { x: 25, y: 9, foreground: true })
  // the other particle is no part of it
  assert.equal(nextCorrection(labels, first, rectangle(20, 4, 30, 14)), { x: 9, y: 9, foreground: true })
})

test('masks that are wrong are corrected, each with all its points, until they are right or the clicks are used up', async () => {
  const prompts = [first, second].map(({ point: [x, y] }): ImagePrompt => {
    return { points: [{ x, y, foreground: true }], box: null }
  })
  const right = { mask: rectangle(4, 4, 14, 14), name: 'first' }
  const half = { mask: rectangle(20, 4, 24, 14), name: 'half' }
  const asked: ImagePrompt[][] = []
  const answers = [
    { mask: rectangle(20, 4, 35, 14), name: 'too much' },
    { mask: rectangle(20, 4, 30, 14), name: 'right' },
  ]
  const predict = async (given: ImagePrompt[]) => {
    asked.push(given)
    return [answers[asked.length - 1]]
  }
  const correct = (clicks: number) => correctMasks(labels, [first, second], prompts, [right, half], clicks, predict)
  assert.equal(await correct(5), [right, answers[1]])
  assert.equal(
    asked.map(([{ points, mask }]) => [points.map(({ x, foreground }) => [x, foreground]), mask]),
    [
      [
        [
          [25, true],
          [27, true],
        ],
        half.mask,
      ],
      [
        [
          [25, true],
          [27, true],
          [33, false],
        ],
        answers[0].mask,
      ],
    ],
    'a right mask is left alone, and nothing is asked when all are right',
  )
  asked.length = 0
  assert.equal(await correct(1), [right, answers[0]])
  assert.equal(await correct(0), [right, half])
})

test.run()
