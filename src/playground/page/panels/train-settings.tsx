/** @file The settings of a training, with a forecast of the memory and the time that it takes. */
import { signal } from '@preact/signals'
import { useEffect, useState } from 'preact/hooks'
import { duration } from '../../../host/duration'
import { messageOf } from '../../../host/errors'
import { count } from '../../../text/count'
import type { Forecast, TrainSettings } from '../../calls'
import { job } from '../state/job'
import { type ExpectedPace, expectedPace } from '../state/pace'
import { sheet } from '../state/sheets'
import { model, onProcessor } from '../state/studio'
import { trainAdapter } from '../state/training'
import { ask } from '../worker-client'

const MINUTES = [1, 2, 5, 15, 30, 60]
const RANKS = [4, 16, 64, 512]
const GIB = 2 ** 30
const MEMORY = [1, 2, 4, 8, 16, 32]
/** Of what a browser tells, a training may take this much if nothing else is chosen. */
const SHARE = 0.5

const minutes = signal(5)
/** Null: what suits the device. */
const rank = signal<number | null>(null)
const memory = signal<number | null>(null)
const maxSteps = signal('')

/** WebGPU does not say how much memory a card has: by default half of what the browser says of the machine, at most 4 GiB. */
function usualMemory(): number {
  const { deviceMemory = 4 } = navigator as { deviceMemory?: number }
  return Math.max(1, Math.min(4, SHARE * deviceMemory))
}

function settings(): TrainSettings {
  const steps = Math.floor(Number(maxSteps.value))
  return {
    minutes: minutes.value,
    rank: rank.value ?? (onProcessor() ? 4 : 64),
    maxSteps: steps >= 1 ? steps : null,
    memory: (memory.value ?? usualMemory()) * GIB,
  }
}

/** The numbers of images that are trained on, and that it is measured on. */
interface Images {
  images: number
  validation: number
}

export function TrainSettingsForm(numbers: Images) {
  const now = settings()
  const found = useForecast(now, numbers)
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
        <select value={now.rank} onChange={({ currentTarget }) => (rank.value = Number(currentTarget.value))}>
          {RANKS.map((n) => (
            <option value={n}>{`${n}${n === 4 ? ' (small, fast)' : n === 512 ? ' (as wgsam train)' : ''}`}</option>
          ))}
        </select>
      </label>
      <label class="field">
        Memory of the graphics card
        <select value={now.memory / GIB} onChange={({ currentTarget }) => (memory.value = Number(currentTarget.value))}>
          {MEMORY.map((n) => (
            <option value={n}>{`at most ${n} GiB`}</option>
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
      {onProcessor() && (
        <p class="soft">On the processor a step takes seconds to minutes. Use a small model at an input size of 256.</p>
      )}
      <ForecastText found={found} {...now} />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={job.value !== null || (found !== null && 'memory' in found && !found.fits)}
          onClick={() => void trainAdapter(now)}
        >
          Begin training
        </button>
      </div>
    </>
  )
}

type Found = (Forecast & { pace: ExpectedPace | null }) | { problem: string } | null

/** Asks for the forecast again whenever a setting changes; null while it is computed. */
function useForecast({ minutes, rank, maxSteps, memory }: TrainSettings, { images, validation }: Images): Found {
  const [found, setFound] = useState<Found>(null)
  const name = model.value?.name
  const size = model.value?.inputSize
  useEffect(() => {
    let current = true
    setFound(null)
    const find = async () => {
      const forecast = await ask('forecast', { minutes, rank, maxSteps, memory, images, validation })
      return { ...forecast, pace: await expectedPace(name!, size!, rank, forecast) }
    }
    find()
      .catch((error: unknown) => ({ problem: messageOf(error) }))
      .then((value) => current && setFound(value))
    return () => {
      current = false
    }
  }, [minutes, rank, maxSteps, memory, images, validation, name, size])
  return found
}

const gib = (bytes: number) =>
  bytes < 0.1 * GIB ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`

function ForecastText({ found, minutes, memory }: { found: Found } & TrainSettings) {
  if (!found)
    return (
      <p class="forecast soft" role="status">
        Planning its memory …
      </p>
    )
  if ('problem' in found) return <p class="forecast bad">No forecast: {found.problem}</p>
  if (!found.fits)
    return (
      <div class="advice bad forecast">
        <strong>
          This training needs {gib(found.memory)} of the graphics card at least, more than the {gib(memory)} that are
          allowed.
        </strong>
        <ul>
          <li>Allow it more memory, if the card has it.</li>
          <li>Or choose a lower rank.</li>
          <li>
            Or load the model with a smaller input size: half the side takes about a quarter.{' '}
            <button type="button" onClick={() => (sheet.value = 'model')}>
              Model
            </button>
          </li>
        </ul>
      </div>
    )
  return (
    <p class="forecast" role="status">
      Takes {gib(found.memory)} of memory
      {found.recomputes ? ' (part is computed twice to save some)' : ''} and {timeText(found, minutes)}.
    </p>
  )
}

function timeText({ steps, pace }: Forecast & { pace: ExpectedPace | null }, minutes: number): string {
  const all = count(steps, 'step')
  const after = 'compare the adapter with the base model'
  if (!pace) return `${minutes} min at most, for ${all}, and some time to ${after}`
  const { secondsPerStep, endSeconds } = pace
  const limit = 60 * minutes
  if (steps * secondsPerStep <= limit)
    return `about ${duration(steps * secondsPerStep + endSeconds)}, for ${all} and to ${after}`
  const fit = Math.max(1, Math.round(limit / secondsPerStep))
  return `${minutes} min, in which about ${fit} of ${all} fit, and about ${duration(endSeconds)} to ${after}`
}
