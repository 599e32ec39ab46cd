/** When a checkpoint is written, what it must not be ahead of, and which ones a run resumes from. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import type { ParameterState } from '../../../engine/train/parameters'
import type { Adaptation } from '../../../engine/finetune/adaptation'
import { beginning } from '../../../engine/finetune/progress'
import {
  CHECKPOINT,
  CHECKPOINT_VERSION,
  readCheckpoint,
  type TrainingProgress,
} from '../../../src/training/checkpoint-file'
import { Checkpoints } from '../../../src/training/checkpoints'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { openSafetensors } from '../../../src/weights/safetensors'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { stepRecord } from '../../support/tracking'
import { temporary, toyConfig } from '../../support/toy-training'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))

const rng = new Rng(1).state()
const at = (step: number, more: Partial<TrainingProgress> = {}): TrainingProgress => ({
  version: CHECKPOINT_VERSION,
  config: 'c',
  images: 'i',
  ...beginning({ sampler: { epoch: 0, position: 0, order: [0], rng }, rng }),
  step,
  validated: 0,
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
  mkdirSync(folder.root, { recursive: true })
  writeFileSync(folder.config, '{}')
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
  for (const seconds of [0.05, 1e6]) {
    const bySeconds = open(`seconds-${seconds}`, { seconds }).checkpoints
    await bySeconds.saveLast(at(2))
    await new Promise((resolve) => setTimeout(resolve, 60))
    assert.is(bySeconds.isDue(at(2)), seconds < 1)
    assert.is(bySeconds.isDue(at(100)), seconds < 1, 'however many steps')
  }
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

/** Replaces a text in the header of a checkpoint by one of the same length. */
async function edit(path: string, from: string, to: string): Promise<void> {
  const bytes = await readFile(path)
  const found = bytes.indexOf(from)
  assert.ok(found > 0 && from.length === to.length, from)
  bytes.write(to, found)
  await writeFile(path, bytes)
}

test('a run whose folder is deleted while it runs ends with an error, and makes no half of a folder', async () => {
  const { folder, checkpoints } = open('deleted')
  await checkpoints.saveLast(at(1))
  rmSync(folder.root, { recursive: true })
  for (const save of [() => checkpoints.saveLast(at(2)), () => checkpoints.saveBest(at(2))])
    assert.match(
      await save().then(String, String),
      /UserError: .*config\.json is gone: .* deleted or moved during the run/,
    )
  assert.not(existsSync(folder.root))
})

test('a single digit of the record or of a shape that was changed is found', async () => {
  const { folder } = open('sealed')
  const path = join(folder.last, CHECKPOINT)
  for (const [from, to] of [
    ['step\\":22', 'step\\":12'],
    ['validated\\":7', 'validated\\":8'],
    ['position\\":0', 'position\\":1'],
    [`rng\\":[${rng[0]}`, `rng\\":[${String(rng[0]).slice(0, -1)}${(rng[0] + 1) % 10}`],
    ['score\\":0.25', 'score\\":0.75'],
    ['loss\\":0.5', 'loss\\":0.4'],
    ['skipped\\":0', 'skipped\\":2'],
    ['"shape":[1]', '"shape":[ ]'],
    ['"seal":', '"sea1":'],
    ['"sha256":', '"sha255":'],
  ]) {
    await rm(path, { force: true })
    await open('sealed').checkpoints.saveLast(
      at(22, { validated: 7, loss: 0.5, best: { epoch: 1, step: 20, score: 0.25 } }),
    )
    assert.is((await readCheckpoint(folder.last)).progress.step, 22)
    await edit(path, from, to)
    assert.match(await refusal(readCheckpoint(folder.last)), /^UserError: .*checkpoint\.safetensors is damaged/, from)
  }
})

test('checkpoints of earlier versions, without a seal, are read', async () => {
  const { folder } = open('old')
  await open('old').checkpoints.saveLast(at(3))
  const path = join(folder.last, CHECKPOINT)
  const file = await openSafetensors(path)
  const { seal, ...metadata } = file.metadata
  assert.match(seal, /^[0-9a-f]{64}$/)
  const tensors = [...file.tensors.values()]
  const entries = await Promise.all(tensors.map(async ({ name, shape, read }) => ({ name, shape, data: await read() })))
  await file.close()
  await writeSafetensors(path, entries, metadata)
  assert.is((await readCheckpoint(folder.last)).progress.step, 3)
})

test('a run whose last checkpoint is gone is not begun again over its records', async () => {
  const { folder } = open('lost')
  const config = toyConfig('data')
  await beginRun(folder, config)
  await resumeRun(folder, {}) // killed before its first checkpoint
  await writeFile(folder.metrics, JSON.stringify(stepRecord(1)) + '\n')
  for (const begin of [beginRun(folder, config), resumeRun(folder, {})])
    assert.match(
      await refusal(begin),
      /^UserError: .*last.checkpoint\.safetensors is missing, though .*Restore it, or begin/,
    )
  await mkdir(folder.best)
  await writeFile(join(folder.best, CHECKPOINT), '')
  assert.match(await refusal(resumeRun(folder, {})), /Copy .*best to .*last to resume from the best step/)
  assert.is((await readFile(folder.metrics, 'utf8')).length > 0, true)
})

test.run()
