/** @file Rows as lines of equal columns. */

/** The first `left` columns are aligned to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[], left: number): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}
