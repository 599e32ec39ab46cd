/** @file The tables of a comparison of models: their rows, and the text version for a terminal. */
import type { Interval } from '../evaluation/bootstrap'
import type { Comparison } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/evaluate'
import { type Measure, type MeasureName, measures } from '../evaluation/measures'
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
  auto: Object.keys(measures) as MeasureName[],
}

export interface ScoreCell {
  /** The value of the measure, or its difference from the base model's. */
  kind: 'value' | 'change'
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

/** The table of one prompt mode: a row for each measure, a column for each model and for each change. */
export interface ScoreTable {
  prompt: PromptMode
  columns: { model: string; kind: ScoreCell['kind'] }[]
  rows: ScoreRow[]
}

/** The tables of a comparison, one for each prompt mode. */
export function scoreTables({ models }: Comparison): ScoreTable[] {
  const prompts = [...new Set(models.flatMap(({ evaluations }) => evaluations.map(({ prompt }) => prompt)))]
  return prompts.map((prompt) => {
    const evaluated = models.flatMap(({ name, path, evaluations }) => {
      const evaluation = evaluations.find((one) => one.prompt === prompt)
      return evaluation ? [{ name, evaluation, change: path === null ? null : evaluation.change }] : []
    })
    const columns = evaluated.flatMap(({ name, change }): ScoreTable['columns'] => [
      { model: name, kind: 'value' },
      ...(change ? [{ model: name, kind: 'change' as const }] : []),
    ])
    const rows = shownMeasures[prompt].map((measure) => ({
      measure,
      cells: evaluated.flatMap(({ evaluation, change }): ScoreCell[] => {
        const value = { kind: 'value' as const, value: evaluation[measure], interval: evaluation.intervals[measure] }
        if (!change) return [{ ...value, better: null }]
        const [difference, interval] = [change.values[measure], change.intervals[measure]]
        const better = isBetter(measures[measure], evaluation[measure], difference, interval)
        return [
          { ...value, better: null },
          { kind: 'change', value: difference, interval, better },
        ]
      }),
    }))
    return { prompt, columns, rows }
  })
}

/** Whether a change is an improvement; null if its interval includes 0, or nothing changed. */
function isBetter({ better }: Measure, now: number, change: number, interval: Interval | null): boolean | null {
  if (!change || Number.isNaN(change)) return null
  if (interval && interval[0] <= 0 && interval[1] >= 0) return null
  if (better === 'zero') return Math.abs(now) < Math.abs(now - change)
  return better === 'more' ? change > 0 : change < 0
}

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
  auto: 'automatic',
}

/**
 * Text with aligned columns: fractions in percent, 95 % confidence intervals in brackets. If there are changes, only they have
 * intervals, so that lines fit into a terminal.
 */
export function comparisonTable(comparison: Comparison): string {
  const blocks = scoreTables(comparison).map(({ prompt, columns, rows }) => [
    [promptModeNames[prompt], ...columns.map(({ model, kind }) => (kind === 'change' ? 'change' : model))],
    ...rows.map(({ measure, cells }) => [
      `  ${measures[measure].label}`,
      ...cells.map(({ kind, value, interval }) => {
        const changed = kind === 'change'
        const range = changed || !columns.some((column) => column.kind === 'change') ? interval : null
        return `${formatValue(measure, value, changed)} ${formatInterval(measure, range, changed)}`.trim()
      }),
    ]),
  ])
  const rows = blocks.flatMap((block, i) => (i ? [[], ...block] : block))
  return textTable(rows, Infinity)
}
