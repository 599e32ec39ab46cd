/** @file One cell of an ablation: a training run like any other, then its measures on the images kept aside. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { loadAdapter } from '../model/attach-adapter'
import type { DatasetItem } from '../dataset/dataset'
import { UserError } from '../host/errors'
import { evaluateModel } from '../evaluation/compare'
import { promptKinds } from '../evaluation/evaluate'
import { summariseTallies } from '../evaluation/scores'
import { writeFileAtomic } from '../host/files'
import { Progress } from '../host/progress'
import { openModel } from '../model/open-model'
import { checkConfig, configDifferences, readConfigFile, type TrainConfig } from '../training/config'
import type { FeatureCache } from '../training/feature-cache'
import { readMetrics } from '../tracking/metrics-file'
import { train, type TrainSummary } from '../training/train'
import { beginRun, hasCheckpoint, resumeRun, type RunFolder, runFolder } from '../training/run-folder'
import type { Cell } from './grid'

export interface Measured {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

export type Scores = Record<'point' | 'box', Measured>

/** What is kept of a cell, in its folder's cell.json. */
export interface CellResult {
  version: 1
  name: string
  parameters: number
  steps: number
  /** Of training and its validations. */
  seconds: number
  /** Median. */
  secondsPerStep: number
  /** Of training and evaluation, this session's. */
  wallSeconds: number
  /** On the GPU in training, as planned. */
  plannedBytes: number
  /** Which of the run's adapters was measured. */
  adapter: 'best' | 'last'
  scores: Scores
}

export interface Evaluation {
  items: readonly DatasetItem[]
  instances: number | null
  seed: number
  stop(): boolean
}

const fileOf = (run: RunFolder) => join(run.root, 'cell.json')
export const cellRun = (out: string, name: string): RunFolder => runFolder(join(out, 'cells', name))

/** A cell that is done; null where it is not. @throws UserError where it was made by another recipe, or is damaged */
export async function readCell(run: RunFolder, config: TrainConfig): Promise<CellResult | null> {
  await checkRecipe(run, config)
  const path = fileOf(run)
  if (!existsSync(path)) return null
  try {
    const result = JSON.parse(await readFile(path, 'utf8')) as CellResult
    if (result.version === 1 && Number.isFinite(result.scores.point.dice + result.scores.box.dice)) return result
  } catch {
    // said below
  }
  throw new UserError(`${path} is damaged: delete it to have the cell measured again`)
}

async function checkRecipe({ config: path, root }: RunFolder, config: TrainConfig): Promise<void> {
  if (!existsSync(path)) return
  const kept = checkConfig(await readConfigFile(path), path)
  // a run writes down the micro-batch that it chose
  const differences = configDifferences({ ...kept, microBatch: config.microBatch }, config)
  if (differences.length)
    throw new UserError(
      `${root} was made by another recipe:\n${differences.map((line) => `  ${line}`).join('\n')}\n` +
        'Give the recipe as it was, or another --out.',
    )
}

/** Measures the base model (`adapter` null) or an adapter; null where it was stopped. */
export async function measure(
  engine: Engine,
  config: TrainConfig,
  adapter: string | null,
  { items, instances, seed, stop }: Evaluation,
): Promise<Scores | null> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, { inputSize: config.size, config: toy, fetch: true })
  const attached = adapter === null ? null : await loadAdapter(engine, model, adapter)
  const line = new Progress('evaluating', items.length, { unit: 'images' })
  try {
    const options = { items, prompts: promptKinds, maxInstances: instances, seed, stop }
    const onProgress = (_: string, done: number) => line.update(done)
    const modes = await evaluateModel(model, { name: adapter ?? 'base' }, { ...options, onProgress })
    if (!modes) return null
    const scores = modes.map(summariseTallies).map(({ prompt, dice, miou, accuracy, instanceDice }) => {
      return [prompt, { dice, miou, accuracy, instanceDice }] as const
    })
    return Object.fromEntries(scores) as Scores
  } finally {
    attached?.release()
    model.release()
  }
}

/** Trains a cell, from where it was left, and measures it; null where it was stopped. */
export async function runCell(
  engine: Engine,
  { name, config }: Cell,
  run: RunFolder,
  evaluation: Evaluation,
  features: FeatureCache,
  log: (line: string) => void,
): Promise<CellResult | null> {
  const began = performance.now()
  if (!hasCheckpoint(run)) await beginRun(run, config)
  const kept = await resumeRun(run, {})
  const summary: TrainSummary = await train({ engine, config: kept, run, stop: evaluation.stop, log, features })
  if (!summary.finished) return null
  const adapter = summary.best ? 'best' : 'last'
  const scores = await measure(engine, config, run[adapter], evaluation)
  if (!scores) return null
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
    scores,
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
