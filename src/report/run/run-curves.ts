/** @file Charts of one training run, or of several in the same axes. */
import type { LossParts } from '../../../engine/train/training-step'
import type { Measures, StepRecord } from '../../tracking/records'
import { type Chart, lineChart, type Series, smooth } from '../../drawing/chart'
import { percent } from '../evaluation-table'
import { epochsDone } from '../../../engine/finetune/schedule'
import type { CompleteRun, RunView } from './read-run'

/** Step or epoch, and a value. */
type CurvePoint = [number, number]

/** The number of series colours of the page; further runs reuse them with dashed lines. */
const COLOURS = 5

const finite = (points: CurvePoint[]) => points.filter(([at, value]) => Number.isFinite(at) && Number.isFinite(value))
const bySteps = ({ steps }: Pick<RunView, 'steps'>, of: (record: StepRecord) => number | undefined): CurvePoint[] =>
  finite(steps.map((record) => [record.step, of(record) ?? NaN]))
const threeDigits = (value: number) => String(Number(value.toPrecision(3)))
/** Short enough for an axis label: numbers below 0.001 as 2.5e-4. */
const short = (value: number) =>
  value && Math.abs(value) < 0.001 ? Number(value.toPrecision(3)).toExponential() : threeDigits(value)

const look = (i: number): Pick<Series, 'colour' | 'style'> => ({
  colour: (i % COLOURS) + 1,
  style: Math.floor(i / COLOURS) % 2 ? 'dashed' : 'solid',
})

/** One series per run. */
const lines = (runs: readonly RunView[], of: (run: RunView) => CurvePoint[]): Series[] =>
  runs.map((run, i) => ({ name: run.name, points: of(run), ...look(i) }))

/** Loss and its parts, learning rate, gradient norm and speed, by step; one series per run. */
export function trainingCharts(runs: readonly RunView[]): string {
  const loss = runs.flatMap((run, i): Series[] => {
    const points = bySteps(run, ({ loss }) => loss)
    const mean = { name: runs.length > 1 ? run.name : 'running mean', points: smooth(points), ...look(i) }
    // the single values of several runs would hide each other
    return runs.length > 1 ? [mean] : [{ name: 'each step', points, colour: 1, style: 'faint' }, mean]
  })
  const part = (name: keyof LossParts) => (run: RunView) => smooth(bySteps(run, ({ parts }) => parts?.[name]))
  const titles = { dice: 'Dice', bce: 'cross-entropy', iou: 'IoU head’s error', head: 'prompt head’s cross-entropy' }
  const measured = (name: keyof LossParts) => runs.some((run) => part(name)(run).length)
  const names = (['dice', 'bce', 'iou', 'head'] as const).filter((name) => name !== 'head' || measured(name))
  const partCharts: Chart[] =
    runs.length > 1
      ? names.map((name) => ({ title: `Loss: ${titles[name]}`, x: 'step', series: lines(runs, part(name)) }))
      : [
          {
            title: 'Parts of the loss, before their weights',
            x: 'step',
            series: names.map((name, i) => ({ name: titles[name], points: part(name)(runs[0]), colour: i + 1 })),
          },
        ]
  const limits = new Set(runs.map(({ config }) => config?.optimizer.maxNorm ?? 0))
  const [limit] = limits
  const charts: Chart[] = [
    { title: runs.length > 1 ? 'Loss, running mean' : 'Loss', x: 'step', series: loss },
    ...partCharts,
    {
      title: 'Learning rate',
      x: 'step',
      series: lines(runs, (run) => bySteps(run, ({ learningRate }) => learningRate)),
      from: 0,
      format: short,
    },
    {
      title: gradientTitle(limits.size === 1 ? limit : 0),
      x: 'step',
      series: lines(runs, (run) => bySteps(run, ({ gradientNorm }) => gradientNorm)),
      format: short,
    },
    {
      title: 'Images a second',
      x: 'step',
      series: lines(runs, (run) => bySteps(run, ({ time }) => time.imagesPerSecond)),
      from: 0,
      format: short,
    },
  ]
  return renderCharts(charts)
}

