/** @file The reliability of predicted IoUs: diagrams and sentences for reports, from evaluations and from adapters. */
import { type Chart, lineChart, type Series } from '../drawing/chart'
import type { Reliability } from '../../engine/tune/calibrate-generator'
import type { Comparison } from '../evaluation/compare'
import { escape } from '../text/escape'
import { percent } from './evaluation-table'
import { modelName } from './model-name'

interface Named {
  name: string
  reliability: Reliability
}

/** A reliability diagram of each model: true IoU against predicted IoU, as predicted and calibrated; empty without any. */
export function reliabilityCharts(models: readonly Named[]): string {
  const charts = models.map(({ name, reliability: { raw, calibrated } }): Chart => {
    const points = ({ bins }: typeof raw) => bins.map(({ predicted, actual }): [number, number] => [predicted, actual])
    const series: Series[] = [
      { name: 'as predicted', points: points(raw), colour: 1 },
      ...(calibrated ? [{ name: 'calibrated', points: points(calibrated), colour: 2 }] : []),
    ]
    const ends = series.flatMap(({ points }) => points.flat())
    const [low, high] = [Math.min(...ends), Math.max(...ends)]
    const right: [number, number][] = [low, high].map((value) => [value, value])
    return {
      title: `True IoU by predicted IoU${name && `: ${name}`}`,
      x: 'predicted IoU',
      series: [{ name: 'right', points: right, colour: 5, style: 'dashed' }, ...series],
    }
  })
  return charts.length ? `<div class="charts">${charts.map((chart) => lineChart(chart)).join('')}</div>` : ''
}

/** "calibration error of the predicted IoU: 8.12 % as predicted, 2.31 % calibrated". */
const reliabilityText = ({ raw, calibrated }: Reliability): string =>
  `calibration error of the predicted IoU: ${percent(raw.error)} % as predicted${calibrated ? `, ${percent(calibrated.error)} % calibrated` : ''}`

/** The models of a comparison whose automatic masks have predicted IoUs. */
const reliableModels = ({ models }: Comparison): Named[] =>
  models.flatMap(({ name, evaluations }) =>
    evaluations.flatMap(({ reliability }) => (reliability ? [{ name, reliability }] : [])),
  )

/** A line for each model of a comparison whose automatic masks have predicted IoUs. */
export const reliabilityLines = (comparison: Comparison): string[] =>
  reliableModels(comparison).map(({ name, reliability }) => `${name}: ${reliabilityText(reliability)}`)

/** The part of a report about the predicted IoU of automatic masks; empty without any. */
export function reliabilitySection(comparison: Comparison): string {
  const models = reliableModels(comparison).map(({ name, reliability }) => ({ name: modelName(name), reliability }))
  if (!models.length) return ''
  const lines = models.map(({ name, reliability }) => `${name}: ${reliabilityText(reliability)}.`)
  return `<h3>Reliability of the predicted IoU</h3>
${reliabilityCharts(models)}
<p class="note">${escape(lines.join(' '))} Automatic masks in bins of their predicted IoU; a mask’s true IoU is that with the particle it fits
best. The calibration is the adapter’s, from its validation images. Thresholds are always on the IoU as predicted.</p>`
}
