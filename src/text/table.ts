/** @file Text tables for a terminal. */

/**
 * Rows as lines with aligned columns, two spaces apart and without trailing spaces. The first `leftAligned` columns are
 * aligned to the left, the others to the right. Rows may differ in length; an empty row becomes an empty line.
 */
export function textTable(rows: readonly (readonly string[])[], leftAligned: number): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i < leftAligned ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}
