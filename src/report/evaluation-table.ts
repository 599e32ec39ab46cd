/** @file The tables of a comparison of models: their rows, and the text version for a terminal. */
import type { Interval } from '../evaluation/bootstrap'
import type { Comparison, Identity, ScoredModel } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/segmenter'
import { type Measure, type MeasureName, measures } from '../evaluation/measures'
import type { Change, ScoredEvaluation } from '../evaluation/scores'
import { textTable } from '../text/table'

/** Measures of prompted masks. Counts and precision are omitted: there is exactly one mask for each instance. */
const prompted: readonly MeasureName[] = [
  'dice',
  'miou',
  'accuracy',
  'instanceDice',
  'instanceIou',
  'recallAt50',
  'recallAt75',
  'ap50',
  'ap75',
  'ap',
  'boundaryF',
  'sizeErrorPixels',
  'sizeError',
]

export const shownMeasures: Record<PromptMode, readonly MeasureName[]> = {
  point: prompted,
  box: prompted,
  corrected: prompted,
  auto: Object.keys(measures) as MeasureName[],
}

/** What a column shows of a model: its values, their differences from the best rival's, or the error that is gone. */
export type ColumnKind = 'value' | 'change' | 'removed'

export interface ScoreCell {
  kind: ColumnKind
  /** NaN if the measure is not defined. */
  value: number
  interval: Interval | null
  /** For a change whose interval excludes 0: whether it is an improvement. Otherwise null. */
  better: boolean | null
}

export interface ScoreRow {
  measure: MeasureName
  cells: ScoreCell[]
}

/** The table of one prompt mode: a row for each measure; a column for each rival, and three for each model under test. */
export interface ScoreTable {
  prompt: PromptMode
  columns: { model: string; kind: ColumnKind }[]
  rows: ScoreRow[]
}

/** The prompt modes in which any of the models was evaluated. */
export const promptsOf = (models: readonly Pick<ScoredModel, 'evaluations'>[]): PromptMode[] => [
  ...new Set(models.flatMap(({ evaluations }) => evaluations.map(({ prompt }) => prompt))),
]

/** The tables of a comparison, one for each prompt mode. */
export function scoreTables({ models }: Comparison): ScoreTable[] {
  return promptsOf(models).map((prompt) => {
    const evaluated = models.flatMap((model) => {
      const evaluation = model.evaluations.find((one) => one.prompt === prompt)
      return evaluation ? [{ model: nameWithSize(model, models), evaluation, change: evaluation.change }] : []
    })
    const kinds = (change: Change | null): ColumnKind[] => (change ? ['value', 'change', 'removed'] : ['value'])
    const columns = evaluated.flatMap(({ model, change }) => kinds(change).map((kind) => ({ model, kind })))
    const rows = shownMeasures[prompt].map((measure) => ({
      measure,
      cells: evaluated.flatMap(({ evaluation, change }) =>
        kinds(change).map((kind) => scoreCell(kind, measure, evaluation)),
      ),
    }))
    return { prompt, columns, rows }
  })
}

function scoreCell(kind: ColumnKind, measure: MeasureName, evaluation: ScoredEvaluation): ScoreCell {
  const { intervals, change } = evaluation
  if (kind === 'value') return { kind, value: evaluation[measure], interval: intervals[measure], better: null }
  const { values, intervals: ranges } = kind === 'change' ? change! : change!.errorRemoved
  const [value, interval] = [values[measure], ranges[measure]]
  const better = kind === 'change' ? isBetter(measures[measure], evaluation[measure], value, interval) : null
  return { kind, value, interval, better }
}

/** A model's name, with its input size if the models have different ones. */
export function nameWithSize({ name, size }: Identity, models: readonly Identity[]): string {
  const sizes = new Set(models.flatMap((one) => one.size ?? []))
  return size !== null && sizes.size > 1 && !name.endsWith(` at ${size}`) ? `${name} at ${size}` : name
}

