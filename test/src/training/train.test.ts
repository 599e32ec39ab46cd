/**
 * Whole runs of a toy model. Called with arguments, this file is the child that the tests kill:
 * train.test.js child RUN
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../../../engine/device/engine'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/train'
import type { Sink } from '../../../src/tracking/sink'
import { CHECKPOINT, CHECKPOINT_VERSION, readCheckpoint, writeCheckpoint } from '../../../src/training/checkpoint-file'
import { openDataset } from '../../../src/dataset/dataset'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { openModel } from '../../../src/model/open-model'
import type { Adaptation } from '../../../engine/finetune/adaptation'
import { bestOf, type Scored } from '../../../engine/finetune/selection'
import { Validator } from '../../../src/training/validate'
import { openEngine } from '../../../src/host/gpu'
import { DivergenceGuard } from '../../../engine/finetune/divergence-guard'
import { readMetrics } from '../../../src/tracking/metrics-file'
import type { StepRecord } from '../../../src/tracking/records'
import { type TrainOptions, train } from '../../../src/training/train'
import { beginRun, hasCheckpoint, resumeRun, runFolder, lockRun } from '../../../src/training/run-folder'
import { readAdapterProfile, updateAdapterProfile } from '../../../src/weights/adapter-profile'
import { readAdapter } from '../../../src/weights/peft'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'
import { tunedOnSixImages } from '../../support/tuned-thresholds'

const [, , role, childRun] = process.argv
const scratch = role === 'child' ? '' : await temporary()
// the child's command opens its own engine
const { engine } = role === 'child' ? ({} as { engine: Engine }) : await import('../../support/engine')
const data = role === 'child' ? '' : await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

async function start(name: string, more: Partial<TrainOptions> = {}, over = {}) {
  const run = runFolder(join(scratch, name))
  const config = toyConfig(data, over)
  await beginRun(run, config)
  return train({ engine, config, run, ...more })
}

async function resume(name: string, more: Partial<TrainOptions> = {}) {
  const run = runFolder(join(scratch, name))
  return train({ engine, config: await resumeRun(run, {}), run, ...more })
}

/** A sink that reports the end of the training. */
const endOfRun = (ended: () => void): Sink => ({
  wantsImages: false,
  append: async () => {},
  flush: async () => {},
  close: async () => ended(),
})

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => `${error.name}: ${error.message}`,
  )

test('a run says at which magnifications its images are shown, if it chooses them', async () => {
  const saidBy = async (name: string, augment: unknown) => {
    const log: string[] = []
    await start(name, { log: (line) => log.push(line) }, { augment, maxSteps: 1, validation: { every: 0 } })
    return log.filter((line) => line.startsWith('views:'))
  }
  const [line, ...more] = await saidBy('views-auto', true)
  assert.match(
    line,
    /^views: the images' median particles are \d+ to \d+ px at the input .* 25 % of the views are whole/,
  )
  assert.equal(more, [])
  assert.equal(await saidBy('views-given', { magnification: [1, 2] }), [])
})

test('a finished run whose adapter finds no particle stores no thresholds and says so; stored ones are not searched again', async () => {
  const log: string[] = []
  const over = { epochs: 1, validation: { tune: 1 } }
  const summary = await start('tuned', { log: (line) => log.push(line) }, over)
  // the toy model finds nothing
  assert.is(summary.tuning, 'nothing')
  const { best, last } = runFolder(join(scratch, 'tuned'))
  const { thresholds, calibration, size } = await readAdapterProfile(best)
  assert.is(size, 80)
  assert.equal([thresholds, calibration], [undefined, undefined])
  assert.match(
    log.join('\n'),
    /thresholds are not stored: .*no mask matches one of the \d+ labelled particles of 1 validation image/,
  )

  const stored = { predIouThresh: 0.6, stabilityScoreThresh: 0.7, ...tunedOnSixImages }
  await updateAdapterProfile(best, { thresholds: stored })
  log.length = 0
  const again = await resume('tuned', { log: (line) => log.push(line) })
  assert.is(again.tuning, 'done')
  assert.equal((await readAdapterProfile(last)).thresholds, stored)
  assert.not.ok(log.some((line) => line.includes('thresholds')))
})

