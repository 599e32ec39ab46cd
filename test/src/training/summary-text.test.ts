import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkConfig } from '../../../src/training/config'
import { describeTraining } from '../../../src/training/summary-text'
import type { TrainSummary } from '../../../src/training/train'

const summary: TrainSummary = {
  ...{ run: 'runs/first', finished: true, steps: 20, totalSteps: 20, loss: 0.5, base: 0.6, from: null },
  ...{
    best: { epoch: 4, step: 16, score: 0.75 },
    early: false,
    seconds: 90,
    parameters: 1,
    plannedBytes: 1,
    communication: null,
  },
  ...{ recompute: { decoder: false, blocks: 0 }, images: { train: 7, val: 2, test: 1 }, size: 512 },
  ...{ advice: [], tuning: 'done' },
}
const config = checkConfig({ data: ['my particles'], groupBy: 'column:sample' }, 'test')

test('a finished run proposes to measure its adapter and to use it', () => {
  const lines = describeTraining(summary, config).split('\n')
  assert.equal(lines.slice(0, 3), [
    'trained 20 of 20 steps in 1 min 30 s, loss 0.5000',
    'best: epoch 4.0, mean Dice 75.00 % on the validation images, 60.00 % with the base model',
    'adapter: runs/first/best',
  ])
  assert.match(
    lines[3],
    /^next: wgsam eval --data 'my particles' --group-by column:sample --adapter runs\/first\/best --report/,
  )
  assert.equal(lines.slice(4), ['or:   wgsam generate IMAGES --adapter runs/first/best --out project'])
})

test('what a prompt head finds is said beside the score', () => {
  const best = { epoch: 4, step: 16, score: 0.75, head: 0.5 }
  assert.match(
    describeTraining({ ...summary, best }, config),
    'mean Dice 75.00 % on the validation images, 60.00 % with the base model; the prompt head finds particles with an F1 of 50.00 %',
  )
})

test('without test images there is nothing to evaluate; a run begun with an adapter is compared with it', () => {
  const text = describeTraining(
    { ...summary, from: '/runs/zero/best', best: null, images: { train: 1, val: 0, test: 0 } },
    config,
  )
  assert.not.match(text, 'wgsam eval')
  assert.match(text, 'next: wgsam generate IMAGES --adapter runs/first/last')
  assert.match(describeTraining({ ...summary, from: '/zero' }, config), '60.00 % with the adapter at the beginning')
})

test('a run whose steps were no better than its adapter says so', () => {
  const same = describeTraining({ ...summary, from: '/zero', best: { epoch: 0, step: 0, score: 0.6 } }, config)
  assert.match(
    same,
    'no validation after a step was better than the adapter that the run began with (mean Dice 60.00 %)',
  )
  assert.not.match(same, 'epoch 0.0')
})

test('a run that was stopped proposes to resume it', () => {
  const text = describeTraining({ ...summary, finished: false, steps: 3 }, config)
  assert.match(text, /^stopped after 3 of 20 steps/)
  assert.match(text, /resume with: wgsam train --resume runs\/first$/)
})

test.run()
