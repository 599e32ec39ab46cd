/** @file Comma-separated values: for spreadsheets, and for files that this program reads back. */

export type CsvValue = string | number | boolean | null

/** A text in quotation marks, with those inside it doubled. */
export const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`

/** Texts that a spreadsheet would run as a formula, after any number of the apostrophes that prevent it. */
const FORMULA = /^'*(?:\s*[=+\-@]|[\t\r\n])/

/** A text as every CSV file of this program has it: a spreadsheet does not run it, and parseCsv reads it back unchanged. */
function safeText(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n]|^\s|\s$/.test(safe) ? quoted(safe) : safe
}

/** Removes the apostrophe of safeText. */
const unsafeText = (text: string): string => (text.startsWith("'") && FORMULA.test(text) ? text.slice(1) : text)

/** At most seven significant digits, more than any measurement has. Unknown values (null, NaN) are empty. */
function valueText(value: CsvValue): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : ''
  return safeText(value)
}

/** A line for spreadsheets and other programs: decimal points, seven digits. */
export const csvLine = (values: readonly CsvValue[]): string => values.map(valueText).join(',') + '\n'

/** A line that parseCsv reads back exactly: numbers with all digits, texts unchanged. */
export const exactCsvLine = (values: readonly (string | number)[]): string =>
  values.map((value) => (typeof value === 'number' ? String(value) : safeText(value))).join(',') + '\n'

/** Separators of columns: spreadsheets write semicolons where the comma is the decimal sign. */
const separators = [',', ';', '\t']

/**
 * The rows of a CSV text by the column names of its first row; quotes as in RFC 4180. If the first row has no comma, columns
 * may be separated by semicolons or tabs. @throws Error for unbalanced quotes
 */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]]
  // a spreadsheet may name the separator in a separate line
  const [, named, body] = /^\ufeff?(?:sep=([,;\t])\r?\n)?([^]*)$/.exec(text)!
  const [head] = body
    .slice(0, 65_536)
    .replace(/"[^"]*"/g, '')
    .split(/[\r\n]/, 1)
  const separator = named ?? separators.find((mark) => head.includes(mark)) ?? ','
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${separator}\\r\\n]*))(${separator}|\\r?\\n|\\r|$)`, 'gy')
  while (cell.lastIndex < body.length) {
    const at = cell.lastIndex
    const match = cell.exec(body)
    if (!match) throw new Error(`the quotes of line ${body.slice(0, at).split('\n').length} do not match`)
    rows[rows.length - 1].push(unsafeText(match[1]?.replaceAll('""', '"') ?? match[2].trim()))
    if (match[3] !== separator) rows.push([])
  }
  const [header = [], ...lines] = rows.filter((row) => row.some((value) => value !== ''))
  return lines.map((row) => Object.fromEntries(header.map((name, i) => [name, row[i] ?? ''])))
}