test('tuning can be stopped, is done when the run is resumed, and is switched off by 0', async () => {
  const over = { epochs: 1, validation: { tune: 1 } }
  let finished = false
  const log: string[] = []
  const stopped = await start(
    'untuned',
    { stop: () => finished, sinks: [endOfRun(() => (finished = true))], log: (line) => log.push(line) },
    over,
  )
  assert.ok(stopped.finished)
  assert.is(stopped.tuning, 'stopped')
  assert.ok(log.some((line) => /wgsam train --resume .*untuned.* does it/.test(line)))
  const { best } = runFolder(join(scratch, 'untuned'))
  assert.is((await readAdapterProfile(best)).thresholds, undefined)

  const run = runFolder(join(scratch, 'untuned'))
  const off = await train({ engine, config: await resumeRun(run, { validation: { tune: 0 } }), run })
  assert.is(off.tuning, 'skipped')
  assert.is((await readAdapterProfile(best)).thresholds, undefined)
  const on = await train({ engine, config: await resumeRun(run, { validation: { tune: 1 } }), run })
  assert.is(on.tuning, 'nothing', 'the search ran to its end')
})

test('a run validates, and writes metrics and adapters', async () => {
  const log: string[] = []
  const details: string[] = []
  await start(
    'verbose',
    { log: (line) => details.push(line), verbose: true },
    { maxSteps: 1, validation: { every: 0 } },
  )
  assert.ok(
    details.some((line) => /dispatches.*adapter.*optimizer/.test(line)),
    'the details of the plan are logged if asked for',
  )
  const summary = await start('whole', { log: (line) => log.push(line) })
  assert.ok(summary.finished)
  assert.is(summary.steps, summary.totalSteps)
  const records = await readMetrics(join(scratch, 'whole', 'metrics.jsonl'))
  assert.is(records.filter((r) => r.kind === 'step').length, summary.steps)
  const validations = records.flatMap((record) => (record.kind === 'validation' ? [record] : []))
  assert.ok(validations.length >= 2)
  const [base, ...trained] = validations
  assert.equal([base.step, base.score], [0, summary.base!], 'the first is of the base model')
  assert.ok(
    validations.every(({ head }) => head! >= 0 && head! <= 1),
    'the prompt head is measured too',
  )
  const { step, score, head } = bestOf(trained)!
  assert.equal([step, score, head], [summary.best!.step, summary.best!.score, summary.best!.head])
  assert.ok(log.some((line) => line.includes('the prompt head finds particles with an F1 of ')))
  assert.ok(log.some((line) => /^input 80 × 80 pixels, steps of 2 images.*; GPU memory: /.test(line)))
  assert.not.ok(log.some((line) => line.includes('dispatches')))
  for (const which of ['last', 'best']) {
    const { config, tensors } = await readAdapter(join(scratch, 'whole', which))
    assert.equal([config.r, config.lora_alpha], [4, 4])
    assert.ok(tensors.targets.size > 0)
    assert.ok(
      [...tensors.targets.values()].every(({ B }) => B.some((x) => x !== 0)),
      'every B has moved from 0',
    )
  }
})

test('without a size the model’s own is used, and recorded with the run and its adapter', async () => {
  const over = { size: null, batch: 1, maxSteps: 1, validation: { every: 0 } }
  await start('own size', {}, over)
  const { config, last } = runFolder(join(scratch, 'own size'))
  const { vision } = JSON.parse(await readFile('golden/files/toy_tiny_vit.json', 'utf8')) as { vision: { img: number } }
  assert.is((JSON.parse(await readFile(config, 'utf8')) as { size: number }).size, vision.img)
  assert.is((await readAdapterProfile(last)).size, vision.img)
  assert.ok((await resume('own size')).finished, 'the recorded size belongs to the same configuration')
})

