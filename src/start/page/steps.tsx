/** @file The four steps of the work, each with what it would do now and the command that does the same. */
import { computed, signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { leastSureFirst } from '../../project/review/uncertainty'
import type { JobRequest, ProposalMethod } from '../protocol'
import { Command } from './command'
import { RunChart } from './run-chart'
import { chooseModel, counts, home, images, openJobs, plan, run, startJob } from './state'
import { count } from '../../text/count'
import { megabytes, percent } from './words'

/** The adapter that was chosen: undefined means the newest one, null the base model. */
const chosenAdapter = signal<string | null | undefined>(undefined)
const method = signal<ProposalMethod>('union')
/** The adapter that the next training begins with; null for a new one. */
const from = signal<string | null>(null)
/** The longest time of a training: null means the proposed one. */
const chosenMinutes = signal<number | null>(null)
const acceptedOnly = signal(false)

const minutes = computed(() => chosenMinutes.value ?? home.value?.project?.minutes ?? 30)
const adapters = computed(() => home.value?.project?.adapters ?? [])
const adapter = computed(() => {
  const chosen = chosenAdapter.value
  if (chosen === null) return null
  return adapters.value.find(({ name }) => name === chosen)?.name ?? adapters.value.at(-1)?.name ?? null
})

export function Steps() {
  const model = home.value!.model
  return (
    <div class="steps">
      {!model.present && <Download />}
      <Propose />
      <Review />
      <Train />
      <Measure />
    </div>
  )
}

interface StepProps {
  title: string
  number?: number
  /** What the button does; the command below is its. */
  request?: JobRequest
  button?: string
  disabled?: boolean
  /** True if this is what to do next. */
  next?: boolean
  children: ComponentChildren
  /** In the place of a button for a job. */
  action?: ComponentChildren
  /** Below everything. */
  after?: ComponentChildren
}

function Step({ title, number, request, button, disabled, next, children, action, after }: StepProps) {
  const [lines, setLines] = useState<string[]>([])
  const key = JSON.stringify(request)
  const ready = request !== undefined && !disabled
  // the same job a second time would find nothing to do
  const waiting = openJobs.value.some(({ kind }) => kind === request?.kind)
  useEffect(() => {
    let current = true
    if (request && ready) void plan(request).then((planned) => current && setLines(planned?.commands ?? []))
    return () => void (current = false)
    // a new run takes the next name
  }, [key, ready, adapters.value.length, home.value!.model.name])
  return (
    <section class={`step${next ? ' next' : ''}`} aria-label={title}>
      <h2>
        {number !== undefined && <i aria-hidden="true">{number}</i>}
        {title}
      </h2>
      {children}
      <div class="act">
        {request && button && (
          <button
            type="button"
            class={next ? 'primary' : ''}
            disabled={disabled || waiting}
            onClick={() => void startJob(request)}
          >
            {button}
          </button>
        )}
        {action}
      </div>
      {ready && <Command lines={lines} />}
      {after}
    </section>
  )
}

/** Nothing is downloaded unasked. */
function Download() {
  const { name, bytes } = home.value!.model
  const running = openJobs.value.some(({ kind }) => kind === 'fetch')
  return (
    <Step
      title="Download the model"
      next
      request={{ kind: 'fetch' }}
      button={running ? 'Downloading …' : `Download ${bytes === null ? name : megabytes(bytes)}`}
      disabled={running || bytes === null}
    >
      <p>
        {bytes === null
          ? `The file ${name} is gone: start again with another --model.`
          : `${name} is not on this computer. It is downloaded once, ${megabytes(bytes)}, and kept. Images never leave this computer.`}
      </p>
      <ModelChoice />
    </Step>
  )
}

function ModelChoice() {
  const { name, choices } = home.value!.model
  const known = choices.some((choice) => choice.name === name)
  return (
    <label class="field">
      Model
      <select
        value={name}
        disabled={openJobs.value.length > 0}
        onChange={(event) => void chooseModel(event.currentTarget.value)}
      >
        {!known && <option value={name}>{name.split(/[\\/]/).at(-1)}</option>}
        {choices.map((choice) => (
          <option key={choice.name} value={choice.name}>
            {choice.name}
            {choice.present ? '' : ` (download of ${megabytes(choice.bytes)})`}
          </option>
        ))}
      </select>
    </label>
  )
}

function AdapterChoice() {
  if (!adapters.value.length) return null
  return (
    <label class="field">
      With
      <select
        value={adapter.value ?? ''}
        onChange={(event) => (chosenAdapter.value = event.currentTarget.value || null)}
      >
        {adapters.value.map(({ name }) => (
          <option key={name} value={name}>
            adapter {name}
          </option>
        ))}
        <option value="">the base model</option>
      </select>
    </label>
  )
}

/** How long proposals take on a machine without a GPU, measured on two processor cores. */
function proposeTime(): string {
  if (adapter.value !== null) return 'Without a GPU about a quarter of a minute for an image.'
  if (method.value === 'watershed')
    return 'Seconds for an image; good for particles brighter or darker than all the rest.'
  const minutes = method.value === 'thorough' ? 'a quarter of an hour' : '4 minutes'
  return `Without a GPU about ${minutes} for an image; the job says after its first prompts how long all will take.`
}

function Propose() {
  const { all, accepted, 'no proposals': none, 'in review': begun, proposed } = counts.value
  const open = none + proposed
  const again = none === 0 && proposed > 0
  return (
    <Step
      number={1}
      title="Propose masks"
      next={home.value!.model.present && none > 0}
      request={{ kind: 'propose', adapter: adapter.value, method: method.value }}
      button={`Propose ${again ? 'again ' : ''}for ${count(open, 'image')}`}
      disabled={(!home.value!.model.present && (adapter.value !== null || method.value !== 'watershed')) || !open}
    >
      <p>
        {none
          ? `${none === all ? (all === 1 ? 'The image has' : `None of ${count(all, 'image')} has`) : `${none} of ${all} images have`} ${none === all && all === 1 ? 'no masks yet' : none === all ? 'masks yet' : 'no masks yet'}.`
          : 'All images have masks.'}{' '}
        {accepted + begun > 0 &&
          `${count(accepted + begun, 'image')} that you have edited or accepted ${accepted + begun === 1 ? 'stays' : 'stay'} as ${accepted + begun === 1 ? 'it is' : 'they are'}.`}
      </p>
      <div class="fields">
        {home.value!.model.present && <ModelChoice />}
        <AdapterChoice />
        {adapter.value === null && (
          <label class="field">
            Search
            <select
              value={method.value}
              onChange={(event) => (method.value = event.currentTarget.value as ProposalMethod)}
            >
              <option value="union">model, quick, and watershed</option>
              <option value="quick">model, quick: 16 × 16 points</option>
              <option value="thorough">model, thorough: 32 × 32 points, four times as long</option>
              <option value="watershed">watershed alone, without a model</option>
            </select>
          </label>
        )}
      </div>
      {home.value!.project!.software && open > 0 && <p class="soft">{proposeTime()}</p>}
    </Step>
  )
}

/** The image of which the model was most unsure, of those that are not accepted. */
const unsure = computed(
  () =>
    leastSureFirst(
      images.value.filter(
        ({ state, uncertainty, problem }) => state !== 'accepted' && uncertainty !== null && !problem,
      ),
    ).at(0)?.name,
)

function Review() {
  const { all, accepted, 'no proposals': none } = counts.value
  const ready = all - none
  const { reviewProblem } = home.value!.project!
  const next = ready > accepted && accepted < 3
  return (
    <Step
      number={2}
      title="Review and accept"
      next={next}
      action={
        ready > 0 &&
        !reviewProblem && (
          <>
            <a class={`button${next ? ' primary' : ''}`} href="review/">
              Open the review
            </a>
            {unsure.value !== undefined && ready > accepted && (
              <a class="button" href={`review/#${encodeURIComponent(unsure.value)}`}>
                Begin where the model is least sure: {unsure.value}
              </a>
            )}
          </>
        )
      }
    >
      {reviewProblem ? (
        <p class="bad">{reviewProblem}</p>
      ) : (
        <p>
          {ready
            ? `${accepted} of ${count(all, 'image')} accepted. Correct the masks of an image, then accept it: accepted images are what training learns from.`
            : 'Masks are corrected and accepted here, as soon as there are some.'}
        </p>
      )}
    </Step>
  )
}

function Train() {
  const { accepted } = counts.value
  const training = openJobs.value.some(({ kind }) => kind === 'train')
  return (
    <Step
      number={3}
      title="Train on accepted images"
      next={accepted >= 3 && !adapters.value.length}
      request={{
        kind: 'train',
        minutes: minutes.value,
        from: adapters.value.find(({ name }) => name === from.value)?.name ?? null,
      }}
      button={`Train on ${count(accepted, 'accepted image')}`}
      disabled={!accepted || !home.value!.model.present}
      after={<Adapters training={training} />}
    >
      <p>
        {!accepted
          ? 'The model is adapted to your particles with the images that you accept; one is enough to begin.'
          : accepted < 3
            ? 'With fewer than three accepted images little or nothing is left to measure whether the adapter is better.'
            : 'A part of the accepted images is kept to measure whether the adapter is better than the base model.'}
      </p>
      <div class="fields">
        {adapters.value.length > 0 && (
          <label
            class="field"
            title="One that is continued keeps what it has learned; the earlier images are trained on again with the new ones"
          >
            Begin with
            <select value={from.value ?? ''} onChange={(event) => (from.value = event.currentTarget.value || null)}>
              <option value="">a new adapter</option>
              {adapters.value.map(({ name }) => (
                <option key={name} value={name}>
                  adapter {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="field">
          At most
          <input
            type="number"
            min={0.1}
            max={10_000}
            step="any"
            value={minutes.value}
            onChange={(event) => {
              const typed = event.currentTarget.valueAsNumber
              if (typed >= 0.1 && typed <= 10_000) chosenMinutes.value = typed
              event.currentTarget.value = String(minutes.value)
            }}
          />
          minutes
        </label>
      </div>
    </Step>
  )
}

/** The adapters so far, and the course of the newest. */
function Adapters({ training }: { training: boolean }) {
  return (
    <>
      {adapters.value.length > 0 && (
        <table class="adapters">
          <thead>
            <tr>
              <th>Adapter</th>
              <th>Images</th>
              <th>Base model</th>
              <th>Adapted</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {adapters.value.map(({ name, images: trained, base, best }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{trained ?? '–'}</td>
                <td>{base === null ? '–' : percent(base)}</td>
                <td>{best === null ? '–' : percent(best)}</td>
                <td>
                  <a href={`runs/${name}/`} target="_blank">
                    Report
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {!training && run.value && adapters.value.some(({ name }) => name === run.value!.name) && (
        <RunChart run={run.value} />
      )}
    </>
  )
}

function Measure() {
  const { all, accepted, 'no proposals': none } = counts.value
  const usable = acceptedOnly.value ? accepted : all - none
  const { reports } = home.value!.project!
  return (
    <Step
      number={4}
      title="Measure"
      request={{ kind: 'measure', acceptedOnly: acceptedOnly.value }}
      button={`Measure ${count(usable, 'image')}`}
      disabled={!usable}
      action={reports.map(({ path, title }) => (
        <a class="button" key={path} href={`reports/${path}`} target="_blank">
          {title}: report
        </a>
      ))}
    >
      <p>Counts, sizes and shapes of the particles, with your corrections, as a report and as tables.</p>
      <label class="check">
        <input
          type="checkbox"
          checked={acceptedOnly.value}
          onChange={(event) => (acceptedOnly.value = event.currentTarget.checked)}
        />{' '}
        accepted images only
      </label>
    </Step>
  )
}
