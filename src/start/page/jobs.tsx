/** @file The job that runs, those that wait, unfinished ones, and what was done. */
import { duration } from '../../host/duration'
import type { Job } from '../protocol'
import { RunChart } from './run-chart'
import { home, openJobs, run, startJob, stopJob, unfinished } from './state'
import { Command } from './command'

export function Jobs() {
  const left = openJobs.value.length ? [] : unfinished.value.slice(-1)
  if (!openJobs.value.length && !left.length) return null
  return (
    <section class="jobs" aria-label="Jobs">
      {openJobs.value.map((job) => (
        <OpenJob key={job.id} job={job} />
      ))}
      {left.map((job) => (
        <LeftJob key={job.id} job={job} />
      ))}
    </section>
  )
}

function OpenJob({ job }: { job: Job }) {
  const { state, progress, title } = job
  const share = progress?.total ? progress.done / progress.total : null
  return (
    <article class={`job job-${state}`}>
      <header>
        <strong>{title}</strong>
        <span class="soft" role="status">
          {statusText(job)}
        </span>
        <span class="spring" />
        <button type="button" onClick={() => void stopJob(job.id)}>
          {state === 'waiting' ? 'Remove' : state === 'stopping' ? 'End at once' : 'Stop'}
        </button>
      </header>
      {state !== 'waiting' && <progress value={share ?? undefined} max={1} aria-label={title} />}
      <Remarks job={job} />
      {state === 'stopping' && <p class="soft">Saving what is done. It can be continued later.</p>}
      {job.run !== null && state !== 'waiting' && run.value?.name === job.run && <RunChart run={run.value} />}
      <Command lines={job.commands} current={state === 'waiting' ? undefined : job.step} />
      {job.output.length > 0 && (
        <details>
          <summary>What it prints</summary>
          <pre>{job.output.join('\n')}</pre>
        </details>
      )}
    </article>
  )
}

/** What a command says that a person should not have to look for: warnings, and how long it will take on a slow machine. */
function Remarks({ job: { output, progress } }: { job: Job }) {
  // an estimate from finished images takes the place of the forecast
  const shown = output.filter(
    (line) => /^warning:/i.test(line) || (/^forecast:/.test(line) && (progress?.done ?? 0) < 1),
  )
  return (
    <>
      {[...new Set(shown)].map((line) => (
        <p key={line} class="remark">
          {line.charAt(0).toUpperCase() + line.slice(1)}
        </p>
      ))}
    </>
  )
}

const units: Record<string, string> = { images: 'images', steps: 'steps', bytes: 'bytes' }

function statusText({ state, progress, step, commands }: Job): string {
  if (state === 'waiting') return 'waits for the job before it'
  if (state === 'stopping') return 'stopping'
  const part = commands.length > 1 ? `part ${step + 1} of ${commands.length}` : ''
  if (!progress) return [part, 'starting: the model is loaded and the GPU prepared'].filter(Boolean).join('; ')
  const { label, done, total, unit, secondsLeft, note } = progress
  const bytes = unit === 'bytes'
  const begun = done - Math.floor(done)
  const amount = bytes
    ? `${(done / 1e6).toFixed(1)}${total ? ` of ${(total / 1e6).toFixed(1)}` : ''} MB`
    : total && begun > 0
      ? `${Math.ceil(done)} of ${total}, ${Math.round(100 * begun)} % of this one`
      : `${Math.floor(done)}${total ? ` of ${total}` : ''} ${units[unit] ?? unit}`.trim()
  const left = secondsLeft === null ? '' : `about ${duration(secondsLeft)} left`
  return [part, `${label}: ${amount}`, left, note].filter(Boolean).join('; ')
}

/** A job that was stopped, failed, or was cut off with the server. */
function LeftJob({ job }: { job: Job }) {
  const why = {
    interrupted: 'was cut off when wgsam start ended. What was done is kept.',
    stopped: 'was stopped. What was done is kept.',
    failed: 'has failed.',
  }[job.state as 'interrupted' | 'stopped' | 'failed']
  return (
    <article class={`job job-${job.state}`}>
      <header>
        <strong>{job.title}</strong> <span class="soft">{why}</span>
        <span class="spring" />
        <button type="button" class="primary" onClick={() => void startJob({ kind: 'continue', id: job.id })}>
          {job.state === 'failed' ? 'Try again' : 'Continue'}
        </button>
      </header>
      {job.problem && <pre class="bad">{job.problem}</pre>}
    </article>
  )
}

const ends: Partial<Record<Job['state'], string>> = {
  done: 'done',
  stopped: 'stopped',
  failed: 'failed',
  interrupted: 'cut off',
}

/** Everything that was run, the newest first. */
export function History() {
  const ended = home.value?.jobs.filter(({ state }) => ends[state] !== undefined) ?? []
  if (!ended.length) return null
  return (
    <details class="history">
      <summary>What was done ({ended.length})</summary>
      <ol>
        {ended
          .slice()
          .reverse()
          .map((job) => (
            <li key={job.id}>
              <strong>{job.title}</strong>{' '}
              <span class={job.state === 'failed' ? 'bad' : 'soft'}>
                {ends[job.state]}
                {job.began && job.ended
                  ? ` after ${duration((Date.parse(job.ended) - Date.parse(job.began)) / 1000)}`
                  : ''}
              </span>
              <Command lines={job.commands} />
              {job.problem && <pre class="bad">{job.problem}</pre>}
              {job.output.length > 0 && (
                <details>
                  <summary>What it printed</summary>
                  <pre>{job.output.join('\n')}</pre>
                </details>
              )}
            </li>
          ))}
      </ol>
    </details>
  )
}
