/** @file The rows of a comparison, and the table of them for a terminal. */
import type { Comparison } from '../evaluation/compare'
import type { Evaluation } from '../evaluation/evaluate'

/** The measures of the table, in its order; all from 0 to 1. */
export const measures = {
  dice: 'Dice',
  miou: 'mIoU',
  accuracy: 'accuracy',
  instanceDice: 'instance Dice',
  instanceIou: 'instance IoU',
} as const satisfies Partial<Record<keyof Evaluation, string>>
export type Measure = keyof typeof measures
export const measureNames = Object.keys(measures) as Measure[]

export interface Row {
  prompt: Evaluation['prompt']
  variant: 'base' | 'adapted' | 'change'
  values: Record<Measure, number>
}

const valuesOf = (evaluation: Evaluation) =>
  Object.fromEntries(measureNames.map((name) => [name, evaluation[name]])) as Row['values']

/** Under each kind of prompt the base, the adapted model, and by how much they differ. */
export function comparisonRows({ base, adapted }: Comparison): Row[] {
  return base.flatMap((before, i) => {
    const { prompt } = before
    const rows: Row[] = [{ prompt, variant: 'base', values: valuesOf(before) }]
    if (!adapted) return rows
    const [old, now] = [valuesOf(before), valuesOf(adapted[i])]
    const change = Object.fromEntries(measureNames.map((name) => [name, now[name] - old[name]])) as Row['values']
    rows.push({ prompt, variant: 'adapted', values: now }, { prompt, variant: 'change', values: change })
    return rows
  })
}

/** 0.9614 -> `96.14`, a change with its sign. */
export const percent = (value: number, signed = false): string =>
  `${signed && value >= 0 ? '+' : ''}${(100 * value).toFixed(2)}`.replace('-', '−')

/** Lines of equal columns, in percent. */
export function comparisonTable(comparison: Comparison): string {
  const rows = [
    ['prompt', 'model', ...Object.values(measures)],
    ...comparisonRows(comparison).map(({ prompt, variant, values }) => [
      variant === 'base' ? prompt : '',
      variant,
      ...measureNames.map((name) => percent(values[name], variant === 'change')),
    ]),
  ]
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const line = (row: string[]) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}
