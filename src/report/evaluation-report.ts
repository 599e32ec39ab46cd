/** @file The report of an evaluation, and of the training run before it, as a single HTML file. */
import { duration } from '../host/progress'
import type { Comparison, Identity } from '../evaluation/compare'
import type { PromptMode } from '../evaluation/segmenter'
import { type MeasureName, measures } from '../evaluation/measures'
import { lineChart, type Series } from '../drawing/chart'
import { answersSection } from './answers'
import { evaluationReportCharts } from './run/run-curves'
import { count } from '../text/count'
import { escape } from '../text/escape'
import { type Example, exampleMeasures } from './example-images'
import { modelName } from './model-name'
import { reliabilitySection } from './reliability'
import { sizeSection } from './size-table'
import { timeSection } from './time-table'
import { type DrawnCases, worstSection } from './worst-figure'
import type { Hardware } from '../host/hardware'
import type { CompleteRun } from './run/read-run'
import { factTable, page } from '../drawing/html-page'
import { recipeFacts } from './run/recipe'
import {
  columnTitles,
  formatCell,
  formatCellInterval,
  formatValue,
  percent,
  promptModeNames,
  scoreTables,
  promptsOf,
} from './evaluation-table'

export interface EvaluationReport {
  title: string
  /** A sentence or two about the evaluation. */
  about: string
  comparison: Comparison
  examples: Example[]
  /** The worst particles of some models. */
  worst: readonly DrawnCases[]
  /** The model, data and settings, as rows of name and text. */
  facts: [string, string][]
  run: CompleteRun | null
  hardware: Hardware
  /** The commands that reproduce the evaluation. */
  commands: string[]
}

export async function renderEvaluationReport(report: EvaluationReport): Promise<string> {
  const { title: heading, about, comparison, examples, worst, facts, run, hardware, commands } = report
  return page({
    title: heading,
    about: about,
    body: `${answersSection(comparison)}
${tiles(comparison, run)}
<h2>Scores</h2>
${scoreSections(comparison, hardware.adapter)}
${run ? `<h2>Training</h2>\n${evaluationReportCharts(run)}` : ''}
${exampleSections(examples)}
${await worstSection(worst)}
<h2>Settings</h2>
${factTable([...facts, ...runFacts(run), ...hardwareFacts(hardware)])}
<h2>Commands to reproduce this</h2>
<pre>${escape(commands.join('\n'))}</pre>
${run ? `<details><summary>Complete configuration</summary><pre>${escape(JSON.stringify(run.config, null, 2))}</pre></details>` : ''}`,
  })
}

const title = (mode: PromptMode) => promptModeNames[mode][0].toUpperCase() + promptModeNames[mode].slice(1)

/** The most important measure of each prompt mode. */
const headline: Record<PromptMode, MeasureName> = { point: 'dice', box: 'dice', corrected: 'dice', auto: 'f1At50' }

/** The best rival's figure, that of each model under test, and for a single one what is gained. */
function tiles({ models }: Comparison, run: CompleteRun | null): string {
  const found = promptsOf(models).map((prompt) => {
    const measure = headline[prompt]
    const rated = models.flatMap(({ name, evaluations: all }) =>
      all.filter((one) => one.prompt === prompt).map((evaluation) => ({ name, evaluation })),
    )
    const tested = rated.filter(({ evaluation }) => evaluation.change)
    const [only] = tested
    const rival = only?.evaluation.change!.from[measure]
    const before = only ? rated.find(({ name }) => name === rival) : rated[0]
    const after = tested.map(({ evaluation }) => percent(evaluation[measure])).join(' · ')
    const removed = only?.evaluation.change!.errorRemoved.values[measure]
    // of one image there are its values, and no gain
    const change =
      tested.length === 1 && only.evaluation.perImage.length > 1
        ? `, ${percent(only.evaluation.change!.values[measure], true)} points` +
          (removed >= 0 && removed <= 1 ? `, ${Math.round(100 * removed)} % of the error removed` : '')
        : ''
    const from = rival ? `, from the best rival (${modelName(rival)})` : ''
    const text = `${measures[measure].label} in percent, ${promptModeNames[prompt]}${from}${change}`
    const values = [before && percent(before.evaluation[measure]), after].filter(Boolean).join(' → ')
    return `<div class="tile"><b>${values}</b><span>${escape(text)}</span></div>`
  })
  const time =
    run &&
    `<div class="tile"><b>${duration(run.seconds)}</b><span>of training, ${count(run.steps.length, 'step')}</span></div>`
  return `<div class="tiles">${found.join('')}${time ?? ''}</div>`
}

