/** The order of steps, validations and checkpoints, without a GPU: everything that the loop calls is a recorder. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { CHECKPOINT_VERSION, type TrainingProgress } from '../../../src/training/checkpoint-file'
import type { StepRecord } from '../../../src/tracking/records'
import { beginning } from '../../../engine/finetune/progress'
import { type LoopOptions, TrainingLoop } from '../../../engine/finetune/training-loop'
import { mergeConfig, type RawConfig } from '../../../src/training/config'
import { toyConfig } from '../../support/toy-training'

const rng = new Rng(1).state()
const data = { sampler: { epoch: 0, position: 0, order: [0], rng }, rng }
const measures = { dice: 0, miou: 0, accuracy: 0, instanceDice: 0 }

interface Script {
  /** Losses by step, from 1; 1 by default. */
  losses?: Record<number, number>
  /** Where something was not finite, by step: these are skipped. */
  origins?: Record<number, string>
  /** Scores of the validations in their order. */
  scores?: number[]
  /** F1 of the prompt head in each validation; without it there is no head. */
  heads?: number[]
  /** Number of the poll, from 1, at which the loop is asked to stop. */
  stopAt?: number
  from?: Partial<TrainingProgress>
  over?: RawConfig
  /** Steps in flight; with more than one the actions include when a step's report arrives. */
  inFlight?: number
  /** Number of the batch, from 1, that cannot be prepared. */
  badBatch?: number
}

/** Two epochs of four images in batches of two: four steps, a validation after each epoch. */
function loop({
  losses = {},
  origins = {},
  scores = [0.5, 0.6],
  heads = [],
  stopAt = Infinity,
  from = {},
  over = {},
  inFlight = 1,
  badBatch,
}: Script = {}) {
  const actions: string[] = []
  const rates: number[] = []
  const records: StepRecord[] = []
  const log: string[] = []
  const progress: TrainingProgress = {
    version: CHECKPOINT_VERSION,
    config: '',
    images: '',
    ...beginning(data),
    validated: 0,
    seconds: 100,
    ...from,
  }
  let polls = 0
  let batch = 0
  let step = progress.step
  const stop = () => ++polls >= stopAt
  const record = (action: string) => async () => void actions.push(action)
  const options = {
    config: toyConfig('data', mergeConfig({ epochs: 2, validation: { every: 1 } }, over)),
    images: 4,
    stop,
    log: (line: string) => log.push(line),
    inFlight,
    batches: {
      next: async () => {
        if (++batch === badBatch) throw new Error('there is no such file')
        return { microBatches: [], ids: [], after: data }
      },
    },
    session: {
      frozen: null,
      step: {
        run: (_: unknown, rate: number) => {
          actions.push(`step ${++step}`)
          rates.push(rate)
        },
        report: async () => {
          const [own, loss] = [step, losses[step] ?? 1]
          const origin = origins[step] ? { kind: 'input', where: origins[step] } : null
          const found = { nonFinite: origin ? 1 : 0, skipped: !!origin, origin }
          // later than all that happens without waiting
          await new Promise((resolve) => setTimeout(resolve, 1))
          if (inFlight > 1) actions.push(`report ${own}`)
          return { loss, parts: { dice: 1, bce: 1 }, gradientNorm: 1, ...found }
        },
      },
    },
    validator: {
      run: async (stop: () => boolean) => {
        if (stop()) return null
        actions.push(`validate ${step}`)
        return { score: scores.shift(), head: heads.shift(), measures: { point: measures, box: measures }, text: '' }
      },
    },
    checkpoints: {
      isDue: () => step === 3,
      saveLast: async ({ step, validated }: TrainingProgress) => void actions.push(`save ${step}/${validated}`),
      saveBest: record('best'),
      exportLast: record('export'),
    },
    reporter: {
      reportStep: async (record: StepRecord) => void records.push(record),
      reportValidation: async () => {},
    },
  } as unknown as LoopOptions
  return { actions, rates, records, log, progress, run: () => new TrainingLoop(options, progress).run() }
}

