/** @file One cell of an ablation: an ordinary training run, then an evaluation of its adapter on held-out images. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { type FoundParticles, foundF1, ParticleCounter } from '../../engine/finetune/found-particles'
import { Predictor } from '../../engine/sam/predictor'
import type { SamModel } from '../../engine/sam/sam-model'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { UserError } from '../host/errors'
import { compare, type Contestant, scoreComparison, watershedContestant } from '../evaluation/compare'
import { EVALUATION_SLOTS } from '../evaluation/model-segmenter'
import { type DiameterOf, modelContestant, ResizableModel } from '../evaluation/model-contestants'
import { promptKinds } from '../evaluation/segmenter'
import { type EvaluationScores, summariseTallies } from '../evaluation/scores'
import { writeFileAtomic } from '../host/files'
import { Progress } from '../host/progress'
import { loadAdapter } from '../model/attach-adapter'
import { openModel } from '../model/open-model'
import { checkConfig, readConfigFile, type TrainConfig } from '../training/config'
import { configDifferences } from '../training/config-hash'
import type { FeatureCache } from '../../engine/finetune/feature-cache'
import { readMetrics } from '../tracking/metrics-file'
import { train, type TrainSummary } from '../training/train'
import { beginRun, hasCheckpoint, resumeRun, type RunFolder, runFolder } from '../training/run-folder'
import type { AblationCell } from './grid'

export interface Measured {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

export type Scores = Record<'point' | 'box', Measured>

/** The result of a cell, stored as cell.json in its folder. */
export interface CellResult {
  version: 1
  name: string
  parameters: number
  steps: number
  /** The time of training and its validations. */
  seconds: number
  /** The median over the steps. */
  secondsPerStep: number
  /** The time of training and evaluation in the session that finished the cell. */
  wallSeconds: number
  /** The planned GPU memory of training. */
  plannedBytes: number
  /** The adapter of the run that was measured. */
  adapter: 'best' | 'last'
  scores: Scores
  /** F1 of the particles that the adapter's prompt head finds; absent if it has none. */
  head?: number
}

/** The images to measure cells on. */
export interface EvaluationSet {
  items: readonly DatasetItem[]
  /** Maximum number of instances per image; null: all. */
  instances: number | null
  seed: number
  stop(): boolean
}

const fileOf = (run: RunFolder) => join(run.root, 'cell.json')
export const cellRun = (out: string, name: string): RunFolder => runFolder(join(out, 'cells', name))

/** The result of a cell; null if it is not done. @throws UserError if it was made by another recipe, or is damaged */
export async function readCell(run: RunFolder, config: TrainConfig): Promise<CellResult | null> {
  await checkRecipe(run, config)
  const path = fileOf(run)
  if (!existsSync(path)) return null
  try {
    const result = JSON.parse(await readFile(path, 'utf8')) as CellResult
    if (result.version === 1 && Number.isFinite(result.scores.point.dice + result.scores.box.dice)) return result
  } catch {
    // reported below
  }
  throw new UserError(`${path} is damaged: delete it to have the cell measured again`)
}

async function checkRecipe({ config: path, root }: RunFolder, config: TrainConfig): Promise<void> {
  if (!existsSync(path)) return
  const kept = checkConfig(await readConfigFile(path), path)
  // a run records the micro-batch that it chose, the model's own input size, and how much it validates
  const { images, instances } = config.validation
  const validation = {
    ...config.validation,
    images: images === 'auto' ? kept.validation.images : images,
    instances: instances === 'auto' ? kept.validation.instances : instances,
  }
  const chosen = { microBatch: config.microBatch, size: config.size ?? kept.size, validation }
  const differences = configDifferences({ ...kept, microBatch: config.microBatch }, { ...config, ...chosen })
  if (differences.length)
    throw new UserError(
      `${root} was made by another recipe:\n${differences.map((line) => `  ${line}`).join('\n')}\n` +
        'Use that recipe, or another --out.',
    )
}

/** Images are seen as by `wgsam eval`: in tiles where their particles are small. */
const estimated: DiameterOf = () => 'auto'

/** Something that needs no training, measured like a cell. */
export interface Rival {
  /** As the table names it. */
  name: string
  /** The side of the model's input; null without a model. */
  size: number | null
  scores: Scores
}

/**
 * Measures the base model at its own input size, at the recipe's if that is another, and the watershed. Returns null if it was
 * stopped.
 */
