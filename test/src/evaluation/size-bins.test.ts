/** @file Scores by the size of particles: bins, units, means and intervals, counted by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ImageTally } from '../../../src/evaluation/image-tally'
import { scoreBySize } from '../../../src/evaluation/size-bins'

const image = (magnification: number | null, instances: [diameter: number, iou: number][]) =>
  ({
    view: magnification === null ? undefined : { magnification },
    ious: instances.map(([, iou]) => iou),
    diameters: { masks: [], instances: instances.map(([diameter]) => diameter) },
  }) as unknown as ImageTally

const options = { resamples: 200, seed: 0 }
const brief = (bins: ReturnType<typeof scoreBySize>) =>
  bins!.map(({ from, to, instances, dice, recall }) => [from, to, instances, dice, recall])

const first = image(0.5, [
  [15.9, 1],
  [16, 0.5],
  [31, 0],
  [128, 0.75],
])
const second = image(2, [[20, 1]])

test('a particle belongs to the bin from its lower end to below its upper end; bins without particles are left out', () => {
  assert.equal(brief(scoreBySize([first, second], 'image', options)), [
    [0, 16, 1, 1, 1],
    [16, 32, 3, (2 / 3 + 0 + 1) / 3, 1 / 3],
    [128, null, 1, 1.5 / 1.75, 1],
  ])
})

test('at the model’s input every image has its own scale', () => {
  assert.equal(brief(scoreBySize([first, second], 'input', options)), [
    [0, 16, 3, (1 + 2 / 3) / 3, 1 / 3],
    [32, 64, 1, 1, 1],
    [64, 128, 1, 1.5 / 1.75, 1],
  ])
  assert.is(scoreBySize([first, image(null, [])], 'input', options), null)
})

test('intervals are over images: none for one image, nor where a resample has no particle of the bin', () => {
  assert.equal(scoreBySize([first], 'image', options)![0].intervals, { dice: null, recall: null })
  const [tiny, small] = scoreBySize([first, second], 'image', options)!
  assert.equal(tiny.intervals, { dice: null, recall: null })
  // the first image twice, each once, or the second twice
  assert.equal(
    small.intervals.dice!.map((v) => v.toFixed(6)),
    [(1 / 3).toFixed(6), '1.000000'],
  )
})

test.run()
