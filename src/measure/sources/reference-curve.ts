/** @file A size distribution of another instrument, such as laser diffraction or sieving: sizes and cumulative fractions in a CSV file. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf, UserError } from '../../host/errors'
import { lengthOf } from '../../images/microscope/pixel-size'
import { shown } from '../../text/check-value'
import { parseCsv } from '../../text/csv'

export interface ReferenceCurve {
  name: string
  /** Sizes in metres, ascending. */
  metres: number[]
  /** Fraction of the volume (or mass) below each size, 0 to 1. */
  below: number[]
}

const MAX_BYTES = 2 ** 22

/**
 * Reads a CSV file with two columns: the size, with its unit in the column's name as in `size_um` or `Size (µm)`, and the
 * cumulative percentage below that size.
 * @throws UserError with the row and what is wrong with it
 */
export async function readReferenceCurve(path: string): Promise<ReferenceCurve> {
  const text = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      error.code === 'ENOENT' ? `there is no file ${path}` : `cannot read ${path}: ${messageOf(error, path)}`,
    )
  })
  if (text.length > MAX_BYTES) throw new UserError(`${path} is too large for a size distribution`)
  const wrong = (reason: string) =>
    new UserError(
      `${path}: ${reason}. Wanted: two columns, the size with its unit in the name (size_um), and the cumulative percentage ` +
        'of the volume below it, ascending, such as\n  size_um,percent_below\n  5,10\n  10,50\n  20,90',
    )
  let rows: Record<string, string>[]
  try {
    rows = parseCsv(text.toString('utf8'))
  } catch (error) {
    throw wrong((error as Error).message)
  }
  const [first, second] = Object.keys(rows[0] ?? {})
  if (second === undefined) throw wrong('it has no two columns')
  // only the end of the name: on a long one the search would take a time that grows with its cube
  const unit = /([a-zµμåÅ]+)\W*$/i.exec(first.slice(-40))?.[1] ?? ''
  const one = lengthOf(1, unit)
  if (one === undefined) throw wrong(`the first column is ${shown(first)}, which names no unit of length`)
  const numbers = rows.map((row, i) => {
    const [size, percent] = [row[first], row[second]].map((cell) => Number(cell.trim().replace(',', '.') || NaN))
    if (!(size > 0) || !(percent >= 0 && percent <= 100))
      throw wrong(`row ${i + 2} has ${shown(row[first])} and ${shown(row[second])}`)
    return { size: size * one, percent }
  })
  numbers.sort((a, b) => a.size - b.size)
  numbers.forEach(({ percent }, i) => {
    if (i && percent < numbers[i - 1].percent) throw wrong('the cumulative percentage falls with the size')
  })
  if (numbers.length < 2 || numbers[numbers.length - 1].percent < 50)
    throw wrong('the curve does not reach 50 %: it needs cumulative percentages, not those of each bin')
  return {
    name: basename(path).replace(/\.\w+$/, ''),
    metres: numbers.map(({ size }) => size),
    below: numbers.map(({ percent }) => percent / 100),
  }
}

/** The size at which the curve reaches a fraction, interpolated in the logarithm; null outside the curve. */
export function referencePercentile({ metres, below }: ReferenceCurve, fraction: number): number | null {
  for (let i = 1; i < below.length; i++)
    if (below[i - 1] <= fraction && below[i] >= fraction && below[i] > below[i - 1]) {
      const part = (fraction - below[i - 1]) / (below[i] - below[i - 1])
      return metres[i - 1] * (metres[i] / metres[i - 1]) ** part
    }
  return null
}
