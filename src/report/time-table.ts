/** @file The time per image of each model: a table for a terminal and for a report. */
import type { Comparison } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/segmenter'
import { escape } from '../text/escape'
import { textTable } from '../text/table'
import { nameWithSize, promptModeNames } from './evaluation-table'
import { modelName } from './model-name'

/** The head, then a row for each part of the work; empty if no times are known. */
function timeRows(comparison: Comparison, nameOf: (name: string) => string): string[][] {
  const { models } = comparison
  const timed = models.filter(({ times }) => times.length)
  const prompts = [...new Set(timed.flatMap(({ times }) => times.map(({ prompt }) => prompt)))]
  const row = (title: string, of: (times: (typeof models)[number]['times']) => number | null | undefined) => [
    title,
    ...timed.map(({ times }) => seconds(of(times))),
  ]
  const of = (prompt: PromptMode) => (times: (typeof models)[number]['times']) =>
    times.find((one) => one.prompt === prompt)
  if (!timed.length) return []
  const prompted = prompts.filter((prompt) => prompt !== 'auto')
  return [
    ['', ...timed.map((model) => nameOf(nameWithSize(model, models)))],
    ...(prompted.length ? [row('encoding', (times) => of(prompted[0])(times)?.encode)] : []),
    ...prompted.map((prompt) => row(`masks, ${promptModeNames[prompt]}`, (times) => of(prompt)(times)?.masks)),
    ...prompts.map((prompt) => row(`whole, ${promptModeNames[prompt]}`, (times) => of(prompt)(times)?.whole)),
  ]
}

const seconds = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : value < 10 ? value.toPrecision(2) : value.toFixed(0)

const explanation = 'seconds per image, median over the images'

export function timeTextTable(comparison: Comparison, device: string): string {
  const rows = timeRows(comparison, (name) => name)
  return rows.length ? `${explanation}; ${device}\n\n${textTable(rows, 1)}` : ''
}

export function timeSection(comparison: Comparison, device: string): string {
  const [head, ...rows] = timeRows(comparison, modelName)
  if (!head) return ''
  const body = rows.map(
    ([title, ...cells]) => `<tr><th>${escape(title)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`,
  )
  return `<h3>Time <span class="soft">${explanation}</span></h3>
<div class="scroll"><table class="scores"><thead><tr>${head.map((cell) => `<th>${escape(cell)}</th>`).join('')}</tr></thead>
<tbody>${body.join('')}</tbody></table></div>
<p class="note">Measured on ${escape(device)}. The masks of all particles of the image are predicted, brought to the image’s size and
read back. An automatic run includes the encoding. Reading the image and computing scores is not included.</p>`
}