/** The scores of a run's best adapter as it is on the disk, on the run's validation images. */
async function scoreOfBest(name: string): Promise<Scored> {
  const { best, split } = runFolder(join(scratch, name))
  const config = toyConfig(data)
  const model = await openModel(engine, config.model, {
    inputSize: 80,
    config: JSON.parse(await readFile(config.modelConfig!, 'utf8')),
  })
  const adapter = await loadAdapter(model, best)
  const session = { model, adaptation: { withAverage: (use) => use() } as Adaptation }
  const { items } = await openDataset(data)
  const { val } = JSON.parse(await readFile(split, 'utf8')) as { val: string[] }
  const validator = await Validator.open(
    session,
    items.filter(({ id }) => val.includes(id)),
    config,
  )
  const validation = await validator.run(() => false)
  validator.destroy()
  adapter.release()
  model.release()
  const { score, head } = validation!
  return { score, head }
}

test('what is exported and validated is the moving average of the parameters', async () => {
  const run = runFolder(join(scratch, 'whole'))
  const { progress, parameters } = await readCheckpoint(run.best)
  const { tensors } = await readAdapter(run.best)
  const b = parameters.find(({ name }) => name.endsWith('lora_B'))!
  const stored = [...tensors.targets].flatMap(([name, { B }]) => (b.name.includes(layerOf(name)) ? [...B] : []))
  assert.equal(stored, [...b.average!])
  assert.not.equal(stored, [...b.values])
  const full = await start('full', {}, { lora: { kind: 'full' }, epochs: 2 })
  const scored = ({ score, head }: Scored) => ({ score, head })
  assert.equal(await scoreOfBest('whole'), scored(progress.best!))
  assert.equal(await scoreOfBest('full'), scored(full.best!))

  await start('no average', {}, { average: 0, maxSteps: 1, validation: { every: 0 } })
  const plain = (await readCheckpoint(runFolder(join(scratch, 'no average')).last)).parameters
  assert.ok(plain.every(({ average }) => average === undefined))
})

const layerOf = (part: string) => part.replace(/\.[qkv]$/, '.')

test('the prompt head is trained and stored with the adapter, which gives it to the model; --no-head leaves it out', async () => {
  const quick = {
    ...{ epochs: 8, validation: { every: 0, tune: 0 }, optimizer: { learningRate: 0.01 }, strength: 'full' },
    // few particles in a view: the soft targets of crowded ones have a loss that cannot fall
    augment: { magnification: [0.5, 4] },
  }
  const { parameters } = await start('head', {}, quick)
  const steps = (await readMetrics(runFolder(join(scratch, 'head')).metrics)) as StepRecord[]
  const mean = (records: StepRecord[]) => records.reduce((sum, { parts }) => sum + parts!.head!, 0) / records.length
  assert.ok(mean(steps.slice(-5)) < 0.8 * mean(steps.slice(0, 3)), steps.map(({ parts }) => parts!.head).join(', '))

  const { model: path, modelConfig, size } = toyConfig(data)
  const config = JSON.parse(await readFile(modelConfig!, 'utf8'))
  const model = await openModel(engine, path, { config, inputSize: size! })
  const { last } = runFolder(join(scratch, 'head'))
  const adapter = await loadAdapter(model, last)
  const states = (await readCheckpoint(last)).parameters
  assert.ok(model.promptHead, 'the model has the head')
  for (const [name, tensor] of model.promptHead.tensors)
    assert.equal(await engine.read(tensor), states.find((state) => state.name === name)!.average, name)
  adapter.release()
  assert.is(model.promptHead, null)
  model.release()

  const without = await start('headless', {}, { ...quick, epochs: 1, head: { weight: 0 } })
  assert.ok(states.some(({ name }) => name.startsWith('prompt_head.')))
  assert.is(without.parameters, parameters, 'the head is not counted')
  const folder = runFolder(join(scratch, 'headless'))
  assert.not.ok((await readdir(folder.last)).includes('prompt_head.safetensors'))
  assert.is(((await readMetrics(folder.metrics)) as StepRecord[])[0].parts!.head, undefined)
})

