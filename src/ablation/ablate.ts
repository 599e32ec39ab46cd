/** @file Runs the cells of an ablation (one training run each) one after the other, and writes the results after each. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine } from '../../engine/device/engine'
import { messageOf, UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { duration } from '../host/progress'
import { hardwareOf } from '../host/hardware'
import { inputText, type TrainConfig } from '../training/config'
import { configHash } from '../training/config-hash'
import { FeatureCache } from '../../engine/finetune/feature-cache'
import { runFolder } from '../training/run-folder'
import { openData } from '../training/session'
import { cellRun, type CellResult, type EvaluationSet, measureRivals, readCell, type Rival, runCell } from './cell'
import { chartsOf, chartsSvg } from './charts'
import { countParameters, linearShapes } from './parameter-count'
import type { AblationCell } from './grid'
import { renderAblation } from './ablation-report'
import { cellsOfTable, csvTable, type CellOutcome, markdownTable, rowsOf } from './ablation-table'

export interface AblationOptions {
  out: string
  cells: readonly AblationCell[]
  /** The training configuration that the cells vary. */
  recipe: TrainConfig
  part: 'test' | 'val'
  /** Maximum number of images of that part, and of instances per image; null: all. */
  images: number | null
  instances: number | null
  /** The command line, for the report. */
  command: string
  stop(): boolean
  log(line: string): void
}

export interface Ablation {
  outcomes: CellOutcome[]
  /** Empty if it was stopped before they were measured. */
  rivals: Rival[]
  /** False if it was stopped. */
  finished: boolean
}

export const splitFile = (out: string): string => join(out, 'split.json')

/** The cells with their parameter counts and the results that exist. @throws UserError for cells that cannot be trained */
export async function survey(out: string, cells: readonly AblationCell[]): Promise<CellOutcome[]> {
  const shapes = await linearShapes(cells[0].config)
  const outcomes: CellOutcome[] = []
  for (const cell of cells) {
    const count = countParameters(shapes, cell.config)
    outcomes.push({ cell, count, result: await readCell(cellRun(out, cell.name), cell.config), failure: null })
  }
  return outcomes
}

/** The estimated seconds for the remaining cells, from those that are done; null before the first is done. */
export function secondsLeft(outcomes: readonly CellOutcome[]): number | null {
  const done = outcomes.flatMap(({ result }) => result?.wallSeconds ?? [])
  const left = outcomes.filter(({ result, failure }) => !result && !failure).length
  return done.length ? (left * done.reduce((a, b) => a + b, 0)) / done.length : null
}

/** Runs the remaining cells. If the training of a cell fails, the failure is recorded and the next cell runs. */
export async function ablate(engine: Engine, options: AblationOptions): Promise<Ablation> {
  const { out, cells, recipe, part, log, stop } = options
  const outcomes = await survey(out, cells)
  // the split is made once, by the recipe, and copied into every cell
  const data = await openData(recipe, { ...runFolder(out), split: splitFile(out) }, log)
  const items = data[part].slice(0, options.images ?? data[part].length)
  if (!items.length) throw new UserError(`${splitFile(out)} leaves no image in its ${part} part to measure cells on`)
  const evaluation: EvaluationSet = { items, instances: options.instances, seed: recipe.seed, stop }
  const measured: MeasuredOn = {
    part,
    images: items.map(({ id }) => id),
    instances: options.instances,
    seed: recipe.seed,
  }
  const rivals = await rivalScores(engine, options, evaluation, measured)
  const ablation: Ablation = { outcomes, rivals: rivals ?? [], finished: rivals !== null }
  const features = new FeatureCache()
  for (const [i, outcome] of outcomes.entries()) {
    if (!ablation.finished || outcome.result) continue
    const { cell } = outcome
    const left = secondsLeft(outcomes)
    log(
      `cell ${i + 1} of ${cells.length}: ${cell.name}${left ? `; about ${duration(left)} for all remaining cells` : ''}`,
    )
    try {
      outcome.result = await runCell(engine, cell, cellRun(out, cell.name), evaluation, features, log)
    } catch (error) {
      engine.check()
      if (!(error instanceof UserError)) throw error
      outcome.failure = messageOf(error)
      log(`${cell.name} failed: ${outcome.failure}`)
    }
    ablation.finished = outcome.result !== null || outcome.failure !== null
    await writeResults(engine, options, ablation, measured)
  }
  await writeResults(engine, options, ablation, measured)
  return ablation
}

/** The images and the maximum number of instances per image that all cells are measured on. */
interface MeasuredOn {
  part: string
  images: string[]
  instances: number | null
  seed: number
}

/** The scores of the rivals, kept in the folder like those of a cell; null if it was stopped. */
async function rivalScores(
  engine: Engine,
  { out, recipe, log }: AblationOptions,
  evaluation: EvaluationSet,
  measured: MeasuredOn,
): Promise<Rival[] | null> {
  const path = join(out, 'rivals.json')
  const key = JSON.stringify({ ...measured, model: recipe.model, size: recipe.size, diameter: 'auto' })
  if (existsSync(path)) {
    const kept = await readFile(path, 'utf8')
      .then((text) => JSON.parse(text) as { key: string; rivals: Rival[] })
      .catch(() => null)
    if (kept?.key === key) return kept.rivals
    throw new UserError(
      `${path} was measured on other images, by another model or by an earlier version, and cells there may have been as well: give another --out`,
    )
  }
  log('the base model and the watershed')
  const rivals = await measureRivals(engine, recipe, evaluation)
  if (rivals) await writeFileAtomic(path, `${JSON.stringify({ key, rivals }, null, 1)}\n`)
  return rivals
}

async function writeResults(
  engine: Engine,
  options: AblationOptions,
  ablation: Ablation,
  measured: MeasuredOn,
): Promise<void> {
  const { out, recipe, command } = options
  const { outcomes, rivals, finished } = ablation
  const rows = rowsOf(outcomes)
  const hardware = await hardwareOf(engine)
  const cells = outcomes.map(({ cell, count, result, failure }) => {
    const { config, ...axes } = cell
    return { ...axes, ...count, recipe: configHash(config), result: result as CellResult | null, failure }
  })
  const json = { version: 1, command, finished, hardware, recipe, measured, rivals, cells }
  const write = (name: string, text: string) => writeFileAtomic(join(out, name), text)
  await write('ablation.json', `${JSON.stringify(json, null, 1)}\n`)
  await write('ablation.csv', csvTable(outcomes))
  await write('ablation.md', markdownTable(cellsOfTable(rows, rivals)))
  const drawing = chartsSvg(chartsOf(rows))
  if (drawing) await write('ablation.svg', drawing)
  const facts: [string, string][] = [
    ['Model', `${recipe.model}, ${inputText(recipe)}`],
    ['Data', recipe.data.join(', ')],
    [
      'Measured on',
      `${measured.images.length} images of the ${measured.part} part, ${measured.instances === null ? 'all particles' : `at most ${measured.instances} particles per image`}`,
    ],
    ['State', finished ? 'all training runs are done' : 'stopped before the end'],
  ]
  await write('report.html', renderAblation({ rows, rivals, facts, hardware, command, recipe }))
}
