/** @file What a scientist asks first of an evaluation: how many particles are found, how many masks are false, is D50 right. */
import type { Interval } from '../evaluation/bootstrap'
import type { Comparison, ScoredModel } from '../evaluation/compare'
import type { MeasureName } from '../evaluation/measures'
import type { PromptMode } from '../evaluation/segmenter'
import type { ScoredEvaluation } from '../evaluation/scores'
import { count } from '../text/count'
import { escape } from '../text/escape'
import { improvement, nameWithSize, ONE_IMAGE, promptModeNames, promptsOf } from './evaluation-table'
import { modelName } from './model-name'

/** The answers of each prompt mode: sentences on the models under test, and a table of all. */
export function answersSection({ models }: Comparison): string {
  const images = models[0].evaluations[0].perImage.length
  const one = images === 1 ? `<p><b>${ONE_IMAGE}.</b> There are no intervals, and nothing is coloured.</p>` : ''
  return `<h2>In short</h2>\n${one}${promptsOf(models)
    .map((prompt) => answers(prompt, models))
    .join('\n')}`
}

function answers(prompt: PromptMode, models: readonly ScoredModel[]): string {
  const rated = models.flatMap((model) => {
    const evaluation = model.evaluations.find((one) => one.prompt === prompt)
    return evaluation ? [{ model, name: modelName(nameWithSize(model, models)), evaluation }] : []
  })
  const sentences = rated
    .filter(({ evaluation }) => evaluation.change)
    .map(({ name, evaluation }) => {
      const from = evaluation.change!.from[prompt === 'auto' ? 'f1At50' : 'recallAt50']
      const rival = rated.find(({ model }) => model.name === from)
      return sentence(name, evaluation, rival)
    })
  const shown = questions.filter(({ automatic }) => prompt === 'auto' || !automatic)
  const rows = shown.map(({ title, measure, text }) => {
    const cells = rated.map(({ evaluation }) => {
      const better = evaluation.change && improvement(measure, evaluation)
      const sure = better === null ? '' : ` class="${better ? 'up' : 'down'}"`
      return `<td${sure}>${text(evaluation)}</td>`
    })
    return `<tr><th>${escape(title)}</th>${cells.join('')}</tr>`
  })
  const mode = promptModeNames[prompt]
  return `<h3>${mode[0].toUpperCase()}${mode.slice(1)}</h3>
${sentences.map((text) => `<p>${escape(text)}</p>`).join('\n')}
<div class="scroll"><table class="scores"><thead><tr><th></th>${rated.map(({ name }) => `<th>${escape(name)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

/** Particles matched with a mask at an IoU of at least 0.5. */
const foundBy = ({ perImage }: ScoredEvaluation) => perImage.reduce((sum, { found }) => sum + found[0], 0)

const questions: {
  title: string
  measure: MeasureName
  /** Only where masks are found without prompts. */
  automatic: boolean
  text(of: ScoredEvaluation): string
}[] = [
  {
    title: 'particles found (IoU 0.5)',
    measure: 'recallAt50',
    automatic: false,
    text: (of) => `${foundBy(of)} of ${of.instances}${shares(of, 'recallAt50')}`,
  },
  {
    title: 'false masks',
    measure: 'precisionAt50',
    automatic: true,
    text: (of) => `${of.masks - foundBy(of)} of ${of.masks}${shares(of, 'precisionAt50', (value) => 1 - value)}`,
  },
  { title: 'D50 by number', measure: 'd50Error', automatic: true, text: (of) => deviation(of, 'd50Error') },
  { title: 'D50 by volume', measure: 'd50VolumeError', automatic: true, text: (of) => deviation(of, 'd50VolumeError') },
]

const percent = (value: number) => `${(100 * value).toFixed(1)}`.replace('-', '−')

function shares(of: ScoredEvaluation, measure: MeasureName, as = (value: number) => value): string {
  if (Number.isNaN(of[measure])) return ''
  const range = of.intervals[measure]?.map(as).sort((a, b) => a - b)
  return ` <small>${percent(as(of[measure]))} %${range ? ` [${range.map(percent).join(', ')}]` : ''}</small>`
}

const signed = (value: number) => `${value > 0 ? '+' : ''}${percent(value)}`

function deviation(of: ScoredEvaluation, measure: 'd50Error' | 'd50VolumeError'): string {
  if (Number.isNaN(of[measure])) return '–'
  const range = of.intervals[measure]
  return `${signed(of[measure])} %${range ? ` <small>[${range.map(signed).join(', ')}]</small>` : ''}`
}

/** A model under test in words, and the rival that is best by the number of particles found. */
function sentence(name: string, of: ScoredEvaluation, rival?: { name: string; evaluation: ScoredEvaluation }): string {
  const found = `${name} finds ${foundBy(of)} of ${count(of.instances, 'particle')}`
  if (of.prompt !== 'auto')
    return `${found}${rival ? `; the best alternative, ${rival.name}, ${foundBy(rival.evaluation)}` : ''}.`
  const wrong = (one: ScoredEvaluation) => count(one.masks - foundBy(one), 'false mask')
  const beside = rival
    ? `; the best alternative, ${rival.name}, finds ${foundBy(rival.evaluation)} with ${wrong(rival.evaluation)}`
    : ''
  return `${found} with ${wrong(of)}${beside}. ${sizes(of.d50Error, of.intervals.d50Error)}`
}

/** Whether D50 by number is right, as far as the images say. */
function sizes(error: number, interval: Interval | null): string {
  if (Number.isNaN(error)) return ''
  const off =
    Math.abs(error) < 5e-4
      ? 'D50 agrees within 0.1 %'
      : `D50 is ${percent(Math.abs(error))} % too ${error < 0 ? 'small' : 'large'}`
  if (!interval) return `${off} on this image.`
  return interval[0] <= 0 && interval[1] >= 0
    ? `${off}; the interval, ${signed(interval[0])} to ${signed(interval[1])} %, includes 0: these images show no bias.`
    : `${off}; the interval, ${signed(interval[0])} to ${signed(interval[1])} %, leaves out 0: it is a bias.`
}
