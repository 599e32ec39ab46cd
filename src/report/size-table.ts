/** @file The error against the size of particles: tables for a terminal and for a report, and charts. */
import { lineChart } from '../drawing/chart'
import { modelName } from './model-name'
import type { Comparison } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/segmenter'
import { binEnds, type SizeBin, type SizeUnit, sizeUnits } from '../evaluation/size-bins'
import { escape } from '../text/escape'
import { textTable } from '../text/table'
import { formatInterval, nameWithSize, percent, promptModeNames } from './evaluation-table'

const unitNames: Record<SizeUnit, string> = {
  image: 'diameter in the image, px',
  input: 'diameter at the model’s input, px',
}

interface SizeTable {
  prompt: PromptMode
  unit: SizeUnit
  models: { name: string; colour: number; bins: SizeBin[] }[]
  /** The lower ends of the bins that any model has instances in. */
  bins: { from: number; to: number | null }[]
}

/** A table for each prompt mode and unit. At their inputs models see the same particle at different sizes. */
function sizeTables({ models }: Comparison): SizeTable[] {
  const prompts = [...new Set(models.flatMap(({ evaluations }) => evaluations.map(({ prompt }) => prompt)))]
  return prompts.flatMap((prompt) =>
    sizeUnits.flatMap((unit) => {
      const shown = models.flatMap((model, i) => {
        const bins = model.evaluations.find((one) => one.prompt === prompt)?.bySize[unit]
        return bins ? [{ name: nameWithSize(model, models), colour: (i % 4) + 1, bins }] : []
      })
      const from = new Set(shown.flatMap(({ bins }) => bins.map((bin) => bin.from)))
      const bins = binEnds.map((end, i) => ({
        from: i ? binEnds[i - 1] : 0,
        to: end === Infinity ? null : end,
      }))
      return shown.length ? [{ prompt, unit, models: shown, bins: bins.filter((bin) => from.has(bin.from)) }] : []
    }),
  )
}

const binName = ({ from, to }: { from: number; to: number | null }): string =>
  to === null ? `≥ ${from}` : from ? `${from} to ${to}` : `< ${to}`

/** Dice and recall at IoU 0.75 in percent, and the number of particles. */
export function sizeTextTable(comparison: Comparison): string {
  const blocks = sizeTables(comparison).map(({ prompt, unit, models, bins }) => [
    [`${promptModeNames[prompt]}, ${unitNames[unit]}`, ...models.map(({ name }) => name)],
    ...bins.map((bin) => [
      `  ${binName(bin)}`,
      ...models.map(({ bins: own }) => {
        const found = own.find(({ from }) => from === bin.from)
        return found ? `${percent(found.dice)} ${percent(found.recall)} (${found.instances})` : '–'
      }),
    ]),
  ])
  const rows = blocks.flatMap((block, i) => (i ? [[], ...block] : block))
  return rows.length
    ? `instance Dice, recall at IoU 0.75 (number of particles), by equivalent diameter\n\n${textTable(rows, 1)}`
    : ''
}

/** The tables and a chart for each, as HTML. */
export function sizeSection(comparison: Comparison): string {
  const tables = sizeTables(comparison)
  if (!tables.length) return ''
  const charts = tables.map(({ prompt, unit, models, bins }) =>
    lineChart({
      title: `Instance Dice, ${promptModeNames[prompt]}, %`,
      x: unitNames[unit],
      series: models.map(({ name, colour, bins: own }) => ({
        name: modelName(name),
        colour,
        points: own.map(({ from, dice }): [number, number] => [binEnds.findIndex((end) => from < end), dice]),
      })),
      ticks: bins.map((bin) => [binEnds.findIndex((end) => bin.from < end), binName(bin)]),
      format: (value) => percent(value),
    }),
  )
  const drawn = tables.map(({ prompt, unit, models, bins }) => {
    const head = models.map(({ name }) => `<th>${escape(modelName(name))}: Dice</th><th>recall</th><th>particles</th>`)
    const rows = bins.map((bin) => {
      const cells = models.map(({ bins: own }) => {
        const found = own.find(({ from }) => from === bin.from)
        if (!found) return '<td>–</td><td>–</td><td>0</td>'
        const { dice, recall, instances, intervals } = found
        const range = (name: 'dice' | 'recall') =>
          intervals[name] ? ` <small>${formatInterval('instanceDice', intervals[name])}</small>` : ''
        return `<td>${percent(dice)}${range('dice')}</td><td>${percent(recall)}${range('recall')}</td><td>${instances}</td>`
      })
      return `<tr><th>${escape(binName(bin))}</th>${cells.join('')}</tr>`
    })
    return `<h4>${escape(`${promptModeNames[prompt]}, ${unitNames[unit]}`)}</h4>
<div class="scroll"><table class="scores"><thead><tr><th></th>${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
  })
  return `<h3>By particle size</h3>
<p class="note">Instance Dice and recall at IoU 0.75 of the particles of each size (equivalent diameter). In pixels of the image all
models have the same particles in a row. In pixels of its own input, a model with a smaller input sees the same particle smaller.</p>
<div class="charts">${charts.join('\n')}</div>
<details><summary>Tables by particle size</summary>${drawn.join('\n')}</details>`
}
