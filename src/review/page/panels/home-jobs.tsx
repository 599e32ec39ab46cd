/** @file Below the list of images, where `wgsam start` serves the page: train on what is accepted, then propose the rest again. */
import { computed, signal } from '@preact/signals'
import { duration } from '../../../host/duration'
import { count } from '../state/app'
import {
  accepted,
  adapter,
  atHome,
  openJobs,
  proposeAgain,
  proposedMinutes,
  stopJob,
  trainOnAccepted,
  untouched,
} from '../state/home'

const MINUTES = [5, 15, 30, 45, 60, 120]
/** Null means the proposed one. */
const chosen = signal<number | null>(null)
const minutes = computed(() => chosen.value ?? proposedMinutes.value)

export function HomeJobs() {
  if (!atHome.value) return null
  const training = openJobs.value.some(({ kind }) => kind === 'train')
  const proposing = openJobs.value.some(({ kind }) => kind === 'propose')
  return (
    <section class="home-jobs" aria-label="Training and proposals">
      {openJobs.value.map((job) => {
        const { id, title, state, progress } = job
        const left = progress?.secondsLeft
        return (
          <div class="home-job" key={id}>
            <span role="status">
              {title}
              {state !== 'running' ? `: ${state}` : left ? `: ${duration(left)} left` : ''}
            </span>
            <button type="button" onClick={() => void stopJob(id)}>
              Stop
            </button>
            {state !== 'waiting' && (
              <progress value={progress?.total ? progress.done / progress.total : undefined} aria-label={title} />
            )}
          </div>
        )
      })}
      {!training && accepted.value > 0 && (
        <div class="home-train">
          <button
            type="button"
            title="Adapts the model to the particles of the accepted images"
            onClick={() => void trainOnAccepted(minutes.value)}
          >
            Train on {count(accepted.value, 'image')}
          </button>
          <select
            aria-label="Longest time of the training"
            value={minutes.value}
            onChange={(event) => (chosen.value = Number(event.currentTarget.value))}
          >
            {MINUTES.map((n) => (
              <option key={n} value={n}>
                {n} min
              </option>
            ))}
          </select>
        </div>
      )}
      {!proposing && adapter.value !== null && untouched.value > 0 && (
        <button
          type="button"
          title={`Proposes masks with adapter ${adapter.value} for all images that are not edited or accepted`}
          onClick={() => void proposeAgain()}
        >
          Propose again: {count(untouched.value, 'image')}
        </button>
      )}
      <a href="../">Home page</a>
    </section>
  )
}