export async function measureRivals(
  engine: Engine,
  config: TrainConfig,
  evaluation: EvaluationSet,
): Promise<Rival[] | null> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const openAt = (size?: number) => openModel(engine, config.model, { inputSize: size, config: toy })
  const models = new ResizableModel(openAt)
  try {
    const { ownSize, inputSize } = await models.at(config.size ?? undefined)
    const sizes = [...new Set([inputSize, ownSize])]
    const contestants = [
      watershedContestant,
      ...sizes.map((size) =>
        modelContestant(models, {
          name: `base model at ${size}`,
          path: null,
          size,
          rival: true,
          diameterOf: estimated,
        }),
      ),
    ]
    const tallied = await measureAll(contestants, evaluation)
    return (
      tallied &&
      scoreComparison(tallied, { resamples: 0 }).models.map(({ name, size, evaluations }) => {
        return { name: size === null ? 'Otsu and watershed' : name, size, scores: scoresOf(evaluations) }
      })
    )
  } finally {
    models.release()
  }
}

/** Measures an adapter. Returns null if it was stopped. */
async function measure(
  engine: Engine,
  config: TrainConfig,
  adapter: string,
  evaluation: EvaluationSet,
): Promise<Pick<CellResult, 'scores' | 'head'> | null> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const size = config.size ?? undefined
  const models = new ResizableModel((inputSize) => openModel(engine, config.model, { inputSize, config: toy }))
  try {
    const { inputSize } = await models.at(size)
    const contestant = modelContestant(models, {
      ...{ name: adapter, path: adapter, size: inputSize, rival: false, diameterOf: estimated },
    })
    const tallied = await measureAll([contestant], evaluation)
    if (!tallied) return null
    const head = await measureHead(await models.at(inputSize), adapter, evaluation.items)
    return { scores: scoresOf(tallied[0].modes.map(summariseTallies)), ...(head !== null && { head }) }
  } finally {
    models.release()
  }
}

/** F1 of the particles that an adapter's prompt head finds; null if it has none. */
async function measureHead(model: SamModel, path: string, items: readonly DatasetItem[]): Promise<number | null> {
  const adapter = await loadAdapter(model, path)
  const predictor = await Predictor.create(model, { slots: EVALUATION_SLOTS })
  const counter = await ParticleCounter.open(predictor)
  try {
    if (!counter) return null
    const found: FoundParticles[] = []
    for (const item of items) {
      const sample = await loadItem(item)
      predictor.setImage(sample)
      found.push(await counter.count(sample))
    }
    return foundF1(found)
  } finally {
    counter?.destroy()
    predictor.destroy()
    adapter.release()
  }
}

function measureAll(contestants: readonly Contestant[], { items, instances, seed, stop }: EvaluationSet) {
  const line = new Progress('evaluating', contestants.length * items.length, { unit: 'images' })
  const order = contestants.map(({ name }) => name)
  return compare({
    contestants,
    items,
    prompts: promptKinds,
    maxInstances: instances,
    seed,
    stop,
    onProgress: (name, done, total) => line.update(done + total * order.indexOf(name)),
  })
}

const scoresOf = (evaluations: readonly EvaluationScores[]): Scores =>
  Object.fromEntries(
    evaluations.map(({ prompt, dice, miou, accuracy, instanceDice }) => [
      prompt,
      { dice, miou, accuracy, instanceDice },
    ]),
  ) as Scores

/** Trains a cell, resuming its run if there is one, and measures it. Returns null if it was stopped. */
export async function runCell(
  engine: Engine,
  { name, config }: Pick<AblationCell, 'name' | 'config'>,
  run: RunFolder,
  evaluation: EvaluationSet,
  features: FeatureCache,
  log: (line: string) => void,
): Promise<CellResult | null> {
  const began = performance.now()
  if (!hasCheckpoint(run)) await beginRun(run, config)
  // cells are compared by prompts; thresholds of the generator would be tuned in vain
  const kept = await resumeRun(run, { validation: { tune: 0 } })
  const summary: TrainSummary = await train({ engine, config: kept, run, stop: evaluation.stop, log, features })
  if (!summary.finished) return null
  const adapter = summary.best ? 'best' : 'last'
  const measured = await measure(engine, config, run[adapter], evaluation)
  if (!measured) return null
  const { parameters, steps, seconds, plannedBytes } = summary
  const result: CellResult = {
    version: 1,
    name,
    parameters,
    steps,
    seconds,
    secondsPerStep: await medianStep(run, config.batch),
    wallSeconds: (performance.now() - began) / 1000,
    plannedBytes,
    adapter,
    ...measured,
  }
  await writeFileAtomic(fileOf(run), `${JSON.stringify(result, null, 1)}\n`)
  return result
}

async function medianStep({ metrics }: RunFolder, batch: number): Promise<number> {
  const records = await readMetrics(metrics)
  const seconds = records.flatMap((r) =>
    r.kind === 'step' && r.time.imagesPerSecond ? [batch / r.time.imagesPerSecond] : [],
  )
  seconds.sort((a, b) => a - b)
  return seconds.length ? seconds[Math.floor(seconds.length / 2)] : NaN
}
