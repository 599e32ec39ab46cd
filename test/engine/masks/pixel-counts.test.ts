/** @file The measures on cases small enough to count by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addConfusion,
  confusion,
  IGNORED,
  instanceScores,
  mean,
  noPixels,
  semanticScores,
} from '../../../engine/masks/pixel-counts'

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, not ${expected}`)

test('the counts of an image of ten pixels, of which two are ignored', () => {
  const actual = Uint8Array.of(1, 1, 1, 0, 0, 0, 0, 1, IGNORED, IGNORED)
  const predicted = Uint8Array.of(1, 1, 0, 1, 0, 0, 0, 0, 1, 0)
  assert.equal(confusion(predicted, actual), { truePositive: 2, falsePositive: 1, falseNegative: 2, trueNegative: 3 })
})

test('Dice, mIoU and accuracy of 2 TP, 1 FP, 2 FN, 3 TN', () => {
  const scores = semanticScores({ truePositive: 2, falsePositive: 1, falseNegative: 2, trueNegative: 3 })
  close(scores.dice, 4 / 7)
  close(scores.miou, (2 / 5 + 3 / 6) / 2)
  close(scores.accuracy, 5 / 8)
})

test('everything predicted as foreground in an image that is half foreground', () => {
  const scores = semanticScores({ truePositive: 50, falsePositive: 50, falseNegative: 0, trueNegative: 0 })
  close(scores.dice, 2 / 3)
  close(scores.miou, 0.25)
  close(scores.accuracy, 0.5)
})

test('a class that does not occur and is not predicted is right', () => {
  assert.equal(semanticScores({ truePositive: 0, falsePositive: 0, falseNegative: 0, trueNegative: 9 }), {
    dice: 1,
    miou: 1,
    accuracy: 1,
  })
  const nothing = semanticScores({ truePositive: 0, falsePositive: 0, falseNegative: 4, trueNegative: 0 })
  assert.equal(nothing, { dice: 0, miou: 0, accuracy: 0 })
})

test('a mask against an instance', () => {
  const { dice, iou } = instanceScores(6, 8, 10)
  close(dice, 12 / 18)
  close(iou, 6 / 12)
  assert.equal(instanceScores(0, 0, 5), { dice: 0, iou: 0 })
  assert.equal(instanceScores(5, 5, 5), { dice: 1, iou: 1 })
})

test('pooled counts are sums', () => {
  const one = { truePositive: 1, falsePositive: 2, falseNegative: 3, trueNegative: 4 }
  assert.equal([one, one].reduce(addConfusion, noPixels), {
    truePositive: 2,
    falsePositive: 4,
    falseNegative: 6,
    trueNegative: 8,
  })
  close(mean([0.25, 0.75]), 0.5)
})

test.run()