test('validations come after epochs and at the end, each followed by a checkpoint', async () => {
  const { actions, progress, run } = loop()
  assert.is(await run(), true)
  assert.equal(
    actions.join(', '),
    'step 1, step 2, validate 2, best, save 2/2, step 3, save 3/2, step 4, validate 4, best, save 4/4, save 4/4, export',
  )
  assert.equal(progress.best, { epoch: 2, step: 4, score: 0.6 })
  assert.ok(progress.seconds >= 100 && progress.seconds < 110, 'seconds of earlier sessions are included')
})

test('with steps in flight a report is awaited late, but validations and checkpoints see the state of all steps', async () => {
  const { actions, progress, run } = loop({ inFlight: 2, scores: [0.5, 0.6] })
  assert.is(await run(), true)
  assert.equal(
    actions.join(', '),
    'step 1, step 2, report 1, report 2, validate 2, best, save 2/2, step 3, report 3, save 3/2, step 4, report 4, ' +
      'validate 4, best, save 4/4, save 4/4, export',
  )
  const once = loop()
  await once.run()
  assert.equal({ ...progress, seconds: 0 }, { ...once.progress, seconds: 0 })

  const three = loop({ inFlight: 3, over: { validation: { every: 0 } }, from: { validated: 9 } })
  await three.run()
  assert.is(three.actions.slice(0, 6).join(', '), 'step 1, step 2, step 3, report 1, report 2, report 3')
})

test('a stop reports and saves the steps in flight, and so does a batch that cannot be prepared', async () => {
  const stopped = loop({ inFlight: 3, stopAt: 3, over: { validation: { every: 2 } } })
  assert.is(await stopped.run(), false)
  assert.is(stopped.actions.join(', '), 'step 1, step 2, report 1, report 2, save 2/0, export, best')
  assert.is(stopped.progress.step, 2)

  const bad = loop({ inFlight: 3, badBatch: 3, over: { validation: { every: 2 } } })
  assert.match(await bad.run().then(String, String), 'there is no such file')
  assert.equal([bad.actions.slice(0, 4), bad.progress.step], [['step 1', 'step 2', 'report 1', 'report 2'], 2])
})

test('only a better score replaces the best', async () => {
  const { actions, progress, run } = loop({ scores: [0.6, 0.6] })
  await run()
  assert.is(actions.filter((action) => action === 'best').length, 1)
  assert.is(progress.best!.step, 2)
})

test('a prompt head that finds more makes a state better, and keeps a run going', async () => {
  const heads = [0.1, 0.5, 0.6, 0.7, 0.8]
  const scores = [0.95, 0.94, 0.94, 0.94, 0.94]
  const over = { epochs: 5, schedule: { kind: 'constant' }, validation: { patience: 1 } }
  const { actions, progress, run } = loop({ scores: [...scores], heads: [...heads], over })
  await run()
  assert.is(actions.filter((action) => action === 'best').length, 5)
  assert.equal(progress.best, { epoch: 5, step: 10, score: 0.94, head: 0.8 })
  const headless = loop({ scores: [...scores], over })
  await headless.run()
  assert.equal([headless.progress.step, headless.progress.best], [4, { epoch: 1, step: 2, score: 0.95 }])
  const falling = loop({ scores: [0.5, 0.6], heads: [0.9, 0.6] })
  await falling.run()
  assert.is(falling.progress.best!.step, 2, 'points and boxes gain 2 x 0.1 together, the head loses 0.3')
})

test('a stop between steps or within a validation saves, and leaves the validation to the next session', async () => {
  const between = loop({ stopAt: 2 })
  assert.is(await between.run(), false)
  assert.equal(between.actions, ['step 1', 'save 1/0', 'export', 'best'], 'best/ is not empty after a stop')
  // polls: before step 1, before step 2, before the validation, within it
  const within = loop({ stopAt: 4 })
  assert.is(await within.run(), false)
  assert.equal(within.actions, ['step 1', 'step 2', 'save 2/0', 'export', 'best'])
  const resumed = loop({ from: { step: 2, validated: 0 } })
  await resumed.run()
  assert.equal(resumed.actions.slice(0, 3), ['validate 2', 'best', 'save 2/2'])
})

