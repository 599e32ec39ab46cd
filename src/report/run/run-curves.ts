/** @file The curves of one run, or of several over each other. */
import type { Measures, StepRecord } from '../../tracking/records'
import { type Chart, lineChart, type Series, smooth } from '../../drawing/chart'
import { percent } from '../evaluation-table'
import type { RunView } from './read-run'

type Point = [number, number]

/** Series colours of the page; later runs get them again, dashed. */
const COLOURS = 5

const finite = (points: Point[]) => points.filter(([at, value]) => Number.isFinite(at) && Number.isFinite(value))
const bySteps = ({ steps }: RunView, of: (record: StepRecord) => number | undefined): Point[] =>
  finite(steps.map((record) => [record.step, of(record) ?? NaN]))
/** Short enough for an axis: 0.00025 is not. */
const rough = (value: number) =>
  value && Math.abs(value) < 0.001
    ? String(Number(value.toPrecision(3)).toExponential())
    : String(Number(value.toPrecision(3)))

const look = (i: number): Pick<Series, 'colour' | 'style'> => ({
  colour: (i % COLOURS) + 1,
  style: Math.floor(i / COLOURS) % 2 ? 'dashed' : 'solid',
})

/** One line a run, with the run's name where there are several. */
const lines = (runs: readonly RunView[], of: (run: RunView) => Point[]): Series[] =>
  runs.map((run, i) => ({ name: run.name, points: of(run), ...look(i) }))

export function trainingCharts(runs: readonly RunView[]): string {
  const loss = runs.flatMap((run, i): Series[] => {
    const points = bySteps(run, ({ loss }) => loss)
    const mean = { name: runs.length > 1 ? run.name : 'running mean', points: smooth(points), ...look(i) }
    // the values themselves of several runs would hide each other
    return runs.length > 1 ? [mean] : [{ name: 'each step', points, colour: 1, style: 'faint' }, mean]
  })
  const part = (name: 'dice' | 'bce' | 'iou') => (run: RunView) => smooth(bySteps(run, ({ parts }) => parts?.[name]))
  const titles = { dice: 'Dice', bce: 'cross-entropy', iou: 'IoU head’s error' }
  const names = ['dice', 'bce', 'iou'] as const
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
      format: rough,
    },
    {
      title: `Gradient norm${limits.size === 1 && limit ? `, before the limit of ${limit}` : ''}`,
      x: 'step',
      series: lines(runs, (run) => bySteps(run, ({ gradientNorm }) => gradientNorm)),
      format: rough,
    },
    {
      title: 'Images a second',
      x: 'step',
      series: lines(runs, (run) => bySteps(run, ({ time }) => time.imagesPerSecond)),
      from: 0,
      format: rough,
    },
  ]
  return drawn(charts)
}

const measures: Record<keyof Measures, string> = {
  dice: 'Dice',
  miou: 'mIoU',
  accuracy: 'Pixel accuracy',
  instanceDice: 'Dice of each particle',
}
const prompts = ['point', 'box'] as const

export function validationCharts(runs: readonly RunView[]): string {
  const of = (prompt: 'point' | 'box', name: keyof Measures) => (run: RunView) =>
    finite(run.validations.map((record) => [record.epoch, record[prompt][name]]))
  const charts = (Object.keys(measures) as (keyof Measures)[]).flatMap((name): Chart[] => {
    const common = { x: 'epoch', format: (value: number) => percent(value) }
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
  return drawn(charts)
}

function drawn(charts: readonly Chart[]): string {
  const found = charts.map((chart) => lineChart(chart)).filter(Boolean)
  return found.length ? `<div class="charts">${found.join('\n')}</div>` : ''
}