/** Whether a change is an improvement; null if its interval includes 0 or is not known, or nothing changed. */
function isBetter({ better }: Measure, now: number, change: number, interval: Interval | null): boolean | null {
  if (!change || Number.isNaN(change)) return null
  // without an interval, as with a single image, no statement is possible
  if (!interval || (interval[0] <= 0 && interval[1] >= 0)) return null
  if (better === 'zero') return Math.abs(now) < Math.abs(now - change)
  return better === 'more' ? change > 0 : change < 0
}

/** Whether a model under test is better than the rival that is best by a measure; null if the images do not tell. */
export const improvement = (measure: MeasureName, evaluation: ScoredEvaluation): boolean | null =>
  scoreCell('change', measure, evaluation).better

/** 0.9614 as `96.14`; with its sign if `signed`. */
export const percent = (value: number, signed = false): string => withSign(100 * value, signed)

/** A value of a measure: fractions in percent, lengths in pixels; a dash for NaN. */
export const formatValue = (measure: MeasureName, value: number, signed = false): string =>
  Number.isNaN(value) ? '–' : measures[measure].unit === 'percent' ? percent(value, signed) : withSign(value, signed)

const withSign = (value: number, signed: boolean): string => {
  const text = value.toFixed(2).replace('-', '−')
  return signed && value >= 0 ? `+${text}` : text === '−0.00' ? '0.00' : text
}

export const formatInterval = (measure: MeasureName, interval: Interval | null, signed = false): string =>
  interval ? `[${interval.map((end) => formatValue(measure, end, signed)).join(', ')}]` : ''

export const promptModeNames: Record<PromptMode, string> = {
  point: 'point prompts',
  box: 'box prompts',
  corrected: 'points and corrections',
  auto: 'automatic',
}

export const columnTitles: Record<Exclude<ColumnKind, 'value'>, string> = {
  change: 'change',
  removed: 'error removed',
}

/** The text of a cell's value: the error removed in percent whatever the measure's unit is. */
export const formatCell = (measure: MeasureName, { kind, value }: ScoreCell): string =>
  kind !== 'removed' ? formatValue(measure, value, kind === 'change') : percentOrDash(value)

export const formatCellInterval = (measure: MeasureName, { kind, interval }: ScoreCell): string =>
  kind !== 'removed'
    ? formatInterval(measure, interval, kind === 'change')
    : interval
      ? `[${interval.map(percentOrDash).join(', ')}]`
      : ''

/** A fraction in whole percent; a dash if it is not finite. How many times an error has grown beyond twice says nothing. */
const percentOrDash = (value: number): string =>
  !Number.isFinite(value) ? '–' : value < -1 ? 'below −100 %' : `${Math.round(100 * value)} %`.replace('-', '−')

/** What a comparison on a single image says before its figures. */
export const ONE_IMAGE = 'One image: no statement about other images is possible'

/**
 * Text with aligned columns: fractions in percent, 95 % confidence intervals in brackets. If there are changes, only they have
 * intervals, so that lines fit into a terminal.
 */
export function comparisonTable(comparison: Comparison): string {
  const blocks = scoreTables(comparison).map(({ prompt, columns, rows }) => [
    [promptModeNames[prompt], ...columns.map(({ model, kind }) => (kind === 'value' ? model : columnTitles[kind]))],
    ...rows.map(({ measure, cells }) => [
      `  ${measures[measure].label}`,
      ...cells.map((cell) => {
        const changed = columns.some(({ kind }) => kind === 'change')
        const range = cell.kind === (changed ? 'change' : 'value') ? formatCellInterval(measure, cell) : ''
        return `${formatCell(measure, cell)} ${range}`.trim()
      }),
    ]),
  ])
  const rows = blocks.flatMap((block, i) => (i ? [[], ...block] : block))
  const { evaluations } = comparison.models[0]
  const note = evaluations[0].perImage.length === 1 ? `${ONE_IMAGE}\n\n` : ''
  return note + textTable(rows, Infinity)
}
