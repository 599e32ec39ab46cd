/** @file The report of one or several training runs, as parts of an HTML page. */
import { commandText, repeatCommand, resumeCommand } from '../../cli/next-command'
import { duration } from '../../host/progress'
import { beginningOf, inputText } from '../../training/config'
import { epochsDone } from '../../../engine/finetune/schedule'
import { bestOf } from '../../../engine/finetune/selection'
import { describeCalibration } from '../../evaluation/calibrate-generator'
import { COMMANDS } from '../../evaluation/adapter-warnings'
import { describeThresholds, thresholdGain, thresholdsOverWatershed } from '../../evaluation/tuned-thresholds'
import { count } from '../../text/count'
import { escape } from '../../text/escape'
import { histogramStyle } from '../../drawing/histogram'
import { factTable, type Page } from '../../drawing/html-page'
import { hardwareFacts } from '../evaluation-report'
import { percent } from '../evaluation-table'
import { reliabilityCharts } from '../reliability'
import { trainingCharts, validationCharts } from './run-curves'
import { evaluationHtml, type EvaluationView } from './evaluation-tables'
import type { RunView } from './read-run'
import { strengthHtml } from './strength-table'
import { measuredHtml, type MeasuredView, tableHtml } from './size-distributions'
import { dataFacts, differences, recipeFacts } from './recipe'

export interface RunReport {
  runs: readonly RunView[]
  evaluations: readonly EvaluationView[]
  measured: MeasuredView | null
  /** What more labelled images would give, as text; null or absent if the runs do not tell. */
  plan?: string | null
  /** The command that made this report; null for a live page. */
  command: string | null
}

const css = `${histogramStyle}
.problems { border-left: 3px solid var(--bad); padding: 2px 0 2px 14px; margin: 18px 0; }
.problems p { margin: 0; } .charts { margin-top: 12px; } .pictures.wide { grid-template-columns: 1fr; }
figure b, td, th, .tile b { overflow-wrap: anywhere; } table.differ td { white-space: normal; text-align: left; }
table.differ th { width: auto; } .charts + .scroll { margin-top: 18px; }`

export function renderRunReport({ runs, evaluations, measured, plan, command }: RunReport): Page {
  const several = runs.length > 1
  const [first] = runs
  return {
    title: several ? `${runs.length} training runs` : `Training run ${first.name}`,
    about: several ? runs.map(({ name }) => name).join(', ') : aboutOf(first),
    css,
    body: `${several ? runTable(runs) : verdict(first) + tiles(first)}
${problems(runs)}
${curves(runs)}
${pictures(runs)}
${generatorHtml(runs)}
${runs.map((run) => strengthHtml(run, several ? `Sources of ${run.name}` : 'Sources')).join('\n')}
${evaluations.length ? `<h2>Evaluation</h2>\n${evaluations.map((one) => evaluationHtml(one, evaluations.length > 1)).join('\n')}` : ''}
${measured ? `<h2>Particle sizes</h2>\n${measuredHtml(measured)}` : ''}
${plan ? `<h2>More labelled images</h2>\n<pre>${escape(plan)}</pre>` : ''}
${several ? differenceTable(runs) : ''}
${runs.map((run) => howHtml(run, several)).join('\n')}
<h2>Commands to reproduce this</h2>
<pre>${escape([...runs.map(repeat), ...(command ? [command] : [])].join('\n'))}</pre>`,
  }
}

/** Whether a run has made all its steps, or ended before them by its own rules. */
export function isComplete({ steps, total, validations }: Pick<RunView, 'steps' | 'total' | 'validations'>): boolean {
  const done = steps.at(-1)?.step ?? 0
  const last = validations.at(-1)
  return total !== null && (done >= total || (last?.early !== undefined && last.step === done))
}

/** Says how far a run has come, and whether it runs. */
export function stateOf(run: RunView): string {
  const { steps, total, validations, running, folder, saved } = run
  const done = steps.at(-1)?.step ?? 0
  if (total === null) return count(done, 'step')
  const early = validations.at(-1)?.early
  if (isComplete(run)) {
    const how =
      done >= total
        ? count(done, 'step')
        : `early after ${done} of ${total} steps: ${early === 'time' ? 'its time limit had passed' : 'validations had stopped improving'}`
    return running
      ? `all steps are done (${how}); strength and thresholds are being chosen`
      : `finished, ${how}`.replace('finished, early', 'finished early')
  }
  const far = `${done} of ${total} steps (${Math.floor((100 * done) / total)} %)`
  if (running) return `${far}, running`
  // a run that was killed has made steps after its last checkpoint
  const from = saved !== null && saved < done ? ` from step ${saved}, the last that is saved` : ''
  return `interrupted after ${far}: ${commandText(resumeCommand(folder))} continues it${from}`
}