test('the loss falls', async () => {
  const targets = ['q', 'v', 'proj', 'lin1', 'lin2', 'decoder.q', 'decoder.v', 'decoder.out']
  const over = {
    augment: false,
    epochs: 15,
    lora: { rank: 16, targets },
    optimizer: { learningRate: 2e-2, algorithm: 'adamw' },
    schedule: { kind: 'cosine' },
    validation: { every: 0 },
  }
  const log: string[] = []
  const { finished, best } = await start('learns', { log: (line) => log.push(line) }, over)
  assert.ok(
    log.some((line) => /at rank 16 .* of \d+ of \d+ matrices have more parameters/.test(line)),
    'a note on the rank is logged',
  )
  assert.ok(finished)
  assert.is(best, null, 'none without validation')
  const records = await readMetrics(join(scratch, 'learns', 'metrics.jsonl'))
  const losses = records.map((r) => (r as StepRecord).loss)
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length
  const [first, last] = [mean(losses.slice(0, 6)), mean(losses.slice(-6))]
  assert.ok(last < 0.85 * first, `mean loss of the first six steps ${first}, of the last ${last}`)
})

test('the micro-batch changes no more than rounding, and one that does not fit is refused', async () => {
  const first = async (name: string) =>
    (await readMetrics(join(scratch, name, 'metrics.jsonl'))).find((r): r is StepRecord => r.kind === 'step')!.loss
  await start('micro', {}, { microBatch: 2, maxSteps: 1, validation: { every: 0 } })
  const [two, one] = [await first('micro'), await first('whole')]
  assert.ok(Math.abs(two - one) < 1e-5 * one, `${two} against ${one}`)
  const { smallEngine } = await import('../../support/small-engine')
  const own = await smallEngine()
  const huge = start('huge', { engine: own }, { size: 1536, prompts: { count: 512 } })
  assert.match(await refusal(huge), /UserError: this training step does not fit the adapter: .* use a smaller/)
  own.destroy()
})

test('a run interrupted and resumed, again and again, ends with the same bits', async () => {
  let polls = 0
  // asked between steps and between validation images: every interruption is resumed
  const stop = () => ++polls % 4 === 0
  // with steps in flight, unlike the run that was never interrupted
  const inFlight = 3
  let summary = await start('interrupted', { stop, inFlight })
  let sessions = 1
  while (!summary.finished) {
    summary = await resume('interrupted', { stop, inFlight })
    assert.ok(++sessions < 50)
  }
  assert.ok(sessions > 3)
  assert.equal(await fingerprint(join(scratch, 'interrupted')), await fingerprint(join(scratch, 'whole')))
})

/** `wgsam train --resume` in a separate process, and its exit code or the signal that ended it. */
function child(name: string): { process: ChildProcess; ended: Promise<number | NodeJS.Signals | null> } {
  const file = fileURLToPath(import.meta.url)
  const running = spawn(process.execPath, [file, 'child', join(scratch, name)], { stdio: 'ignore' })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    running.on('close', (code, signal) => resolve(signal ?? code)),
  )
  return { process: running, ended }
}

