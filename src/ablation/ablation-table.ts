/** @file The rows of an ablation, one for each group of cells that differ in the seed alone, and their tables. */
import { amount } from '../host/progress'
import { csvLine } from '../text/csv'
import { textTable } from '../text/table'
import type { CellResult, Measured, Scores } from './cell'
import type { ParameterCount } from './parameter-count'
import type { Cell } from './grid'

export interface Mean {
  mean: number
  /** Standard deviation over the seeds (n − 1); null of one. */
  spread: number | null
}

export interface Row {
  group: string
  cell: Cell
  count: ParameterCount
  seeds: number[]
  /** Of the seeds that are done; null where none is. */
  values: Record<Column, Mean> | null
  /** Why seeds are missing. */
  failed: string[]
}

export interface Outcome {
  cell: Cell
  count: ParameterCount
  result: CellResult | null
  failure: string | null
}

const prompts = ['point', 'box'] as const
const columns = {
  pointDice: { title: 'Dice, point', of: score('point', 'dice'), percent: true },
  boxDice: { title: 'Dice, box', of: score('box', 'dice'), percent: true },
  pointMiou: { title: 'mIoU, point', of: score('point', 'miou'), percent: true },
  boxMiou: { title: 'mIoU, box', of: score('box', 'miou'), percent: true },
  pointInstance: { title: 'instance Dice, point', of: score('point', 'instanceDice'), percent: true },
  boxInstance: { title: 'instance Dice, box', of: score('box', 'instanceDice'), percent: true },
  secondsPerStep: { title: 's / step', of: (r: CellResult) => r.secondsPerStep, percent: false },
  seconds: { title: 'seconds', of: (r: CellResult) => r.seconds, percent: false },
  plannedBytes: { title: 'planned on the GPU', of: (r: CellResult) => r.plannedBytes, percent: false },
} satisfies Record<string, { title: string; of(result: CellResult): number; percent: boolean }>

export type Column = keyof typeof columns
export const columnNames = Object.keys(columns) as Column[]

function score(prompt: keyof Scores, measure: keyof Measured) {
  return ({ scores }: { scores: Scores }) => scores[prompt][measure]
}

export function meanOf(values: readonly number[]): Mean {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null }
}

/** In the order of the cells. */
export function rowsOf(outcomes: readonly Outcome[]): Row[] {
  return [...new Set(outcomes.map(({ cell }) => cell.group))].map((group) => {
    const members = outcomes.filter(({ cell }) => cell.group === group)
    const done = members.flatMap(({ result }) => result ?? [])
    const mean = (column: Column) => meanOf(done.map(columns[column].of))
    return {
      group,
      cell: members[0].cell,
      count: members[0].count,
      seeds: members.filter(({ result }) => result).map(({ cell }) => cell.seed),
      values: done.length
        ? (Object.fromEntries(columnNames.map((name) => [name, mean(name)])) as Record<Column, Mean>)
        : null,
      failed: members.flatMap(({ failure }) => failure ?? []),
    }
  })
}

export const describeCell = ({ kind, rank, scale }: Cell): string =>
  kind === 'full' ? 'full' : `LoRA ${rank}${scale ? `, scale ${scale}` : ''}`

function format(column: Column, { mean, spread }: Mean): string {
  if (column === 'plannedBytes') return amount(mean, 'bytes')
  const factor = columns[column].percent ? 100 : 1
  const digits = columns[column].percent ? 2 : mean < 10 ? 2 : 0
  const written = (value: number) => (factor * value).toFixed(digits)
  return written(mean) + (spread === null ? '' : ` ± ${written(spread)}`)
}

export const note = ({ count: { dense, all }, failed, values }: Row): string =>
  [
    dense ? `past break-even in ${dense} of ${all} matrices` : '',
    failed.length ? `failed: ${failed[0].split('\n')[0]}` : '',
    !values && !failed.length ? 'not done' : '',
  ]
    .filter(Boolean)
    .join('; ')

/** Head and rows of text; the base model comes first where it was measured. */
export function cellsOfTable(rows: readonly Row[], base: Scores | null): string[][] {
  const head = [
    'adapter',
    'targets',
    'lr',
    'parameters',
    ...columnNames.map((name) => columns[name].title),
    'seeds',
    'note',
  ]
  const first = base && [
    'none: the base model',
    '',
    '',
    '0',
    ...columnNames.map((name) =>
      name in baseColumns ? format(name, { mean: baseColumns[name]!(base), spread: null }) : '',
    ),
    '',
    '',
  ]
  const lines = rows.map((row) => {
    const { cell, count, values, seeds } = row
    const numbers = columnNames.map((name) => (values ? format(name, values[name]) : ''))
    return [
      describeCell(cell),
      cell.targets.join(', '),
      String(cell.lr),
      String(count.parameters),
      ...numbers,
      seeds.join(', '),
      note(row),
    ]
  })
  return [head, ...(first ? [first] : []), ...lines]
}

const baseColumns: Partial<Record<Column, (base: Scores) => number>> = Object.fromEntries(
  prompts.flatMap((prompt) => [
    [`${prompt}Dice`, (base: Scores) => base[prompt].dice],
    [`${prompt}Miou`, (base: Scores) => base[prompt].miou],
    [`${prompt}Instance`, (base: Scores) => base[prompt].instanceDice],
  ]),
)

/** Equal columns; those that say nothing anywhere are left out. */
export function terminalTable(table: readonly string[][]): string {
  const used = table[0].map((_, i) => table.slice(1).some((row) => row[i]))
  const shown = table.map((row) => row.filter((_, i) => used[i]))
  return textTable(shown, Infinity)
}

export function markdownTable([head, ...rows]: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n') + '\n'
}

/** Every cell by itself, numbers as they are. */
export function csvTable(outcomes: readonly Outcome[]): string {
  const head = [
    'name',
    'kind',
    'rank',
    'scale',
    'lr',
    'targets',
    'seed',
    'parameters',
    'dense',
    ...columnNames,
    'failure',
  ]
  const lines = outcomes.map(({ cell, count, result, failure }): (string | number | null)[] => [
    ...[cell.name, cell.kind, cell.rank, cell.scale, cell.lr, cell.targets.join(' '), cell.seed],
    ...[count.parameters, count.dense],
    ...columnNames.map((name) => (result ? columns[name].of(result) : null)),
    failure?.split('\n')[0] ?? null,
  ])
  return [head, ...lines].map(csvLine).join('')
}
