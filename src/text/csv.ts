/** @file Comma-separated values: for spreadsheets, and for files that this program reads back. */

export type CsvValue = string | number | boolean | null

/** A text in quotation marks, with those inside it doubled. */
export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

const quotedIfNeeded = (text: string): string => (/[",\r\n]|^\s|\s$/.test(text) ? quoted(text) : text)

/** At most seven significant digits, more than any measurement has. Unknown values (null, NaN) are empty. */
function valueText(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : ''
  // a leading apostrophe keeps a spreadsheet from running the text as a formula
  const safe = /^[\s]*[=+\-@]/.test(value) || /^[\t\r\n]/.test(value) ? `'${value}` : value
  return quotedIfNeeded(safe)
}

/** A line for spreadsheets and other programs: decimal points, and no text that a spreadsheet would run as a formula. */
export const csvLine = (values: readonly CsvValue[]): string => values.map(valueText).join(',') + '\n'

/** A line that parseCsv reads back exactly: numbers with all digits, texts unchanged. */
export const exactCsvLine = (values: readonly (string | number)[]): string =>
  values.map((value) => quotedIfNeeded(String(value))).join(',') + '\n'

/** The rows of a CSV text by the column names of its first row; quotes as in RFC 4180. @throws Error for unbalanced quotes */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]]
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|\r|$)/gy
  const body = text.replace(/^\ufeff/, '')
  while (cell.lastIndex < body.length) {
    const at = cell.lastIndex
    const match = cell.exec(body)
    if (!match) throw new Error(`the quotes of line ${body.slice(0, at).split('\n').length} do not match`)
    rows[rows.length - 1].push(match[1]?.replaceAll('""', '"') ?? match[2].trim())
    if (match[3] !== ',') rows.push([])
  }
  const [header = [], ...lines] = rows.filter((row) => row.some((value) => value !== ''))
  return lines.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i] ?? ''])))
}
