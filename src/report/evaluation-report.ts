/** @file The report of an evaluation, and of the training run before it: one HTML file that needs nothing else. */
import { duration } from '../host/progress'
import type { Comparison } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/evaluate'
import { type MeasureName, measures } from '../evaluation/measures'
import { lineChart, type Series } from '../drawing/chart'
import { evaluationReportCharts } from './run/run-curves'
import { escape } from '../text/escape'
import { type Example, modelName, exampleMeasures } from './example-images'
import type { Hardware } from '../host/hardware'
import type { CompleteRun } from './run/read-run'
import { factTable, page } from '../drawing/html-page'
import { recipeFacts } from './run/recipe'
import { comparisonBlocks, formatInterval, formatValue, percent, promptModeNames } from './evaluation-table'

export interface EvaluationReport {
  title: string
  /** A sentence or two on what this is. */
  about: string
  comparison: Comparison
  figures: Example[]
  /** What was evaluated on what, in rows of name and text. */
  facts: [string, string][]
  run: CompleteRun | null
  hardware: Hardware
  /** The commands that repeat it. */
  commands: string[]
}

export function renderEvaluationReport(report: EvaluationReport): string {
  const { title: heading, about, comparison, figures, facts, run, hardware, commands } = report
  return page({
    title: heading,
    about: about,
    body: `${tiles(comparison, run)}
<h2>Scores</h2>
${scores(comparison)}
${sizes(comparison)}
${run ? `<h2>Training</h2>\n${evaluationReportCharts(run)}` : ''}
${examples(figures)}
<h2>How it was done</h2>
${factTable([...facts, ...runFacts(run), ...hardwareFacts(hardware)])}
<h2>To repeat it</h2>
<pre>${escape(commands.join('\n'))}</pre>
${run ? `<details><summary>The whole configuration</summary><pre>${escape(JSON.stringify(run.config, null, 2))}</pre></details>` : ''}`,
  })
}

const title = (way: PromptMode) => promptModeNames[way][0].toUpperCase() + promptModeNames[way].slice(1)

/** What a way is judged by at one look. */
const headline: Record<PromptMode, MeasureName> = { point: 'dice', box: 'dice', auto: 'f1At50' }

function tiles({ models }: Comparison, run: CompleteRun | null): string {
  const [base, ...others] = models
  const found = base.evaluations.map((before) => {
    const measure = headline[before.prompt]
    const adapters = others.flatMap(({ path, evaluations }) =>
      path === null ? [] : evaluations.filter(({ prompt }) => prompt === before.prompt),
    )
    const after = adapters.map((evaluation) => percent(evaluation[measure])).join(' · ')
    const [only] = adapters
    const change = adapters.length === 1 ? `, ${percent(only[measure] - before[measure], true)} points` : ''
    const text = `${measures[measure].label} in percent, ${promptModeNames[before.prompt]}${change}`
    const values = [percent(before[measure]), after].filter(Boolean).join(' → ')
    return `<div class="tile"><b>${values}</b><span>${escape(text)}</span></div>`
  })
  const time =
    run && `<div class="tile"><b>${duration(run.seconds)}</b><span>of training, ${run.steps.length} steps</span></div>`
  return `<div class="tiles">${found.join('')}${time ?? ''}</div>`
}

const explained: Record<PromptMode, string> = {
  point: `Each particle is prompted once, by the pixel furthest inside it, and its mask compared with it alone. Dice, mIoU and
accuracy compare the union of the masks with the union of the labels; recall is the share of particles whose mask reaches the
IoU.`,
  box: `Each particle is prompted once, by its box, and its mask compared with it alone.`,
  auto: `All masks of an image at once, without a hint. A mask and a particle that match best belong together, each once; AP
ranks masks by the predicted IoU (COCO’s definition), SA is TP / (TP + FP + FN) of an image.`,
}

export function scores(comparison: Comparison): string {
  const { resamples } = comparison.bootstrap
  const blocks = comparisonBlocks(comparison).map(({ prompt, columns, rows }) => {
    const head = columns.map(({ model, kind }) => `<th>${escape(kind === 'change' ? 'change' : modelName(model))}</th>`)
    const body = rows.map(({ measure, cells }) => {
      const drawn = cells.map(({ kind, value, interval, better }) => {
        const signed = kind === 'change'
        const sure = better === null ? '' : ` class="${better ? 'up' : 'down'}"`
        const range = interval ? ` <small>${formatInterval(measure, interval, signed)}</small>` : ''
        return `<td${sure}>${formatValue(measure, value, signed)}${range}</td>`
      })
      return `<tr><th>${escape(measures[measure].label)}</th>${drawn.join('')}</tr>`
    })
    const { instances, perImage } = comparison.models
      .flatMap(({ evaluations }) => evaluations)
      .find((evaluation) => evaluation.prompt === prompt)!
    return `<h3>${title(prompt)} <span class="soft">${perImage.length} images, ${instances} particles</span></h3>
<div class="scroll"><table class="scores"><thead><tr><th></th>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
<p class="note">${explained[prompt]}</p>
${imageByImage(comparison, prompt)}`
  })
  return `${blocks.join('\n')}
<p class="note">Percent, but for what is marked px. In brackets the middle 95 % of ${resamples} draws of as many images with
replacement; a change is coloured where that leaves out 0. Of a few images such intervals are too narrow.
docs/metrics.md of wgsam defines every measure.</p>`
}