const aboutOf = (run: RunView): string =>
  [run.config ? `${run.config.model}, ${inputText(run.config)}` : '', stateOf(run)].filter(Boolean).join('; ') + '.'

/** The validation whose adapter is stored as the best. */
const bestValidation = ({ validations, config }: RunView) =>
  bestOf(validations.filter(({ step }) => step > 0 || config?.from))

/** The validation before the first step, of the base model or of the adapter that the run began with. */
const baseOf = ({ validations }: RunView) => validations.find(({ step }) => step === 0)

const share = (value: number | null | undefined) =>
  typeof value === 'number' && Number.isFinite(value) ? percent(value) : '–'

/** What the run's training begins with: the base model, or an adapter. */
const beginning = ({ config }: RunView) => (config ? beginningOf(config) : 'the base model')

/** Is it better? One sentence on top. */
function verdict(run: RunView): string {
  const [base, best] = [baseOf(run), bestValidation(run)]
  const images = run.split?.val.length
  const on = images
    ? `on ${images === 1 ? 'the one validation image' : `${images} validation images`}`
    : 'on the validation images'
  let text = ''
  if (!base) text = best || !run.running ? '' : `First ${beginning(run)} is measured on the validation images.`
  else if (!best)
    text = `The score of ${beginning(run)} is ${percent(base.score)} ${on}; the adapter has not been measured yet.`
  else {
    const [before, now] = [percent(base.score), percent(best.score)]
    const words = now === before ? 'as good as' : best.score > base.score ? 'better than' : 'worse than'
    text =
      images === 1
        ? `The score of the adapter is ${now} ${on}, that of ${beginning(run)} ${before}: one image does not tell which is better.`
        : `The adapter is ${words} ${beginning(run)} ${on}: a score of ${now} against ${before}.`
  }
  return text && `<p><b>${escape(text)}</b></p>`
}

function tiles(run: RunView): string {
  const tile = (value: string, text: string) =>
    `<div class="tile"><b>${escape(value)}</b><span>${escape(text)}</span></div>`
  const best = bestValidation(run)
  const last = run.steps.at(-1)
  const images = run.split?.train.length
  const epochs =
    last && run.config && images
      ? `${epochsDone(last.step, run.config.batch, images).toFixed(1)} epochs of ${count(images, 'image')}`
      : 'steps of training'
  const shown = [
    tile(run.total === null ? String(last?.step ?? 0) : `${last?.step ?? 0} of ${run.total}`, `steps; ${epochs}`),
    tile(duration(run.seconds), 'of training and validation'),
  ]
  const base = baseOf(run)
  const ofBase = (name: 'dice' | 'instanceDice') => `${share(base!.point[name])} · ${share(base!.box[name])}`
  if (base && !best)
    shown.push(
      tile(
        ofBase('dice'),
        `Dice in percent, point · box prompts, of ${beginning(run)}: the adapter has not been measured yet`,
      ),
      tile(ofBase('instanceDice'), `Instance Dice in percent, of ${beginning(run)}`),
    )
  if (best) {
    const both = (name: 'dice' | 'instanceDice') => `${share(best.point[name])} · ${share(best.box[name])}`
    const before = (name: 'dice' | 'instanceDice') => (base ? `; ${beginning(run)} has ${ofBase(name)}` : '')
    shown.push(
      tile(
        both('dice'),
        `Dice in percent, point · box prompts, of the best validation (epoch ${best.epoch.toFixed(1)})${before('dice')}`,
      ),
      tile(both('instanceDice'), `Instance Dice in percent, at that validation${before('instanceDice')}`),
      ...(best.head === undefined
        ? []
        : [tile(share(best.head), 'F1 in percent of the particles that the prompt head finds, at that validation')]),
    )
  }
  return `<div class="tiles">${shown.join('')}</div>`
}

function runTable(runs: readonly RunView[]): string {
  const head = [
    '',
    'steps',
    'time',
    'best epoch',
    'Dice, point',
    'Dice, box',
    'instance Dice, point',
    'instance Dice, box',
  ]
  const rows = runs.map((run) => {
    const best = bestValidation(run)
    const done = run.steps.at(-1)?.step ?? 0
    return [
      run.name,
      run.total === null ? String(done) : `${done} of ${run.total}`,
      duration(run.seconds),
      best ? best.epoch.toFixed(1) : '–',
      ...[best?.point.dice, best?.box.dice, best?.point.instanceDice, best?.box.instanceDice].map(share),
    ]
  })
  return `${tableHtml(head, rows)}
<p class="note">In percent, of each run’s best validation; its own validation images. Runs of different images or splits do not compare.</p>`
}

