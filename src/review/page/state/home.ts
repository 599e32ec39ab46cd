/** @file The jobs of `wgsam start`, where it serves this page: training and proposing again without leaving the review. */
import { computed, signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import { json, OfflineError } from '../request'
import { images, refresh, server } from './app'
import { notify } from './notices'

/** What this page uses of src/start/protocol.ts, which is above it. */
interface HomeJobs {
  project: { adapters: { name: string }[]; minutes: number } | null
  jobs: HomeJob[]
}
interface HomeJob {
  id: number
  kind: string
  title: string
  state: string
  progress: { label: string; done: number; total: number | null; unit: string; secondsLeft: number | null } | null
  problem: string | null
}

const BASE = '../../api'
const POLL = 2_000

const state = signal<HomeJobs | null>(null)
const isOpen = ({ state }: HomeJob) => state === 'waiting' || state === 'running' || state === 'stopping'

/** Whether the page is part of `wgsam start`. */
export const atHome = computed(() => server.value?.home === true)
export const openJobs = computed(() => state.value?.jobs.filter(isOpen) ?? [])
/** The newest adapter that was trained in this project. */
export const adapter = computed(() => state.value?.project?.adapters.at(-1)?.name ?? null)
/** The longest time that is proposed for training, in minutes. */
export const proposedMinutes = computed(() => state.value?.project?.minutes ?? 30)
export const accepted = computed(() => images.value.filter(({ state }) => state === 'accepted').length)
/** Images whose masks nobody has edited: these may be proposed again. */
export const untouched = computed(
  () => images.value.filter(({ state, problem }) => state === 'proposed' && !problem).length,
)

let polling = false

/** Begins to follow the jobs; does nothing where there are none. */
export function followJobs(): void {
  if (!atHome.value || polling) return
  polling = true
  setInterval(() => document.visibilityState === 'visible' && void poll(), POLL)
  void poll()
}

async function poll(): Promise<void> {
  try {
    const before = openJobs.peek()
    state.value = await json<HomeJobs>(`${BASE}/state`)
    for (const { id, title } of before) {
      const now = state.value.jobs.find((job) => job.id === id)
      if (!now || isOpen(now)) continue
      if (now.state === 'done') notify('note', `${title}: done.`)
      else notify('error', `${title}: ${now.problem ?? now.state}`)
      void refresh()
    }
  } catch (error) {
    // the page itself says when the server is away
    if (!(error instanceof OfflineError)) notify('error', messageOf(error))
  }
}

async function begin(request: object): Promise<void> {
  try {
    await json(`${BASE}/jobs`, request)
    await poll()
  } catch (error) {
    notify('error', messageOf(error))
  }
}

export const trainOnAccepted = (minutes: number) => begin({ kind: 'train', minutes })
export const proposeAgain = () => begin({ kind: 'propose', adapter: adapter.value, method: 'quick' })

export async function stopJob(id: number): Promise<void> {
  await json(`${BASE}/stop`, { id }).catch((error: unknown) => notify('error', messageOf(error)))
  await poll()
}
