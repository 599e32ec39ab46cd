/** @file An ablation as one HTML file that needs nothing else. */
import { escape } from '../text/escape'
import type { Hardware } from '../host/hardware'
import { factTable, page } from '../drawing/html-page'
import type { Scores } from './cell'
import { chartsOf } from './charts'
import { cellsOfTable, type Row } from './ablation-table'

export interface AblationReport {
  rows: readonly Row[]
  base: Scores | null
  /** In rows of name and text. */
  facts: [string, string][]
  hardware: Hardware
  command: string
  recipe: unknown
}

export function renderAblation({ rows, base, facts, hardware, command, recipe }: AblationReport): string {
  const [head, ...lines] = cellsOfTable(rows, base)
  const row = (cells: string[]) => `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
  const dense = rows.filter(({ count }) => count.dense)
  const machine = [
    hardware.adapter + (hardware.software ? ' (software, on the processor)' : ''),
    hardware.processor,
    hardware.versions,
  ].join('; ')
  const told: [string, string][] = [...facts, ['Computed on', machine]]
  return page({
    // more columns than a sheet of paper takes at its usual size
    css: '@media print { .scroll table { font-size: 6.5pt; } .scroll td, .scroll th { padding: 2px 3px; } }',
    title: 'Ablation',
    about: `${rows.length} recipes that differ in what the table names, on one split of the images.`,
    body: `<div class="charts">${chartsOf(rows)
      .map(({ html }) => html)
      .join('\n')}</div>
<h2>Every recipe</h2>
<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead>
<tbody>${lines.map(row).join('')}</tbody></table></div>
<p class="note">Measures in percent; ± is the standard deviation over seeds. docs/metrics.md of wgsam defines them.
${dense.length ? 'Past break-even an adapter has more parameters than the matrix it changes (from half its width on): full tuning of the matrix is then the smaller one.' : ''}</p>
<h2>How it was done</h2>
${factTable(told)}
<h2>To repeat it</h2>
<pre>${escape(command)}</pre>
<details><summary>The recipe that all share</summary><pre>${escape(JSON.stringify(recipe, null, 2))}</pre></details>`,
  })
}
