/** @file The sheet of the training: its settings, its course while it runs, and what it has changed. */
import { signal } from '@preact/signals'
import { count } from '../../../text/count'
import { duration } from '../../../host/duration'
import { Plot } from '../../../start/page/plot'
import { job, secondsLeft } from '../state/job'
import { sheet } from '../state/sheets'
import { gpu, model } from '../state/studio'
import { course, divided, forgetAdapter, outcome, percent, running, trainAdapter, usable } from '../state/training'
import { Sheet } from './sheet'

const MINUTES = [1, 2, 5, 15, 30, 60]
const RANKS = [4, 16, 64, 512]
const minutes = signal(5)
/** Null: what suits the device. */
const rank = signal<number | null>(null)
const maxSteps = signal('')

export function TrainSheet() {
  const names = usable.value
  const { train, validation } = divided(names)
  const close = () => (sheet.value = null)
  return (
    <Sheet title="Train on your masks" close={close}>
      {running.value || course.value.length > 0 ? <Course /> : null}
      {!running.value && (
        <>
          {model.value?.adapter && <Adapter />}
          {!model.value ? (
            <p>Training needs a model. Choose one first.</p>
          ) : !names.length ? (
            <p>
              Training learns from accepted images: correct the masks of an image until every particle has one, then
              press Accept. One image is enough to begin.
            </p>
          ) : (
            <>
              <p>
                A LoRA adapter is trained on {count(train.length, 'accepted image')}; the model itself stays as it is.{' '}
                {train.some((name) => validation.includes(name))
                  ? 'With three or more accepted images, one is kept apart to measure whether the adapter is better.'
                  : `${validation.join(', ')} is kept apart to measure whether the adapter is better.`}
              </p>
              <Settings />
            </>
          )}
        </>
      )}
    </Sheet>
  )
}

function Settings() {
  const software = gpu.value !== null && 'software' in gpu.value && gpu.value.software
  const chosen = rank.value ?? (software ? 4 : 64)
  return (
    <>
      <label class="field">
        Longest time
        <select value={minutes.value} onChange={({ currentTarget }) => (minutes.value = Number(currentTarget.value))}>
          {MINUTES.map((n) => (
            <option value={n}>{n} min</option>
          ))}
        </select>
      </label>
      <label class="field">
        Rank
        <select value={chosen} onChange={({ currentTarget }) => (rank.value = Number(currentTarget.value))}>
          {RANKS.map((n) => (
            <option value={n}>{`${n}${n === 4 ? ' (small, fast)' : n === 512 ? ' (as wgsam train)' : ''}`}</option>
          ))}
        </select>
      </label>
      <label class="field">
        Steps at most
        <input
          type="number"
          min="1"
          placeholder="by the schedule"
          value={maxSteps.value}
          onInput={({ currentTarget }) => (maxSteps.value = currentTarget.value)}
        />
      </label>
      {software && (
        <p class="soft">On the processor a step takes seconds to minutes. Use a small model at an input size of 256.</p>
      )}
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={job.value !== null}
          onClick={() => {
            const steps = Math.floor(Number(maxSteps.value))
            void trainAdapter({ minutes: minutes.value, rank: chosen, maxSteps: steps >= 1 ? steps : null })
          }}
        >
          Begin training
        </button>
      </div>
    </>
  )
}

function Course() {
  const points = course.value
  const scores = points.flatMap(({ step, score }) => (score === undefined ? [] : [[step, score] as [number, number]]))
  const losses = points.flatMap(({ step, loss }) => (loss === undefined ? [] : [[step, loss] as [number, number]]))
  const base = scores[0]?.[0] === 0 ? scores[0][1] : null
  const now = running.value ? job.value : null
  const left = secondsLeft.value
  return (
    <>
      {now && (
        <p role="status">
          {now.doing} … {now.total ? `Step ${now.done} of ${now.total}${left ? `, ${duration(left)} left` : ''}.` : ''}
        </p>
      )}
      <div class="plots">
        <Plot
          title="Loss"
          points={losses}
          level={null}
          end={now?.total ?? null}
          format={(value) => value.toPrecision(3)}
        />
        <Plot
          title="Score"
          points={scores.filter(([step]) => step > 0)}
          level={base}
          end={now?.total ?? null}
          format={percent}
        />
      </div>
      {now && (
        <div class="row">
          <button type="button" onClick={() => now.stop.abort()}>
            Stop training
          </button>
        </div>
      )}
    </>
  )
}

function Adapter() {
  const { images, steps, seconds } = model.value!.adapter!
  return (
    <div class="advice good">
      <strong>{outcome(model.value!.adapter!)}</strong>
      <p>
        Trained on {count(images.length, 'image')} in {count(steps, 'step')}, {duration(seconds)}. A further training
        begins from the base model again.
      </p>
      <div class="row">
        <button type="button" onClick={() => (sheet.value = 'propose')}>
          Propose with it
        </button>
        <button type="button" onClick={() => void forgetAdapter()}>
          Remove the adapter
        </button>
      </div>
    </div>
  )
}