const explanations: Record<PromptMode, string> = {
  point: `Each particle is prompted once, by the pixel furthest inside it. Dice, mIoU and accuracy compare the union of the masks
with the union of the labels. Instance Dice and instance IoU compare each mask with its own particle and are means over particles.
Recall is the fraction of particles whose mask reaches the IoU.`,
  box: `Each particle is prompted once, by its bounding box. The measures are those of point prompts.`,
  corrected: `Each particle is prompted once, as by a point, and then by clicks that correct its mask, each on the deepest pixel of what the
mask lacks or has too much; with every click the model is given the mask that it corrects.`,
  auto: `All masks of an image are found automatically, without prompts from the labels. Each particle is matched with at most one
mask and each mask with at most one particle, in descending order of IoU. AP ranks masks by the predicted IoU (COCO’s definition);
SA is TP / (TP + FP + FN) of an image.`,
}

/** All scores of a comparison: the tables, the sizes, and the times on a device. */
export const scoreSections = (comparison: Comparison, device: string): string =>
  [
    scores(comparison),
    sizeSection(comparison),
    sizes(comparison),
    reliabilitySection(comparison),
    timeSection(comparison, device),
  ]
    .filter(Boolean)
    .join('\n')

function scores(comparison: Comparison): string {
  const { resamples } = comparison.bootstrap
  const blocks = scoreTables(comparison).map(({ prompt, columns, rows }) => {
    const head = columns.map(({ model, kind }) => {
      return `<th>${escape(kind === 'value' ? modelName(model) : columnTitles[kind])}</th>`
    })
    const body = rows.map(({ measure, cells }) => {
      const drawn = cells.map((cell) => {
        const sure = cell.better === null ? '' : ` class="${cell.better ? 'up' : 'down'}"`
        const range = cell.interval ? ` <small>${formatCellInterval(measure, cell)}</small>` : ''
        return `<td${sure}>${formatCell(measure, cell)}${range}</td>`
      })
      return `<tr><th>${escape(measures[measure].label)}</th>${drawn.join('')}</tr>`
    })
    const { instances, perImage } = comparison.models
      .flatMap(({ evaluations }) => evaluations)
      .find((evaluation) => evaluation.prompt === prompt)!
    return `<h3>${title(prompt)} <span class="soft">${count(perImage.length, 'image')}, ${count(instances, 'particle')}</span></h3>
<div class="scroll"><table class="scores"><thead><tr><th></th>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>
<p class="note">${explanations[prompt]}</p>
${perImageTable(comparison, prompt)}`
  })
  return `${blocks.join('\n')}
<p class="note">Values in percent, except those marked px. Brackets: 95 % bootstrap confidence intervals from ${resamples} resamples of
the images. A change is from the rival that is best in that row, and coloured if its interval excludes 0; the error removed is
1 − error / (the rival’s error). With few images such intervals are too narrow.
docs/metrics.md of wgsam defines every measure.</p>`
}

