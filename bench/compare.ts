/** @file Compares two result files: which rows changed by more than the spread of their runs. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { UserError } from '../src/host/errors'
import { type ComparedFile, comparedFile } from './results'
import type { Spread } from './statistics'
import { columns, milliseconds } from './table'

type Scatter = Pick<Spread, 'median' | 'low' | 'high' | 'runs'>
export type Verdict = 'faster' | 'slower' | 'within spread' | 'too few runs'

export interface ComparedRow {
  name: string
  before: number
  after: number
  /** after / before; below 1 means faster. */
  ratio: number
  verdict: Verdict
}

export interface BenchComparison {
  rows: ComparedRow[]
  /** Names of rows that only the first or only the second file has. */
  missing: string[]
  added: string[]
}

/** With fewer runs the interquartile range says nothing. */
const MIN_RUNS = 3

/** A row became faster or slower if the interquartile ranges of its runs do not overlap. */
export function verdictOf(before: Scatter, after: Scatter): Verdict {
  if (Math.min(before.runs, after.runs) < MIN_RUNS) return 'too few runs'
  if (after.high < before.low) return 'faster'
  return after.low > before.high ? 'slower' : 'within spread'
}

export function compare(before: ComparedFile, after: ComparedFile): BenchComparison {
  const byName = (file: ComparedFile) => new Map(file.rows.map((row) => [`${row.kind} ${row.name}`, row]))
  const [first, second] = [byName(before), byName(after)]
  const alone = (one: typeof first, other: typeof first) =>
    [...one].filter(([key]) => !other.has(key)).map(([, { name }]) => name)
  const rows = [...first].flatMap(([key, { name, ms }]): ComparedRow[] => {
    const now = second.get(key)?.ms
    if (!now) return []
    return [
      {
        name,
        before: ms.median,
        after: now.median,
        ratio: now.median / ms.median,
        verdict: verdictOf(ms, now),
      },
    ]
  })
  return { rows, missing: alone(first, second), added: alone(second, first) }
}

/** Reads a result file. @throws UserError if it is not a file of `wgsam bench` */
export async function readResults(path: string): Promise<ComparedFile> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`${path} cannot be read: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`)
  })
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw new UserError(`${path} is not JSON: --compare takes files that \`wgsam bench --out\` wrote`)
  }
  const checked = v.safeParse(comparedFile, data)
  if (checked.success) return checked.output
  const [issue] = checked.issues
  throw new UserError(
    `${path} is not a result file of this \`wgsam bench\`: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`,
  )
}

export function compareTable(before: ComparedFile, after: ComparedFile): string {
  const { rows, missing, added } = compare(before, after)
  const moved = rows.filter(({ verdict }) => verdict === 'faster' || verdict === 'slower')
  const about = ({ hardware, date }: ComparedFile) => `${hardware.adapter}, ${hardware.versions}, ${date}`
  const list = (names: readonly string[], where: string) => (names.length ? `${where} only: ${names.join('; ')}` : '')
  const other = before.hardware.adapter !== after.hardware.adapter || before.hardware.driver !== after.hardware.driver
  return [
    `before: ${about(before)}\nafter:  ${about(after)}`,
    other ? 'not the same adapter and driver: the ratios include their difference' : '',
    columns(
      ['row', 'before, ms', 'after, ms', 'after / before', ''],
      rows.map((row) => [
        row.name,
        milliseconds(row.before),
        milliseconds(row.after),
        row.ratio.toFixed(2),
        row.verdict,
      ]),
    ),
    `${moved.length} of ${rows.length} rows changed by more than their spread`,
    list(missing, 'before'),
    list(added, 'after'),
  ]
    .filter(Boolean)
    .join('\n\n')
}
