/** @file What is open, and the list of images: everything that outlives one image. */
import { batch, computed, effect, signal } from '@preact/signals'
import { sameAction } from '../../../project/review/review-records'
import type { ImageSummary, ServerInfo } from '../../protocol'
import { messageOf } from '../../../host/errors'
import { api, OfflineError } from '../api'
import { tell } from './notices'
import { announce, type UnsentActions, takeUnsent } from './unsent'
import { type Link, type Outbox, type Rejection, windowName } from './outbox'
import { coverage, opacity, stretch, style } from './prefs'
import { ImageSession } from './image-session'

export const server = signal<ServerInfo | null>(null)
export const images = signal<ImageSummary[]>([])
/** Whether the list has been had at all. */
export const listed = signal(false)
/** The name of the image that is open or opening. */
export const current = signal<string | null>(null)
export const session = signal<ImageSession | null>(null)
/** Why the current image is not shown. */
export const problem = signal<string | null>(null)
/** Whether the server answered last. */
export const answered = signal(true)

export type Encoding = { state: 'none' | 'encoding' | 'ready' } | { state: 'failed'; why: string }
/** Of the current image, by the model. */
export const encoding = signal<Encoding>({ state: 'none' })

/** Boxes that may still have something to send, by image. */
const outboxes = signal<ReadonlyMap<string, Outbox>>(new Map())
export const pending = computed(() => [...outboxes.value.values()].reduce((sum, box) => sum + box.pending.value, 0))
export const link = computed<Link>(() => {
  const links = [...outboxes.value.values()].map((box) => box.link.value)
  if (links.includes('offline') || !answered.value) return 'offline'
  return links.includes('saving') ? 'saving' : 'saved'
})

/** Resolves when everything done so far is in the log: an export should have it. */
export const allSent = () => Promise.all([...outboxes.value.values()].map((box) => box.idle()))

export const retryAll = () => {
  for (const box of outboxes.value.values()) box.retry()
  void refresh()
}

let opening = new AbortController()
/** The current image is not shown because the server was away: it is opened when it is back. */
let unreached = false

const hashName = () => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ''
  }
}

/** The images' names in the list's order, and the place of the current one. */
const place = computed(() => images.value.findIndex(({ info }) => info.name === current.value))
export const neighbour = (step: number): string | null => {
  for (let at = place.value + step; at >= 0 && at < images.value.length; at += step)
    if (!images.value[at].problem) return images.value[at].info.name
  return null
}

/** Opens an image; the one before goes on sending what it has not sent. */
export async function openImage(name: string): Promise<void> {
  opening.abort()
  const abort = (opening = new AbortController())
  unreached = false
  const before = session.peek()
  batch(() => {
    current.value = name
    session.value = null
    problem.value = null
    encoding.value = { state: 'none' }
  })
  before?.release()
  history.replaceState(null, '', `#${encodeURIComponent(name)}`)
  const known = images.value.find(({ info }) => info.name === name)
  if (known?.problem) return void (problem.value = known.problem)
  try {
    // its log is complete once all that was done here before has been sent
    await outboxes.value.get(name)?.idle()
    const opened = await ImageSession.open(name, abort.signal, saved, (rejection) => rejected(name, rejection))
    if (abort.signal.aborted) return opened.release()
    outboxes.value = new Map([...[...outboxes.value].filter(([, box]) => box.pending.peek()), [name, opened.outbox]])
    session.value = opened
    answered.value = true
    if (known?.note) tell('note', `${name}: ${known.note}`)
    for (const leftover of await takeUnsent(name)) resend(opened, leftover)
    void encode(name, abort.signal)
  } catch (error) {
    if (abort.signal.aborted) return
    problem.value = messageOf(error)
    unreached = error instanceof OfflineError
    if (unreached) answered.value = false
  }
}

/** What a page closed too early had not sent, where it still fits. */
function resend(opened: ImageSession, { base, actions }: UnsentActions): void {
  try {
    // the server may have taken the first of them without the page hearing of it
    let taken = 0
    while (taken < actions.length && sameAction(opened.entries[base + taken], actions[taken])) taken++
    if (base + taken !== opened.document.seq) throw new Error('the image has changed since')
    for (const action of actions.slice(taken)) opened.act(action)
    if (taken < actions.length)
      tell('note', `${opened.name}: ${count(actions.length - taken, 'edit')} of an earlier visit are being saved.`)
  } catch (error) {
    tell('error', `${opened.name}: edits of an earlier visit could not be saved: ${messageOf(error)}.`)
  }
}

export const count = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`

function saved(): void {
  answered.value = true
  updateSummary()
}

function rejected(name: string, { conflict, message, actions }: Rejection): void {
  const what = actions.map((action) => (action.type === 'edit' ? action.edit.kind : action.type)).join(', ')
  const why = conflict ? 'Another window changed this image first' : `The server refused it: ${message}`
  tell('error', `${name}: not applied: ${what}. ${why}. What you see now is what is saved.`)
  outboxes.value = new Map([...outboxes.value].filter(([other]) => other !== name))
  if (current.value === name) void openImage(name)
}

/** The open image's line in the list, from the document itself. */
export function updateSummary(): void {
  const open = session.peek()
  if (!open) return
  const { counts, state } = open.document
  images.value = images
    .peek()
    .map((summary) => (summary.info.name === open.name ? { ...summary, ...counts, state } : summary))
}

async function encode(name: string, abort: AbortSignal): Promise<void> {
  if (!server.value?.model) return
  encoding.value = { state: 'encoding' }
  try {
    await api.encode(name, { next: neighbour(1) ?? undefined }, abort)
    if (!abort.aborted) encoding.value = { state: 'ready' }
  } catch (error) {
    if (!abort.aborted) encoding.value = { state: 'failed', why: messageOf(error) }
  }
}

/** Looks whether the server is there, what other windows did to the image, and how far the others are. */
export async function refresh(): Promise<void> {
  try {
    server.value ??= await api.session()
    images.value = await api.images()
    listed.value = true
    const open = session.peek()
    if (open && !open.outbox.pending.peek()) {
      const entries = await api.log(open.name, open.document.seq)
      if (session.peek() === open && !open.outbox.pending.peek() && entries.length) {
        open.receive(entries)
        tell('note', 'Another window changed this image; you see its edits.')
      }
    }
    answered.value = true
    updateSummary()
    if (unreached && current.peek()) void openImage(current.peek()!)
  } catch (error) {
    if (error instanceof OfflineError) answered.value = false
    else tell('error', messageOf(error))
  }
}

/** Loads the list and goes on where the last visit ended. */
export async function start(): Promise<void> {
  announce(windowName)
  await refresh()
  const names = images.value.map(({ info }) => info.name)
  const unfinished = images.value.find(({ state, problem }) => state !== 'accepted' && !problem)
  const first = names.includes(hashName()) ? hashName() : (unfinished?.info.name ?? names[0])
  if (first) await openImage(first)
  setInterval(() => document.visibilityState === 'visible' && void refresh(), 4000)
  addEventListener('focus', () => void refresh())
  addEventListener('hashchange', () => names.includes(hashName()) && void openImage(hashName()))
  addEventListener('beforeunload', (event) => pending.value && event.preventDefault())
}

effect(() => {
  document.title = current.value ? `${current.value} – wgsam review` : 'wgsam review'
})

effect(() => {
  const picture = session.peek()?.picture
  if (stretch.value) picture?.setLevels(picture.stretched())
})

effect(() => {
  // read so that a change of any paints all masks anew
  void [style.value, opacity.value, coverage.value]
  session.peek()?.repaint()
})
