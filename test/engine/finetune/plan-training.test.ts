/** @file `planTraining`: the plan of the program, from settings alone, also where there is no GPU. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { NothingFitsError } from '../../../engine/finetune/memory-planner'
import { planTraining, shapesOfArchitecture } from '../../../engine/finetune/plan-training'
import { SettingError } from '../../../engine/setting-error'
import { checkConfig } from '../../../src/training/config'
import { planRun } from '../../../src/training/memory-planner'
import { openWeights } from '../../../src/weights/open-weights'
import { publishedArchitectures } from '../../../src/weights/weight-shapes'
import { engine } from '../../support/engine'

const { architecture } = await openWeights(new Uint8Array(readFileSync('golden/files/toy_vit.pth')), {
  config: JSON.parse(readFileSync('golden/files/toy_vit.json', 'utf8')),
})
const settings = { architecture, size: 64, batch: 4, rank: 4, targets: ['q', 'v'] as ('q' | 'v')[] }

const rejection = (what: Promise<unknown>) =>
  what.then(
    () => null,
    (error: Error) => error,
  )

test('the step is planned as wgsam train plans it', async () => {
  const plan = await planTraining({ ...settings, engine })
  const config = checkConfig({ data: ['x'], size: 64, batch: 4, lora: { rank: 4, targets: ['q', 'v'] } }, 'test')
  const own = await planRun(engine, shapesOfArchitecture(architecture), config)
  assert.equal(plan.step, own.step)
  assert.equal([plan.microBatch, plan.recompute, plan.parameters], [own.microBatch, own.recompute, own.parameters])
  assert.ok(plan.total > plan.step.peak, 'validations count')
  const without = await planTraining({ ...settings, engine, validation: { every: 0 } })
  assert.is(without.total, without.step.peak)
})

test('without an engine the plan is for any GPU; less memory gives smaller micro-batches and recomputation', async () => {
  const free = await planTraining(settings)
  assert.is(free.microBatch, 4)
  assert.equal(free.recompute, { decoder: false, blocks: 0 })
  const memory = Math.round(0.4 * free.total)
  const small = await planTraining({ ...settings, memory })
  assert.ok(small.total <= memory)
  assert.ok(small.microBatch < 4 || small.recompute.decoder)
  const least = await rejection(planTraining({ ...settings, memory: 1000 }))
  assert.instance(least, NothingFitsError)
  assert.is((least as NothingFitsError).smallest!.microBatch, 1)
  assert.match(least!.message, 'of memory are too little for this run')
})

test('a large model is planned without its weights', async () => {
  const { total, size } = await planTraining({
    architecture: publishedArchitectures.sam_vit_b,
    size: 512,
    batch: 1,
    rank: 16,
  })
  assert.is(size, 512)
  assert.ok(total > 5e8 && total < 8e9, `${total} bytes`)
})

test('wrong settings are named', async () => {
  for (const [over, words] of [
    [{ memory: 0 }, 'memory is 0'],
    [{ microBatch: 3 }, 'microBatch is 3'],
    [{ rank: 0 }, 'rank'],
  ] as const) {
    const error = await rejection(planTraining({ ...settings, ...over }))
    assert.instance(error, SettingError)
    assert.match(error!.message, words)
  }
})

test.run()
