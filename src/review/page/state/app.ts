/** @file State of the whole page: the list of images, the open one, and the connection to the server. */
import { batch, computed, effect, signal, untracked } from '@preact/signals'
import { sameAction } from '../../../project/review/review-records'
import type { ImageSummary, ServerInfo } from '../../protocol'
import { messageOf } from '../../../host/errors'
import { count } from '../../../text/count'
import { api, OfflineError } from '../api'
import { surroundings } from '../surroundings'
import { inOrder } from './image-order'
import { notify } from './notices'
import { announce, type UnsentActions, takeUnsent } from './unsent'
import { type Link, type Outbox, type Rejection, windowName } from './outbox'
import { classes, loadClasses } from './classes'
import { forget, keep, keptImage, sent } from './kept-images'
import { coverage, equalise, localContrast, opacity, stretch, style } from './prefs'
import { ImageSession } from './image-session'

export { count }

export const server = signal<ServerInfo | null>(null)
/** As the server sent them, by name. */
const received = signal<ImageSummary[]>([])
/** In the order of the list. */
export const images = computed(() => inOrder(received.value))
/** Whether the list of images has been loaded once. */
export const listed = signal(false)
/** The name of the image that is open or opening. */
export const current = signal<string | null>(null)
export const session = signal<ImageSession | null>(null)
/** Why the current image is not shown. */
export const problem = signal<string | null>(null)
/** Whether the server replied to the last request. */
export const connected = signal(true)

export type Encoding = { state: 'none' | 'encoding' | 'ready' } | { state: 'failed'; why: string }
/** Progress of the model's encoding of the current image. */
export const encoding = signal<Encoding>({ state: 'none' })

/** Outboxes that may still have unsent actions, by image. */
const outboxes = signal<ReadonlyMap<string, Outbox>>(new Map())
export const pending = computed(() => [...outboxes.value.values()].reduce((sum, box) => sum + box.pending.value, 0))
export const link = computed<Link>(() => {
  const links = [...outboxes.value.values()].map((box) => box.link.value)
  if (links.includes('offline') || !connected.value) return 'offline'
  return links.includes('saving') ? 'saving' : 'saved'
})

/** Resolves when all actions so far are in the log, so that an export includes them. */
export const allSent = () => Promise.all([...outboxes.value.values()].map((box) => box.idle()))

export const retryAll = () => {
  for (const box of outboxes.value.values()) box.retry()
  void refresh()
}

let opening = new AbortController()
/** True if opening the current image failed because the server was away; it is opened when the server is back. */
let unreached = false
/** True if the current image was opened without the server; it is encoded when the server is back. */
let encodeLater = false

const hashName = () => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ''
  }
}

/** Position of the current image in the list. */
const place = computed(() => images.value.findIndex(({ info }) => info.name === current.value))
export const neighbour = (step: number): string | null => {
  for (let at = place.value + step; at >= 0 && at < images.value.length; at += step)
    if (!images.value[at].problem) return images.value[at].info.name
  return null
}

/** Opens an image; the previous one still sends its unsent actions. */
export async function openImage(name: string): Promise<void> {
  opening.abort()
  const abort = (opening = new AbortController())
  unreached = encodeLater = false
  const before = session.peek()
  batch(() => {
    current.value = name
    session.value = null
    problem.value = null
    encoding.value = { state: 'none' }
  })
  if (before) keep(before)
  before?.release()
  history.replaceState(null, '', `#${encodeURIComponent(name)}`)
  const known = images.value.find(({ info }) => info.name === name)
  if (known?.problem) return void (problem.value = known.problem)
  try {
    const { opened, away } = await load(name, abort.signal)
    if (abort.signal.aborted) return opened.release()
    outboxes.value = new Map([...[...outboxes.value].filter(([, box]) => box.pending.peek()), [name, opened.outbox]])
    session.value = opened
    connected.value = !away
    if (away) {
      encodeLater = true
      return void (encoding.value = { state: 'failed', why: 'the server does not respond' })
    }
    if (known?.note) notify('note', `${name}: ${known.note}`)
    for (const leftover of await takeUnsent(name)) resend(opened, leftover)
    void encode(name, abort.signal)
  } catch (error) {
    if (abort.signal.aborted) return
    unreached = error instanceof OfflineError
    problem.value = unreached
      ? `${surroundings.unreachable} Images that you had open before can be edited until then.`
      : messageOf(error)
    if (unreached) connected.value = false
  }
}

/**
 * The image as the server has it, once this window's earlier actions are in the log; while the server is away, as this window
 * has left it. @throws Error if there is neither
 */
async function load(name: string, abort: AbortSignal): Promise<{ opened: ImageSession; away: boolean }> {
  const kept = keptImage(name)
  try {
    const outbox = outboxes.value.get(name)
    if (kept && outbox && !(await sent(outbox))) throw new OfflineError('the server does not respond')
    await outbox?.idle()
    const opened = await ImageSession.open(name, abort, saved, (rejection) => rejected(name, rejection))
    return { opened, away: false }
  } catch (error) {
    if (kept && error instanceof OfflineError && !abort.aborted)
      return { opened: await ImageSession.reopen(kept), away: true }
    throw error
  }
}