/** A way's images, in their order: what they are ranked by in the examples, of each model. */
function imageByImage({ models }: Comparison, way: PromptMode): string {
  const there = models.flatMap(({ name, evaluations }) =>
    evaluations.filter(({ prompt }) => prompt === way).map(({ perImage }) => ({ name, perImage })),
  )
  const head = there.flatMap(({ name }) =>
    exampleMeasures[way].map((measure) => `<th>${escape(modelName(name))}, ${escape(measures[measure].label)}</th>`),
  )
  const rows = there[0].perImage.map(({ id, instances }, i) => {
    const cells = there.flatMap(({ perImage }) =>
      exampleMeasures[way].map((measure) => `<td>${formatValue(measure, perImage[i][measure])}</td>`),
    )
    return `<tr><th>${escape(id)}</th><td>${instances}</td>${cells.join('')}</tr>`
  })
  return `<details><summary>Image by image</summary><div class="scroll"><table class="scores"><thead><tr><th></th><th>particles</th>
${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></details>`
}

/** How many particles are smaller than a size: labels and models. */
export function sizes({ models }: Comparison): string {
  const found = models.flatMap(({ name, evaluations }) =>
    evaluations.filter(({ prompt }) => prompt === 'auto').map((evaluation) => ({ name, evaluation })),
  )
  if (!found.length) return ''
  const curve = (values: readonly number[]) => values.map((diameter, share): [number, number] => [diameter, share])
  const series: Series[] = [
    { name: 'labels', points: curve(found[0].evaluation.diameters.instances), colour: 5, style: 'dashed' },
    ...found.map(({ name, evaluation }, i) => ({
      name: modelName(name),
      points: curve(evaluation.diameters.masks),
      colour: (i % 4) + 1,
    })),
  ]
  const chart = lineChart({ title: 'Smaller particles, % of their number', x: 'equivalent diameter, pixels', series })
  return `<h3>Sizes, found automatically</h3><div class="charts single">${chart}</div>`
}

function examples(figures: readonly Example[]): string {
  if (!figures.length) return ''
  const prompts = [...new Set(figures.map(({ prompt }) => prompt))]
  const groups = prompts.map((prompt) => {
    const shown = figures.filter((figure) => figure.prompt === prompt)
    const { measure, model } = shown[0].by
    const list = shown.map(({ id, rank, size, instances, scores, pictures }) => {
      const about = [`${size.width} × ${size.height} pixels`, `${instances} particles`, ...scores].join(' · ')
      const drawn = pictures.map(({ caption, uri }) => {
        const name = escape(`${caption}, ${id}`)
        return `<figure><img src="${uri}" alt="${name}"><figcaption>${escape(caption)}</figcaption></figure>`
      })
      return `<section class="example"><h4>${rank[0].toUpperCase()}${rank.slice(1)}: ${escape(id)} <span>${escape(about)}</span></h4>
<div class="pictures">${drawn.join('')}</div></section>`
    })
    return `<h3>${title(prompt)}</h3>
<p class="note">The worst, the median and the best image by ${escape(measures[measure].label)} of: ${escape(modelName(model))}.</p>
${list.join('\n')}`
  })
  return `<h2>Examples</h2>
<ul class="legend"><li><i class="truth"></i>labels</li><li><i class="predicted"></i>masks</li>
<li><i class="missed"></i>particle missed</li><li><i class="beyond"></i>ground taken for a particle</li>
<li><i class="mistaken"></i>another particle’s mask, or nobody’s</li><li><i class="mended"></i>mended by an adapter</li>
<li><i class="broken"></i>broken by it</li></ul>
${groups.join('\n')}`
}

function runFacts(run: CompleteRun | null): [string, string][] {
  if (!run) return []
  const { config, steps, seconds } = run
  const last = steps.at(-1)
  const done = `${last?.step ?? 0} steps, ${(last?.epoch ?? 0).toFixed(1)} epochs in ${duration(seconds)}`
  // what it was evaluated with stands there already
  return [...recipeFacts({ config }).filter(([name]) => name !== 'Model'), ['Run', done]]
}

export const hardwareFacts = ({
  adapter,
  driver,
  software,
  processor,
  system,
  versions,
}: Hardware): [string, string][] => [
  ['GPU adapter', [adapter + (software ? ' (software, on the processor)' : ''), driver].filter(Boolean).join('; ')],
  ['Machine', `${processor}; ${system}`],
  ['Software', versions],
]
