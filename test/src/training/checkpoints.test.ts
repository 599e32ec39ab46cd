/** When a checkpoint is written, what it must not be ahead of, and which ones a run resumes from. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import type { ParameterState } from '../../../engine/train/parameters'
import type { Adaptation } from '../../../src/training/adaptation'
import { CHECKPOINT_VERSION, readCheckpoint, type TrainingProgress } from '../../../src/training/checkpoint-file'
import { Checkpoints } from '../../../src/training/checkpoints'
import { runFolder } from '../../../src/training/run-folder'
import { temporary, toyConfig } from '../../support/toy-training'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))

const rng = new Rng(1).state()
const at = (step: number, more: Partial<TrainingProgress> = {}): TrainingProgress => ({
  version: CHECKPOINT_VERSION,
  config: 'c',
  images: 'i',
  step,
  validated: 0,
  data: { sampler: { epoch: 0, position: 0, order: [0], rng }, rng },
  base: null,
  best: null,
  waiting: 0,
  ending: null,
  loss: null,
  skipped: 0,
  seconds: 0,
  ...more,
})

/** Checkpoints of a model with one parameter, and what was done in which order. */
function open(name: string, checkpoint: object = {}) {
  const actions: string[] = []
  const state: ParameterState = {
    name: 'a',
    shape: [1],
    values: Float32Array.of(7),
    m: new Float32Array(1),
    v: new Float32Array(1),
  }
  const parameters = {
    download: async () => (actions.push('download'), [state]),
    upload: ([{ values }]: ParameterState[]) => void actions.push(`upload ${values[0]}`),
  }
  const adaptation = { layers: [], parameters, refresh: () => void actions.push('refresh') } as unknown as Adaptation
  const folder = runFolder(join(scratch, name))
  const flush = async () => void actions.push('flush')
  return { folder, actions, checkpoints: new Checkpoints(folder, toyConfig('data', { checkpoint }), adaptation, flush) }
}

const refusal = (promise: Promise<unknown>) => promise.then(String, (error: Error) => `${error.name}: ${error.message}`)

test('a checkpoint is due after the steps or the seconds of the configuration', async () => {
  const bySteps = open('steps', { seconds: 1e6, steps: 3 }).checkpoints
  await bySteps.saveLast(at(2))
  assert.equal(
    [3, 4, 5].map((step) => bySteps.isDue(at(step))),
    [false, false, true],
  )
  const bySeconds = open('seconds', { seconds: 0.05 }).checkpoints
  await bySeconds.saveLast(at(2))
  assert.not(bySeconds.isDue(at(100)))
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.ok(bySeconds.isDue(at(2)))
})

test('records are on the disk before the checkpoint; the same moment is written once', async () => {
  const { checkpoints, folder, actions } = open('once')
  assert.match(checkpoints.resumeAdvice(), 'No checkpoint')
  await checkpoints.saveLast(at(1))
  await checkpoints.saveLast(at(1))
  assert.equal(actions, ['flush', 'download'])
  await checkpoints.saveLast(at(1, { validated: 1 }))
  assert.equal(actions, ['flush', 'download', 'flush', 'download'])
  assert.is((await readCheckpoint(folder.last)).progress.validated, 1)
  assert.match(checkpoints.resumeAdvice(), /checkpoint of step 1 .*--resume .*once/)
})

test('a run resumes from the checkpoint of its own configuration and images only', async () => {
  assert.is(await open('new').checkpoints.restore({ config: 'c', images: 'i' }), null)
  await open('kept').checkpoints.saveLast(at(5))
  const { checkpoints, actions } = open('kept')
  assert.match(await refusal(checkpoints.restore({ config: 'x', images: 'i' })), /^UserError: .*another configuration/)
  assert.match(await refusal(checkpoints.restore({ config: 'c', images: 'x' })), /^UserError: .*other training images/)
  assert.equal(actions, [], 'nothing of it was used')
  assert.is((await checkpoints.restore({ config: 'c', images: 'i' }))!.step, 5)
  assert.equal(actions, ['upload 7', 'refresh'])
  await checkpoints.saveLast(at(5))
  assert.equal(actions, ['upload 7', 'refresh'], 'it is the last checkpoint already')
})

test.run()
