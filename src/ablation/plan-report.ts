/** @file What a plan says: text for a terminal, and a page and a drawing of the learning curves. */
import type { Series } from '../drawing/chart'
import { factTable, page } from '../drawing/html-page'
import type { Interval } from '../evaluation/bootstrap'
import { mean } from '../../engine/masks/pixel-counts'
import { percent } from '../report/evaluation-table'
import { escape } from '../text/escape'
import { textTable } from '../text/table'
import { type AblationChart, chart } from './charts'
import { errorAt, type LearningCurve, type Prospect } from './learning-curve'
import { type Plan, type PlanMeasure, planMeasures, planMeasureNames, type RecipePlan } from './plan'

const score = (error: number) => percent(1 - error)
/** The interval of a score from that of its error. */
const scores = (interval: Interval | null) => (interval ? ` [${score(interval[1])}, ${score(interval[0])}]` : '')
const points = (interval: Interval | null) =>
  interval ? ` [${interval.map((end) => percent(end, true)).join(', ')}]` : ''

/** One sentence for a number of images. */
function sentence({ images, error, gain, intervals, verdict }: Prospect, { most, now, noise }: LearningCurve): string {
  const added = images - most
  const what =
    images === 2 * most
      ? `twice as many, ${images} images`
      : `${added} more ${added === 1 ? 'image' : 'images'}, ${images}`
  const says = {
    'worth it': `more than the deviation between seeds (${percent(noise ?? 0)}): worth it`,
    uncertain: `the interval reaches the deviation between seeds (${percent(noise ?? 0)}): uncertain`,
    'not worth it': `not more than the deviation between seeds (${percent(noise ?? 0)}): not worth it`,
    'noise unknown':
      'with one seed for each number of images there is no interval, and nothing to compare the gain with',
  }[verdict]
  return `${what}: ${score(now)} → ${score(error)} expected${scores(intervals.error)}, ${percent(gain, true)}${points(intervals.gain)}; ${says}`
}

/** How much of the gain over the base model, at the most images, is reached with each number. */
function measuredRows(curve: LearningCurve, base: number | null): string[][] {
  const errors = curve.points.map(({ images, errors: all }) => ({ images, error: mean(all), seeds: all.length }))
  const last = errors[errors.length - 1].error
  const whole = base === null ? NaN : base - last
  return [
    ['images', 'seeds', 'measured', 'curve', 'of the full gain'],
    ...errors.map(({ images, error, seeds }) => [
      String(images),
      String(seeds),
      score(error),
      score(errorAt(curve.curve, images)),
      whole > 0 ? `${Math.round((100 * (base! - error)) / whole)} %`.replace('-', '−') : '–',
    ]),
  ]
}

const formula = ({ curve: { a, b, c }, noise }: LearningCurve): string =>
  a === 0
    ? 'the error does not fall with the number of images in these runs'
    : `error = ${(100 * a).toFixed(2)} · images^−${b.toFixed(2)} + ${(100 * c).toFixed(2)}, in percent` +
      (noise === null ? '' : `; deviation between seeds ${percent(noise)}`)

export function planText({ recipes, base, measuredOn }: Plan): string {
  const blocks = recipes.map(({ recipe, curves }) => {
    const parts = planMeasureNames.map((name) => {
      const curve = curves[name]
      const rows = textTable(measuredRows(curve, base && base[name]), Infinity)
      const lines = curve.prospects.map((one) => `  ${sentence(one, curve)}`)
      return `${planMeasures[name].label}: ${formula(curve)}\n${indent(rows)}\n${lines.join('\n')}`
    })
    return `${recipe}, measured on ${measuredOn}\n\n${parts.join('\n\n')}`
  })
  return blocks.join('\n\n')
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ')

/** The curve is drawn up to this many times the images that there are. */
const AHEAD = 4

/** A chart for each recipe and measure: what was measured, and the curve with its continuation. */
export function planCharts({ recipes }: Plan): AblationChart[] {
  return recipes.flatMap((plan) =>
    planMeasureNames.map((name) =>
      chart(
        `${planMeasures[name].label}, %`,
        recipes.length > 1 ? plan.recipe : '',
        'training images',
        seriesOf(plan, name),
      ),
    ),
  )
}

function seriesOf({ curves }: RecipePlan, name: PlanMeasure): Series[] {
  const { points: measured, curve, most } = curves[name]
  const first = measured[0].images
  const places = new Set([...measured.map(({ images }) => images), 2 * most, AHEAD * most])
  return [
    {
      name: 'measured, mean over seeds',
      colour: 1,
      points: measured.map(({ images, errors }): [number, number] => [images, 1 - mean(errors)]),
    },
    {
      name: 'fitted curve',
      colour: 2,
      style: 'dashed',
      points: [...places]
        .sort((x, y) => x - y)
        .filter((at) => at >= first)
        .map((at) => [at, 1 - errorAt(curve, at)]),
    },
  ]
}

export function planPage(plan: Plan, command: string): string {
  const { recipes, base, measuredOn, folder } = plan
  const charts = planCharts(plan)
  const body = recipes.map(({ recipe, curves }) => {
    const tables = planMeasureNames.map((name) => {
      const curve = curves[name]
      const [head, ...rows] = measuredRows(curve, base && base[name])
      const line = (cells: string[], tag: string) =>
        `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`
      return `<h3>${escape(planMeasures[name].label)} <span class="soft">${escape(formula(curve))}</span></h3>
<ul>${curve.prospects.map((one) => `<li>${escape(sentence(one, curve))}</li>`).join('')}</ul>
<div class="scroll"><table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table></div>`
    })
    return `<h2>${escape(recipe)}</h2>\n${tables.join('\n')}`
  })
  return page({
    title: 'What more labelled images would give',
    about: `Learning curves from training runs on different numbers of images, measured on ${measuredOn}.`,
    body: `<div class="charts">${charts.map(({ html }) => html).join('\n')}</div>
${body.join('\n')}
<p class="note">Scores in percent. The curve error = a · images^−b + c is fitted to the means over seeds; brackets are 95 % intervals from
resampled seeds, each of which trained on other images. They hold for images like those that were used, and know nothing of images of
another kind, which may help more. Beyond twice the images that were measured the curve is a guess.</p>
${factTable([['Ablation', folder]])}
<h2>Command to reproduce this</h2>
<pre>${escape(command)}</pre>`,
  })
}