/** Applies the actions that a closed page had not sent, if they are still valid. */
function resend(opened: ImageSession, { base, actions }: UnsentActions): void {
  try {
    // the server may have logged the first of them although the page never received the reply
    let taken = 0
    while (taken < actions.length && sameAction(opened.entries[base + taken], actions[taken])) taken++
    if (base + taken !== opened.document.seq) throw new Error('the image has changed since')
    for (const action of actions.slice(taken)) opened.act(action)
    if (taken < actions.length)
      notify('note', `${opened.name}: ${count(actions.length - taken, 'edit')} of an earlier visit are being saved.`)
  } catch (error) {
    notify('error', `${opened.name}: edits of an earlier visit could not be saved: ${messageOf(error)}.`)
  }
}

const saved = () => void (connected.value = true)

function rejected(name: string, { conflict, message, actions }: Rejection): void {
  const what = actions.map((action) => (action.type === 'edit' ? action.edit.kind : action.type)).join(', ')
  const why = conflict ? 'Another window changed this image first' : `The server rejected it: ${message}`
  notify('error', `${name}: not applied: ${what}. ${why}. The page now shows the saved state.`)
  outboxes.value = new Map([...outboxes.value].filter(([other]) => other !== name))
  forget(name)
  if (current.value === name) void openImage(name)
}

/** The parts of an image's line in the list that edits change. */
export function summaryOf({ info, document, masks }: ImageSession) {
  let area = 0
  for (const entry of masks.values()) area += entry.area
  const { counts, state, comment } = document
  return { info, ...counts, state, comment, covered: Math.min(1, area / (info.width * info.height)) }
}

/** When the page last changed an image's line itself: a list that the server made before is older. */
const changedAt = new Map<string, number>()

/** Updates an image's line in the list from its document, before the server knows of the change. */
function updateSummary(open: ImageSession): void {
  const now = summaryOf(open)
  const known = received.peek().find(({ info }) => info.name === open.name)
  if (
    !known ||
    (known.state === now.state &&
      known.covered === now.covered &&
      known.masks === now.masks &&
      known.comment === now.comment)
  )
    return
  changedAt.set(open.name, performance.now())
  received.value = received.peek().map((summary) => (summary === known ? { ...summary, ...now } : summary))
}

/** The server's list, except for images whose edits it may not have had when it made the list. */
function merged(list: ImageSummary[], since: number): ImageSummary[] {
  const mine = new Map(received.peek().map((summary) => [summary.info.name, summary]))
  return list.map((summary) => {
    const { name } = summary.info
    const newer = (changedAt.get(name) ?? -1) >= since || outboxes.peek().get(name)?.pending.peek()
    const own = newer ? mine.get(name) : undefined
    if (!own) return summary
    const { state, masks, removed, edited, added, covered, comment } = own
    return { ...summary, state, masks, removed, edited, added, covered, comment }
  })
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

/** Polls the server: whether it responds, what other windows did to the open image, and the state of all images. */
export async function refresh(): Promise<void> {
  try {
    server.value ??= await api.session()
    const since = performance.now()
    const list = await api.images()
    received.value = merged(list, since)
    void loadClasses()
    listed.value = true
    const open = session.peek()
    if (open && !open.outbox.pending.peek()) {
      const entries = await api.log(open.name, open.document.seq)
      if (session.peek() === open && !open.outbox.pending.peek() && entries.length) {
        open.receive(entries)
        notify('note', 'Another window changed this image; you see its edits.')
      }
    }
    connected.value = true
    const now = open && images.value.find(({ info }) => info.name === open.name)
    if (open && now && !now.problem && open.revision !== now.revision && !open.outbox.pending.peek()) {
      notify('note', `${open.name}: its masks were proposed again; you see the new ones.`)
      void openImage(open.name)
    }
    // the server is there: what waits for the next try is sent now
    for (const box of outboxes.peek().values()) box.retry()
    if (unreached && current.peek()) void openImage(current.peek()!)
    else if (encodeLater && open && session.peek() === open) {
      encodeLater = false
      void encode(open.name, opening.signal)
    }
  } catch (error) {
    if (error instanceof OfflineError) connected.value = false
    else notify('error', messageOf(error))
  }
}

/** Loads the list and opens the image of the last visit, or the first that is not accepted. */
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
  document.title = current.value ? `${current.value} – ${surroundings.title}` : surroundings.title
})

effect(() => {
  const open = session.value
  if (!open) return
  void [open.version.value, open.state.value]
  untracked(() => updateSummary(open))
})

effect(() => {
  const picture = session.peek()?.picture
  if (stretch.value) picture?.setLevels(picture.stretched())
})

effect(() => {
  const limit = equalise.value ? localContrast.value : null
  void session.value?.picture.equalise(limit)
})

effect(() => {
  // reads the signals, so that a change of any repaints all masks
  void [style.value, opacity.value, coverage.value, classes.value]
  session.peek()?.repaint()
})