test('a new run begins with a validation of the base model, which is never the best', async () => {
  const { actions, progress, run } = loop({ from: { validated: -1 }, scores: [0.9, 0.5, 0.6] })
  await run()
  assert.equal(actions.slice(0, 5), ['validate 0', 'save 0/0', 'step 1', 'step 2', 'validate 2'])
  assert.equal([progress.base, progress.best!.score], [0.9, 0.6])
  const stopped = loop({ from: { validated: -1 }, stopAt: 2 })
  assert.is(await stopped.run(), false)
  assert.equal(stopped.actions, ['save 0/-1', 'export'])
})

test('validations that do not improve end the run, after the rate has fallen', async () => {
  const scores = [0.5, 0.6, 0.6, 0.1, 0.2, 0.7, 0.8]
  const over = { epochs: 10, schedule: { kind: 'cosine', warmup: 0 }, validation: { patience: 3 } }
  const { actions, rates, log, progress, run } = loop({ scores: [...scores], over })
  assert.is(await run(), true)
  // the best is of step 4; three validations later, after step 10, a tenth of the steps follow
  assert.equal([progress.step, progress.ending], [11, { from: 10, to: 11 }])
  assert.equal(actions.slice(-6), ['step 11', 'validate 11', 'best', 'save 11/11', 'save 11/11', 'export'])
  assert.ok(rates[10] > 0 && rates[10] < 0.6 * rates[9], `${rates[10]} after ${rates[9]}`)
  assert.is(log.length, 1)
  assert.match(log[0], 'no better validation in the last 3: the learning rate falls to 0 until step 11')
  const resumed = loop({ scores: [0.7], from: { ...progress, step: 10, validated: 10 }, over })
  await resumed.run()
  assert.equal([resumed.progress.step, resumed.rates], [11, rates.slice(10)])

  const constant = loop({ scores: [...scores], over: { ...over, schedule: { kind: 'constant' } } })
  assert.is(await constant.run(), true)
  assert.is(constant.progress.step, 10, 'a constant rate has nothing to fall from')
  const patient = loop({ scores: [...scores, 0.1, 0.1, 0.1], over: { ...over, validation: { patience: 0 } } })
  await patient.run()
  assert.is(patient.progress.step, 20)
})

test('a time limit ends the run with a validation, and counts the time of earlier sessions', async () => {
  const timed = loop({ from: { seconds: 60 - 1e-7 }, scores: [0.5], over: { minutes: 1 } })
  assert.is(await timed.run(), true)
  assert.equal(timed.actions, ['step 1', 'validate 1', 'best', 'save 1/1', 'save 1/1', 'export'])
})

test('a loss that is not finite ends the run before it reaches the progress', async () => {
  const { progress, run } = loop({ losses: { 2: NaN } })
  const message = await run().then(String, (error: Error) => `${error.name}: ${error.message}`)
  assert.match(message, /^DivergedError: the loss of step 2 is NaN/)
  assert.equal([progress.step, progress.loss], [1, 1])
  // the step after it may have been submitted, but nothing is saved
  const ahead = loop({ losses: { 2: NaN }, inFlight: 3, over: { validation: { every: 2 } } })
  assert.match(await ahead.run().then(String, String), /the loss of step 2 is NaN/)
  assert.equal([ahead.progress.step, ahead.actions.filter((action) => action.startsWith('save'))], [1, []])
})

test('a time limit ends the run after the steps in flight', async () => {
  const timed = loop({ inFlight: 2, from: { seconds: 60 - 1e-7 }, scores: [0.5], over: { minutes: 1, epochs: 9 } })
  assert.is(await timed.run(), true)
  assert.is(
    timed.actions.join(', '),
    'step 1, step 2, report 1, report 2, validate 2, best, save 2/2, save 2/2, export',
  )
})

test('the record of a skipped update says what was not finite', async () => {
  const { progress, records, run } = loop({ origins: { 2: 'pixels of image 3 of the batch' } })
  assert.is(await run(), true)
  assert.equal(
    records.map(({ step, skipped, nonFinite }) => [step, skipped, nonFinite]),
    [1, 2, 3, 4].map((step) =>
      step === 2 ? [2, true, 'pixels of image 3 of the batch'] : [step, undefined, undefined],
    ),
  )
  assert.is(progress.skipped, 0, 'of the last steps')
})

test.run()