/** A table of all images in one prompt mode, with the measures of the examples, for each model. */
function perImageTable({ models }: Comparison, mode: PromptMode): string {
  const evaluated = models.flatMap(({ name, evaluations }) =>
    evaluations.filter(({ prompt }) => prompt === mode).map(({ perImage }) => ({ name, perImage })),
  )
  const head = evaluated.flatMap(({ name }) =>
    exampleMeasures[mode].map((measure) => `<th>${escape(modelName(name))}, ${escape(measures[measure].label)}</th>`),
  )
  const rows = evaluated[0].perImage.map(({ id, instances }, i) => {
    const cells = evaluated.flatMap(({ perImage }) =>
      exampleMeasures[mode].map((measure) => `<td>${formatValue(measure, perImage[i][measure])}</td>`),
    )
    return `<tr><th>${escape(id)}</th><td>${instances}</td>${cells.join('')}</tr>`
  })
  return `<details><summary>Scores of each image</summary><div class="scroll"><table class="scores"><thead><tr><th></th><th>particles</th>
${head.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></details>`
}

/** The sides of the models' inputs, for the settings: `input 1024 × 1024`, or which model has which. */
export function inputSizes(models: readonly Identity[]): string {
  const sized = models.filter(({ size }) => size !== null)
  const sizes = [...new Set(sized.map(({ size }) => size))]
  if (sizes.length === 1) return `input ${sizes[0]} × ${sizes[0]}`
  return `input sizes: ${sized.map(({ name, size }) => `${modelName(name)} ${size}`).join(', ')}`
}

/** The cumulative size distributions of the labels and of the masks found by each model. */
function sizes({ models }: Comparison): string {
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
  const chart = lineChart({ title: 'Smaller particles, % of all particles', x: 'equivalent diameter, pixels', series })
  return `<h3>Particle sizes of automatic masks</h3><div class="charts single">${chart}</div>`
}

function exampleSections(examples: readonly Example[]): string {
  if (!examples.length) return ''
  const prompts = [...new Set(examples.map(({ prompt }) => prompt))]
  const groups = prompts.map((prompt) => {
    const shown = examples.filter((example) => example.prompt === prompt)
    const { measure, model } = shown[0].by
    const list = shown.map(({ id, rank, size, instances, scores, pictures }) => {
      const about = [`${size.width} × ${size.height} pixels`, count(instances, 'particle'), ...scores].join(' · ')
      const drawn = pictures.map(({ caption, uri }) => {
        const name = escape(`${caption}, ${id}`)
        return `<figure><img src="${uri}" alt="${name}"><figcaption>${escape(caption)}</figcaption></figure>`
      })
      return `<section class="example"><h4>${rank[0].toUpperCase()}${rank.slice(1)}: ${escape(id)} <span>${escape(about)}</span></h4>
<div class="pictures">${drawn.join('')}</div></section>`
    })
    return `<h3>${title(prompt)}</h3>
<p class="note">The worst, the median and the best image by ${escape(measures[measure].label)} (model: ${escape(modelName(model))}).</p>
${list.join('\n')}`
  })
  return `<h2>Examples</h2>
<ul class="legend"><li><i class="truth"></i>labels</li><li><i class="predicted"></i>masks</li>
<li><i class="missed"></i>particle missed</li><li><i class="beyond"></i>background taken for a particle</li>
<li><i class="mistaken"></i>mask of another particle, or of none</li><li><i class="mended"></i>corrected by an adapter</li>
<li><i class="broken"></i>made wrong by an adapter</li></ul>
${groups.join('\n')}`
}

function runFacts(run: CompleteRun | null): [string, string][] {
  if (!run) return []
  const { config, steps, seconds } = run
  const last = steps.at(-1)
  const done = `${count(last?.step ?? 0, 'step')}, ${(last?.epoch ?? 0).toFixed(1)} epochs in ${duration(seconds)}`
  // the model is already in the facts of the evaluation
  return [...recipeFacts({ config }).filter(([name]) => name !== 'Model'), ['Run', done]]
}

export const hardwareFacts = ({
  adapter,
  driver,
  software,
  products,
  processor,
  system,
  versions,
}: Hardware): [string, string][] => [
  ['GPU adapter', [adapter + (software ? ' (software, on the processor)' : ''), driver].filter(Boolean).join('; ')],
  ...(products ? [['Matrix products', products] as [string, string]] : []),
  ['Machine', `${processor}; ${system}`],
  ['Software', versions],
]
