/** @file The long work that runs now: one at a time, with its progress and the time left. */
import { computed, signal } from '@preact/signals'
import type { Progress } from '../../calls'
import { explain } from '../advice'

export interface Job extends Progress {
  title: string
  stop: AbortController
  /** Ends it with what there is until then; null for work whose parts are of no use. */
  finish: AbortController | null
  /** When the present kind of work began, in milliseconds. */
  since: number
}

export const job = signal<Job | null>(null)

/** Ends with a problem that a person should read: what happened, and what to do. */
export const trouble = signal<{ title: string; text: string; advice: string[] } | null>(null)

/** Too short a time says nothing about the rest. */
const LEAST_SECONDS = 2

/** Seconds that the present kind of work still needs; null if that is not known yet. */
export const secondsLeft = computed(() => {
  const now = job.value
  if (now?.secondsLeft !== undefined) return now.secondsLeft
  if (!now?.total || now.done <= 0) return null
  const seconds = (performance.now() - now.since) / 1000
  return seconds < LEAST_SECONDS ? null : (seconds * (now.total - now.done)) / now.done
})

interface JobHooks {
  signal: AbortSignal
  /** See Job. */
  finish: AbortSignal
  onProgress(progress: Progress): void
}

/**
 * Runs long work. What fails is explained to the person, and the result is then null; so it is if the person stops it, or if other
 * work is running.
 * @param finishes whether a person may end it and keep what there is
 */
export async function runJob<T>(
  title: string,
  work: (hooks: JobHooks) => Promise<T>,
  finishes = false,
): Promise<T | null> {
  if (job.value) {
    trouble.value = { title, text: `First this has to end: ${job.value.title}.`, advice: [] }
    return null
  }
  const [stop, finish] = [new AbortController(), new AbortController()]
  job.value = {
    title,
    stop,
    finish: finishes ? finish : null,
    doing: 'Starting',
    done: 0,
    total: null,
    since: performance.now(),
  }
  const onProgress = (progress: Progress) => {
    const before = job.peek()
    if (before?.stop !== stop) return
    const since = before.doing === progress.doing ? before.since : performance.now()
    const { doing, done, total, secondsLeft } = progress
    job.value = { ...before, doing, done, total, secondsLeft, since }
  }
  try {
    return await work({ signal: stop.signal, finish: finish.signal, onProgress })
  } catch (error) {
    if (!stop.signal.aborted) trouble.value = { title: `${title}: it did not work`, ...explain(error) }
    return null
  } finally {
    job.value = null
  }
}
