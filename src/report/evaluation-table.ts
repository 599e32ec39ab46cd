/** @file The rows of a comparison, and the table of them for a terminal. */
import type { Interval } from '../evaluation/bootstrap'
import type { Comparison } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/evaluate'
import { type Measure, type MeasureName, measures } from '../evaluation/measures'
import { textTable } from '../text/table'

/** What tells something of prompted masks: there is one for each instance, so that counts and precision say nothing. */
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

export interface Cell {
  /** The measure itself, or by how much it differs from the base model's. */
  kind: 'value' | 'change'
  /** NaN where there is none. */
  value: number
  interval: Interval | null
  /** Of a change that the interval is sure of: whether it is for the better. */
  better: boolean | null
}

export interface Row {
  measure: MeasureName
  cells: Cell[]
}

/** A table of one way to get masks: a row for each measure, a column for each model and for each change. */
export interface Block {
  prompt: PromptMode
  columns: { model: string; kind: Cell['kind'] }[]
  rows: Row[]
}

export function comparisonBlocks({ models }: Comparison): Block[] {
  const prompts = [...new Set(models.flatMap(({ evaluations }) => evaluations.map(({ prompt }) => prompt)))]
  return prompts.map((prompt) => {
    const there = models.flatMap(({ name, path, evaluations }) => {
      const evaluation = evaluations.find((one) => one.prompt === prompt)
      return evaluation ? [{ name, evaluation, change: path === null ? null : evaluation.change }] : []
    })
    const columns = there.flatMap(({ name, change }): Block['columns'] => [
      { model: name, kind: 'value' },
      ...(change ? [{ model: name, kind: 'change' as const }] : []),
    ])
    const rows = shownMeasures[prompt].map((measure) => ({
      measure,
      cells: there.flatMap(({ evaluation, change }): Cell[] => {
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

/** null where the interval holds 0, or nothing changed. */
function isBetter({ better }: Measure, now: number, change: number, interval: Interval | null): boolean | null {
  if (!change || Number.isNaN(change)) return null
  if (interval && interval[0] <= 0 && interval[1] >= 0) return null
  if (better === 'zero') return Math.abs(now) < Math.abs(now - change)
  return better === 'more' ? change > 0 : change < 0
}

/** 0.9614 -> `96.14`, a change with its sign. */
export const percent = (value: number, signed = false): string => withSign(100 * value, signed)

/** A value of a measure: shares in percent, lengths in pixels; a dash where there is none. */
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
 * Lines of equal columns: shares in percent, in brackets what 95 % of resamples of the images give. Where there are changes
 * only they have intervals: a line would be too long for a terminal.
 */
export function comparisonTable(comparison: Comparison): string {
  const blocks = comparisonBlocks(comparison).map(({ prompt, columns, rows }) => [
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