const measures: Record<keyof Measures, string> = {
  dice: 'Dice',
  miou: 'mIoU',
  accuracy: 'Pixel accuracy',
  instanceDice: 'Instance Dice',
}
const prompts = ['point', 'box'] as const

/** The measures of the validations by epoch; one series per run, or per kind of prompt for a single run. */
export function validationCharts(runs: readonly RunView[]): string {
  const of = (prompt: 'point' | 'box', name: keyof Measures) => (run: RunView) =>
    finite(run.validations.map((record) => [record.epoch, record[prompt][name]]))
  const charts = (Object.keys(measures) as (keyof Measures)[]).flatMap((name): Chart[] => {
    const common = { x: 'epoch', format: (value: number) => percent(value), through: [0, lastEpoch(runs)] }
    const title = (more: string) => `${measures[name]}${more}, %`
    if (runs.length > 1)
      return prompts.map((prompt) => ({
        ...common,
        title: title(`, ${prompt} prompts`),
        series: lines(runs, of(prompt, name)),
      }))
    const series = prompts.map((prompt, i) => ({
      name: `${prompt} prompts`,
      points: of(prompt, name)(runs[0]),
      ...look(i),
    }))
    return [{ ...common, title: title(''), series }]
  })
  charts.push({
    ...{ x: 'epoch', format: percent, through: [0, lastEpoch(runs)] },
    title: 'Particles that the prompt head finds, F1, %',
    series: lines(runs, (run) => finite(run.validations.map(({ epoch, head }) => [epoch, head ?? NaN]))),
  })
  return renderCharts(charts)
}

/** The end of the longest run in epochs, planned of those that run: a single validation stands where it is in the whole run. */
function lastEpoch(runs: readonly RunView[]): number {
  const ends = runs.map(({ total, config, split, validations, steps, running }) =>
    running && total !== null && config && split?.train.length
      ? epochsDone(total, config.batch, split.train.length)
      : Math.max(validations.at(-1)?.epoch ?? 0, steps.at(-1)?.epoch ?? 0),
  )
  return Math.max(...ends)
}

/** The charts of a run in the report of an evaluation. */
export function evaluationReportCharts(run: CompleteRun): string {
  const loss = bySteps(run, ({ loss }) => loss)
  const measure = (name: 'dice' | 'miou'): Series[] =>
    prompts.map((prompt, i) => ({
      name: `${prompt} prompts`,
      points: finite(run.validations.map((record) => [record.epoch, record[prompt][name]])),
      colour: i + 1,
    }))
  const common = { x: 'epoch', format: (value: number) => percent(value) }
  return renderCharts([
    {
      title: 'Loss',
      x: 'step',
      series: [
        { name: 'loss', points: loss, colour: 1, style: 'faint' },
        { name: 'running mean', points: smooth(loss), colour: 1 },
      ],
    },
    { ...common, title: 'Dice on the validation images, %', series: measure('dice') },
    { ...common, title: 'mIoU on the validation images, %', series: measure('miou') },
    {
      title: 'Learning rate',
      x: 'step',
      series: [{ name: '', points: bySteps(run, ({ learningRate }) => learningRate), colour: 3 }],
      from: 0,
      format: threeDigits,
    },
    {
      title: gradientTitle(run.config.optimizer.maxNorm),
      x: 'step',
      series: [{ name: '', points: bySteps(run, ({ gradientNorm }) => gradientNorm), colour: 4 }],
      format: threeDigits,
    },
  ])
}

const gradientTitle = (limit: number) => `Gradient norm${limit ? `, before the limit of ${limit}` : ''}`

/** The charts as HTML; those without points are omitted. */
function renderCharts(charts: readonly Chart[]): string {
  const found = charts.map((chart) => lineChart(chart)).filter(Boolean)
  return found.length ? `<div class="charts">${found.join('\n')}</div>` : ''
}
