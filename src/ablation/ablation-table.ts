/** @file The tables of an ablation, with one row for each group of cells that differ only in the seed. */
import { amount } from '../host/progress'
import { csvLine } from '../text/csv'
import { textTable } from '../text/table'
import type { CellResult, Measured, Rival, Scores } from './cell'
import type { ParameterCount } from './parameter-count'
import type { AblationCell } from './grid'
import { asText, valueAt } from './settings'

export interface SeedMean {
  mean: number
  /** Standard deviation over the seeds (n − 1); null for a single seed. */
  spread: number | null
}

export interface AblationRow {
  group: string
  /** The first cell of the group. */
  cell: AblationCell
  count: ParameterCount
  /** The seeds that are done. */
  seeds: number[]
  /** Means over the seeds that are done; null if none is. */
  values: Record<Column, SeedMean> | null
  /** The messages of the seeds that failed. */
  failed: string[]
}

/** A cell and its state: done (`result`), failed (`failure`), or not done yet. */
export interface CellOutcome {
  cell: AblationCell
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
  head: { title: 'prompt head, F1', of: (r: CellResult) => r.head ?? NaN, percent: true },
  secondsPerStep: { title: 's / step', of: (r: CellResult) => r.secondsPerStep, percent: false },
  seconds: { title: 'seconds', of: (r: CellResult) => r.seconds, percent: false },
  plannedBytes: { title: 'planned GPU memory', of: (r: CellResult) => r.plannedBytes, percent: false },
} satisfies Record<string, { title: string; of(result: CellResult): number; percent: boolean }>

export type Column = keyof typeof columns
const columnNames = Object.keys(columns) as Column[]

function score(prompt: keyof Scores, measure: keyof Measured) {
  return ({ scores }: { scores: Scores }) => scores[prompt][measure]
}

export function meanOf(values: readonly number[]): SeedMean {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null }
}

/** One row for each group, in the order of the cells. */
export function rowsOf(outcomes: readonly CellOutcome[]): AblationRow[] {
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
        ? (Object.fromEntries(columnNames.map((name) => [name, mean(name)])) as Record<Column, SeedMean>)
        : null,
      failed: members.flatMap(({ failure }) => failure ?? []),
    }
  })
}

/** The other keys of the configuration that differ between cells. */
export const settingKeys = (cells: readonly AblationCell[]): string[] => [
  ...new Set(cells.flatMap(({ settings }) => Object.keys(settings))),
]

export const describeCell = ({ kind, rank, scale }: Pick<AblationCell, 'kind' | 'rank' | 'scale'>): string =>
  kind === 'full' ? 'full' : `LoRA ${rank}${scale ? `, scale ${scale}` : ''}`

function format(column: Column, { mean, spread }: SeedMean): string {
  if (!Number.isFinite(mean)) return ''
  if (column === 'plannedBytes') return amount(mean, 'bytes')
  const factor = columns[column].percent ? 100 : 1
  const digits = columns[column].percent ? 2 : mean < 10 ? 2 : 0
  const written = (value: number) => (factor * value).toFixed(digits)
  return written(mean) + (spread === null ? '' : ` ± ${written(spread)}`)
}

const noteOf = ({ count: { dense, all }, failed, values }: AblationRow): string =>
  [
    dense ? `past break-even in ${dense} of ${all} matrices` : '',
    failed.length ? `failed: ${failed[0].split('\n')[0]}` : '',
    !values && !failed.length ? 'not done' : '',
  ]
    .filter(Boolean)
    .join('; ')

/** The table as text, the head first, then the rivals that were measured. */
export function cellsOfTable(rows: readonly AblationRow[], rivals: readonly Rival[]): string[][] {
  const keys = settingKeys(rows.map(({ cell }) => cell))
  const head = [
    'adapter',
    'targets',
    'lr',
    'images',
    ...keys,
    'parameters',
    ...columnNames.map((name) => columns[name].title),
    'seeds',
    'note',
  ]
  const first = rivals.map(({ name, scores }) => [
    name,
    '',
    '',
    '',
    ...keys.map(() => ''),
    '0',
    ...columnNames.map((column) =>
      column in rivalColumns ? format(column, { mean: rivalColumns[column]!(scores), spread: null }) : '',
    ),
    '',
    '',
  ])
  const lines = rows.map((row) => {
    const { cell, count, values, seeds } = row
    const numbers = columnNames.map((name) => (values ? format(name, values[name]) : ''))
    return [
      describeCell(cell),
      cell.targets.join(', '),
      String(cell.lr),
      cell.images === null ? '' : String(cell.images),
      ...keys.map((key) => asText(valueAt(cell.config, key))),
      String(count.parameters),
      ...numbers,
      seeds.join(', '),
      noteOf(row),
    ]
  })
  return [head, ...first, ...lines]
}

const rivalColumns: Partial<Record<Column, (scores: Scores) => number>> = Object.fromEntries(
  prompts.flatMap((prompt) => [
    [`${prompt}Dice`, (scores: Scores) => scores[prompt].dice],
    [`${prompt}Miou`, (scores: Scores) => scores[prompt].miou],
    [`${prompt}Instance`, (scores: Scores) => scores[prompt].instanceDice],
  ]),
)

/** Text with aligned columns; columns without any content are omitted. */
export function terminalTable(table: readonly string[][]): string {
  const used = table[0].map((_, i) => table.slice(1).some((row) => row[i]))
  const shown = table.map((row) => row.filter((_, i) => used[i]))
  return textTable(shown, Infinity)
}

export function markdownTable([head, ...rows]: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n') + '\n'
}

/** A row for each cell, with unrounded numbers. */
export function csvTable(outcomes: readonly CellOutcome[]): string {
  const keys = settingKeys(outcomes.map(({ cell }) => cell))
  const head = [
    'name',
    'kind',
    'rank',
    'scale',
    'lr',
    'targets',
    'images',
    ...keys,
    'seed',
    'parameters',
    'dense',
    ...columnNames,
    'failure',
  ]
  const lines = outcomes.map(({ cell, count, result, failure }): (string | number | null)[] => [
    ...[cell.name, cell.kind, cell.rank, cell.scale, cell.lr, cell.targets.join(' '), cell.images],
    ...keys.map((key) => asText(valueAt(cell.config, key))),
    cell.seed,
    ...[count.parameters, count.dense],
    ...columnNames.map((name) => (result ? columns[name].of(result) : null)),
    failure?.split('\n')[0] ?? null,
  ])
  return [head, ...lines].map(csvLine).join('')
}
