/** @file The report of an ablation as a single HTML file. */
import { escape } from '../text/escape'
import type { Hardware } from '../host/hardware'
import { factTable, page } from '../drawing/html-page'
import type { Rival } from './cell'
import { chartsOf } from './charts'
import { type AblationRow, cellsOfTable } from './ablation-table'

export interface AblationReport {
  rows: readonly AblationRow[]
  rivals: readonly Rival[]
  /** The model, data and settings, as rows of name and text. */
  facts: [string, string][]
  hardware: Hardware
  command: string
  recipe: unknown
}

export function renderAblation({ rows, rivals, facts, hardware, command, recipe }: AblationReport): string {
  const [head, ...lines] = cellsOfTable(rows, rivals)
  const row = (cells: string[]) => `<tr>${cells.map((cell) => `<td>${escape(cell)}</td>`).join('')}</tr>`
  const dense = rows.filter(({ count }) => count.dense)
  const machine = [
    hardware.adapter + (hardware.software ? ' (software, on the processor)' : ''),
    hardware.processor,
    hardware.versions,
  ].join('; ')
  const settings: [string, string][] = [...facts, ['Computed on', machine]]
  return page({
    // the table is too wide for a sheet of paper at the usual font size
    css: '@media print { .scroll table { font-size: 6.5pt; } .scroll td, .scroll th { padding: 2px 3px; } }',
    title: 'Ablation',
    about: `${rows.length} training configurations (recipes) on the same split of the images. The table lists their differences.`,
    body: `<div class="charts">${chartsOf(rows)
      .map(({ html }) => html)
      .join('\n')}</div>
<h2>All recipes</h2>
<div class="scroll"><table><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead>
<tbody>${lines.map(row).join('')}</tbody></table></div>
<p class="note">Dice, mIoU and instance Dice in percent; ± is the standard deviation over seeds. docs/metrics.md of wgsam defines the measures.
${dense.length ? 'Past break-even (for square matrices, at ranks above half their width) an adapter has more parameters than the matrix that it changes, so that full tuning of the matrix needs fewer.' : ''}</p>
<h2>Settings</h2>
${factTable(settings)}
<h2>Command to reproduce this</h2>
<pre>${escape(command)}</pre>
<details><summary>The recipe that the table varies</summary><pre>${escape(JSON.stringify(recipe, null, 2))}</pre></details>`,
  })
}
