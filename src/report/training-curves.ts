/** @file The curves of a training run. */
import { lineChart, type Series, smooth } from '../drawing/chart'
import type { ReportedRun } from './run-summary'
import { percent } from './evaluation-table'

export function curves({ steps, validations, config }: ReportedRun): string {
  const loss = steps.map(({ step, loss }): [number, number] => [step, loss])
  const rate = steps.map(({ step, learningRate }): [number, number] => [step, learningRate])
  const norm = steps.map(({ step, gradientNorm }): [number, number] => [step, gradientNorm])
  const measure = (name: 'dice' | 'miou'): Series[] =>
    (['point', 'box'] as const).map((prompt, i) => ({
      name: `${prompt} prompts`,
      points: validations.map((record) => [record.epoch, record[prompt][name]]),
      colour: i + 1,
    }))
  const rough = (value: number) => String(Number(value.toPrecision(3)))
  const charts = [
    lineChart({
      title: 'Loss',
      x: 'step',
      series: [
        { name: 'loss', points: loss, colour: 1, style: 'faint' },
        { name: 'running mean', points: smooth(loss), colour: 1 },
      ],
    }),
    lineChart({
      title: 'Dice on the validation images, %',
      x: 'epoch',
      series: measure('dice'),
      format: (v) => percent(v),
    }),
    lineChart({
      title: 'mIoU on the validation images, %',
      x: 'epoch',
      series: measure('miou'),
      format: (v) => percent(v),
    }),
    lineChart({
      title: 'Learning rate',
      x: 'step',
      series: [{ name: '', points: rate, colour: 3 }],
      from: 0,
      format: rough,
    }),
    lineChart({
      title: `Gradient norm${config.optimizer.maxNorm ? `, before the limit of ${config.optimizer.maxNorm}` : ''}`,
      x: 'step',
      series: [{ name: '', points: norm.filter(([, v]) => Number.isFinite(v)), colour: 4 }],
      format: rough,
    }),
  ]
  return `<div class="charts">${charts.join('\n')}</div>`
}