/** Resolves when a run's records have grown, or its process has ended. */
async function grown(name: string, ended: Promise<unknown>): Promise<void> {
  const size = () => statSync(join(scratch, name, 'metrics.jsonl'), { throwIfNoEntry: false })?.size ?? 0
  const before = size()
  let over = false
  void ended.then(() => (over = true))
  while (!over && size() <= before) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('kill -9 at any moment leaves a complete checkpoint, and the run ends with the same bits', async () => {
  const run = runFolder(join(scratch, 'killed'))
  await beginRun(run, toyConfig(data, { checkpoint: { seconds: 0 } }))
  const ends: unknown[] = []
  for (const wait of [20, 250]) {
    const { process: victim, ended } = child('killed')
    await grown('killed', ended)
    await new Promise((resolve) => setTimeout(resolve, wait))
    victim.kill('SIGKILL')
    ends.push(await ended)
    assert.ok(hasCheckpoint(run))
  }
  assert.ok(ends.includes('SIGKILL'), `ended by ${ends}`)
  assert.ok((await resume('killed', { inFlight: 2 })).finished)
  assert.equal(await fingerprint(run.root), await fingerprint(join(scratch, 'whole')))
  const left = (await readdir(run.root, { recursive: true })).filter((name) => name.endsWith('.part'))
  assert.equal(left, [], 'nothing half written stays')
})

test('Ctrl-C saves and ends with code 130', async () => {
  const run = runFolder(join(scratch, 'stopped'))
  await beginRun(run, toyConfig(data))
  const { process: asked, ended } = child('stopped')
  await grown('stopped', ended)
  asked.kill('SIGINT')
  assert.is(await ended, 130)
  const { progress } = await readCheckpoint(run.last)
  assert.ok(progress.step > 0 && progress.step < 12, `saved after step ${progress.step}`)
  assert.ok((await readAdapter(run.last)).tensors.targets.size > 0)
  assert.ok((await resume('stopped')).finished)
  assert.equal(await fingerprint(run.root), await fingerprint(join(scratch, 'whole')))
})

test('only one program at a time trains in a folder', async () => {
  const folder = runFolder(join(scratch, 'locked'))
  const unlock = await lockRun(folder)
  assert.match(await refusal(lockRun(folder)), /UserError: another `wgsam train` has this folder open .*delete .*lock/)
  await unlock()
  await (
    await lockRun(folder)
  )()
})

test('a damaged checkpoint, another configuration and a run begun twice are refused with the reason', async () => {
  assert.match(await refusal(start('whole')), /UserError: .*whole already contains a run: .*--resume/)
  const copy = runFolder(join(scratch, 'damaged'))
  await cp(join(scratch, 'whole'), copy.root, { recursive: true })
  assert.match(
    await refusal(resumeRun(copy, { batch: 4, lora: { rank: 8 } })),
    /batch: 2 there, 4 now\n.*lora.rank: 4 there/,
  )

  const path = join(copy.last, CHECKPOINT)
  const bytes = await readFile(path)
  for (const [what, broken] of [
    ['cut off', bytes.subarray(0, bytes.length - 100)],
    ['a bit turned', Buffer.from(bytes).fill(bytes[bytes.length - 9] ^ 1, bytes.length - 9, bytes.length - 8)],
  ] as const) {
    await writeFile(path, broken)
    const said = await refusal(resume('damaged'))
    assert.match(said, /UserError: .*checkpoint\.safetensors is damaged/, what)
  }
  assert.match(await refusal(resumeRun(runFolder(join(scratch, 'nothing')), {})), 'contains no training run')
})

test('a checkpoint of another configuration or of another version is refused with the reason', async () => {
  const run = runFolder(join(scratch, 'changed'))
  await cp(join(scratch, 'interrupted'), run.root, { recursive: true })
  const { progress, parameters } = await readCheckpoint(run.last)
  await writeCheckpoint(run.last, { progress: { ...progress, config: 'another' }, parameters })
  assert.match(
    await refusal(resume('changed')),
    /UserError: the checkpoint in .*last was made with another configuration/,
  )
  await writeCheckpoint(run.last, { progress: { ...progress, images: 'others' }, parameters })
  assert.match(await refusal(resume('changed')), /UserError: .*split\.json lists other training images/)
  for (const version of [CHECKPOINT_VERSION - 1, CHECKPOINT_VERSION + 1]) {
    await writeCheckpoint(run.last, { progress: { ...progress, version } as unknown as typeof progress, parameters })
    assert.match(
      await refusal(resume('changed')),
      new RegExp(`UserError: .* has version ${version} of the checkpoint format, .*begin a new run`),
    )
  }
})

test('a parameter that is NaN ends the run with advice, and the checkpoint stays', async () => {
  const run = runFolder(join(scratch, 'poisoned'))
  await cp(join(scratch, 'interrupted'), run.root, { recursive: true })
  const { progress, parameters } = await readCheckpoint(run.best)
  parameters[0].values[0] = NaN
  progress.step = progress.validated = 3
  await writeCheckpoint(run.last, { progress, parameters })
  const before = await readFile(join(run.last, CHECKPOINT))
  const said = await refusal(resume('poisoned'))
  const message =
    /UserError: step 4: values of the parameter (\S+) are not finite.*--lr[^]*checkpoint of step 3 .*--resume/
  assert.is(message.exec(said)?.[1], parameters[0].name, said)
  assert.ok(before.equals(await readFile(join(run.last, CHECKPOINT))))
})

test('a few skipped updates are tolerated, many in a row end the run', () => {
  const guard = new DivergenceGuard()
  const parts = { dice: 1, bce: 1 }
  const origin = { kind: 'gradient', where: 'the gradient of neck.0' } as const
  const skipped = { loss: 1, parts, gradientNorm: Infinity, nonFinite: 7, skipped: true, origin }
  const fine = { loss: 1, parts, gradientNorm: 1, nonFinite: 0, skipped: false, origin: null }
  for (const report of [skipped, skipped, skipped, skipped, fine, skipped, skipped, skipped, skipped])
    guard.check(1, report)
  const message = /of 5 steps in a row, up to step 9, are not finite, in the last the gradient of neck.0/
  assert.throws(() => guard.check(9, skipped), message)
  const resumed = new DivergenceGuard(4)
  assert.throws(() => resumed.check(1, skipped), 'of 5 steps in a row')
  const fresh = new DivergenceGuard()
  const pixels = { kind: 'input', where: 'pixels of image 2 of the batch' } as const
  assert.throws(() => fresh.check(3, { ...skipped, loss: NaN, origin: pixels }), /step 3 is NaN.*pixels of image 2/)
})

test('a device that is out of memory is reported, with advice', async () => {
  const own = await openEngine()
  const run = runFolder(join(scratch, 'crowded'))
  const config = toyConfig(data)
  await beginRun(run, config)
  const create = own.device.createBuffer.bind(own.device)
  let full = false
  own.device.createBuffer = (descriptor) => {
    if (!full && descriptor.label?.startsWith('arena')) {
      full = true
      const error = new GPUOutOfMemoryError('no room for an arena')
      own.device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }))
    }
    return create(descriptor)
  }
  const said = await refusal(train({ engine: own, config, run }))
  assert.match(said, /UserError: the GPU is out of memory: no room for an arena\nSet --memory to what is free/)
  assert.ok(full)
  own.destroy()
})

test('a device that fails in the middle of a run is reported, with how to resume', async () => {
  const own = await openEngine()
  const run = runFolder(join(scratch, 'lost'))
  const config = toyConfig(data, { checkpoint: { steps: 2 } })
  await beginRun(run, config)
  const lose: Sink = {
    append: (event) => void (event.kind === 'step' && event.step === 5 && own.device.destroy()),
    flush: async () => {},
    close: async () => {},
  }
  const said = await refusal(train({ engine: own, config, run, sinks: [lose], inFlight: 3 }))
  assert.match(said, /UserError: the GPU device was lost[^]*checkpoint of step 4 .*--resume/)
  assert.ok((await resume('lost')).finished)
  assert.equal(await fingerprint(run.root), await fingerprint(join(scratch, 'whole')))
})

if (role === 'child') {
  const { values } = parse(command, ['--resume', childRun])
  process.exit((await command.run(values, [])) ?? 0)
} else test.run()
