/** @file State of the home page, polled from the server. */
import { computed, signal } from '@preact/signals'
import { messageOf } from '../../host/errors'
import { json, OfflineError } from '../../review/page/request'
import type { FolderList, HomeImage, HomeState, Job, JobPlan, JobRequest, RunProgress } from '../protocol'

export const home = signal<HomeState | null>(null)
export const images = signal<HomeImage[]>([])
export const connected = signal(true)
/** The last thing that went wrong; shown until it is closed. */
export const problem = signal<string | null>(null)
/** Whether the page shows the choice of a folder although one is open. */
export const choosing = signal(false)
export const run = signal<RunProgress | null>(null)

const isOpen = ({ state }: Job) => state === 'waiting' || state === 'running' || state === 'stopping'
export const openJobs = computed(() => home.value?.jobs.filter(isOpen) ?? [])
/** The newest job of the others that can be continued. */
export const unfinished = computed(() => home.value?.jobs.filter(({ resumable }) => resumable) ?? [])
/** The run that is training, or that was trained last. */
const shownRun = computed(
  () =>
    home.value?.jobs.findLast(({ run, state }) => run !== null && state !== 'waiting')?.run ??
    home.value?.project?.adapters.at(-1)?.name ??
    null,
)

export const counts = computed(() => {
  const of = (state: HomeImage['state']) => images.value.filter((image) => image.state === state).length
  return {
    all: images.value.length,
    'no proposals': of('no proposals'),
    proposed: of('proposed'),
    'in review': of('in review'),
    accepted: of('accepted'),
  }
})

/** Runs a request; what goes wrong is shown. False if it failed. */
async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return (connected.value = true)
  } catch (error) {
    if (error instanceof OfflineError) connected.value = false
    else problem.value = messageOf(error)
    return false
  }
}

/** Milliseconds between two polls while a job runs, and else. */
const BUSY = 1000
const IDLE = 4000
let polls = 0

async function refresh(withImages = true): Promise<void> {
  await attempt(async () => {
    home.value = await json<HomeState>('state')
    if (!home.value.project) return void (images.value = [])
    if (withImages) images.value = await json<HomeImage[]>('images')
    const name = shownRun.value
    if (name === null) run.value = null
    else if (withImages || openJobs.value.some((job) => job.run === name))
      run.value = await json<RunProgress | null>(`run?name=${name}`)
  })
}

async function poll(): Promise<void> {
  // the list of images is longer: while a job runs not every time
  if (document.visibilityState === 'visible') await refresh(!openJobs.value.length || polls++ % 3 === 0)
  setTimeout(() => void poll(), openJobs.value.length ? BUSY : IDLE)
}

export function begin(): void {
  void poll()
  addEventListener('focus', () => void refresh())
}

export async function openFolder(path: string): Promise<void> {
  const opened = await attempt(async () => {
    home.value = await json<HomeState>('folder', { path })
  })
  if (!opened) return
  images.value = []
  run.value = null
  problem.value = null
  choosing.value = false
  await refresh()
}

/** Null if the folder cannot be read. */
export async function folders(path: string | null): Promise<FolderList | null> {
  let list: FolderList | null = null
  await attempt(async () => {
    list = await json<FolderList>(path === null ? 'folders' : `folders?path=${encodeURIComponent(path)}`)
  })
  return list
}

export const chooseModel = (name: string) =>
  attempt(async () => {
    home.value = await json<HomeState>('model', { name })
  })

export const plan = (request: JobRequest) => json<JobPlan>('plan', request).catch(() => null)

export async function startJob(request: JobRequest): Promise<void> {
  await attempt(() => json<HomeState>('jobs', request))
  await refresh(false)
}

export async function stopJob(id: number): Promise<void> {
  await attempt(() => json<HomeState>('stop', { id }))
  await refresh(false)
}