function problems(runs: readonly RunView[]): string {
  const lines = runs.flatMap(({ name, problems }) =>
    problems.map((line) => (runs.length > 1 ? `${name}: ${line}` : line)),
  )
  return lines.length ? `<div class="problems">${lines.map((line) => `<p>${escape(line)}</p>`).join('')}</div>` : ''
}

function curves(runs: readonly RunView[]): string {
  const training = trainingCharts(runs)
  const validation = validationCharts(runs)
  const none = runs.some(({ steps }) => steps.length)
    ? 'There is no validation yet.'
    : 'There is no step yet: the curves come with the first.'
  return `${validation ? `<h2>On the validation images</h2>\n${validation}` : `<p class="note">${none}</p>`}
${training ? `<h2>Training</h2>\n${training}` : ''}`
}

function pictures(runs: readonly RunView[]): string {
  const shown = runs.filter(({ pictures }) => pictures.length)
  if (!shown.length) return ''
  const groups = shown.map(({ name, pictures }) => {
    const list = pictures.map(
      ({ caption, step, uri }) =>
        `<figure><img src="${uri}" alt="${escape(caption)}"><figcaption>${escape(caption)}; after step ${step}</figcaption></figure>`,
    )
    return `${runs.length > 1 ? `<h3>${escape(name)}</h3>` : ''}<div class="pictures wide">${list.join('')}</div>`
  })
  return `<h2>Validation images</h2>
<ul class="legend"><li><i class="truth"></i>labels</li><li><i class="predicted"></i>masks</li>
<li><i class="missed"></i>particle missed</li><li><i class="beyond"></i>background taken for a particle</li>
<li><i class="mistaken"></i>another particle’s mask</li></ul>
${groups.join('\n')}`
}

/** The thresholds and the calibration that the adapters have for their automatic masks. */
function generatorHtml(runs: readonly RunView[]): string {
  const tuned = runs.filter(({ profile }) => profile.thresholds ?? profile.calibration)
  if (!tuned.length) return ''
  const facts = tuned.flatMap(({ name, profile: { thresholds, calibration } }): [string, string][] => {
    const of = runs.length > 1 ? `, ${name}` : ''
    const advice = thresholds && thresholdsOverWatershed(thresholds, COMMANDS.watershed)
    return [
      ...(thresholds
        ? [
            [
              `Thresholds${of}`,
              `${describeThresholds(thresholds)}; ${thresholdGain(thresholds)}${advice ? `. Warning: ${advice}` : ''}`,
            ],
          ]
        : []),
      ...(calibration ? [[`Calibration${of}`, describeCalibration(calibration)]] : []),
    ] as [string, string][]
  })
  const charts = tuned.flatMap(({ name, profile: { calibration } }) =>
    calibration?.reliability ? [{ name: runs.length > 1 ? name : '', reliability: calibration.reliability }] : [],
  )
  return `<h2>Automatic masks</h2>\n${factTable(facts)}\n${reliabilityCharts(charts)}`
}

function differenceTable(runs: readonly RunView[]): string {
  const rows = differences(runs)
  const note = '<p>The recipes are the same.</p>'
  return `<h2>Differences between the recipes</h2>\n${rows.length ? tableHtml(['', ...runs.map(({ name }) => name)], rows, 'facts differ') : note}`
}

function howHtml(run: RunView, several: boolean): string {
  const of = several ? ` of ${run.name}` : ''
  const machine = run.sessions.at(-1)
  const begun = run.sessions.map(({ began }) => began.slice(0, 16).replace('T', ' ')).join(', ')
  const hardware: [string, string][] = machine
    ? [...hardwareFacts(machine.hardware), ['Sessions', `begun ${begun} (UTC)`]]
    : [['Machine', 'unknown: the run has no sessions.json']]
  const part = (title: string, facts: [string, string][]) =>
    facts.length ? `<h2>${escape(title)}</h2>\n${factTable(facts)}` : ''
  return `${part(`Recipe${of}`, recipeFacts(run))}
${run.config ? `<details><summary>The whole configuration</summary><pre>${escape(JSON.stringify(run.config, null, 2))}</pre></details>` : ''}
${part(`Data${of}`, dataFacts(run))}
${part(`Machine and software${of}`, hardware)}`
}

/** The command of the first session; if it is unknown, one that uses the stored configuration and split. */
function repeat({ folder, sessions }: RunView): string {
  const first = sessions.find(({ command }) => !command.includes('--resume'))
  return first?.command ?? commandText(repeatCommand(folder))
}
