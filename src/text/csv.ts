/** @file CSV that spreadsheets and programs read alike: points in numbers, quotes where needed, no text that runs as a formula. */

export type Cell = string | number | boolean | null

/** Seven digits at most: more than any measure holds. Empty for what is not known. */
function cellText(value: Cell): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : ''
  const safe = /^[\s]*[=+\-@]/.test(value) || /^[\t\r\n]/.test(value) ? `'${value}` : value
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csvLine = (cells: readonly Cell[]): string => cells.map(cellText).join(',') + '\n'
