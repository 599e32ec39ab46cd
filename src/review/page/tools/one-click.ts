/**
 * @file One click takes a mask. Clicks are answered in their order; each begins a new particle, except that Shift+click adds a
 * point to the selected one, and right-click or Alt+click a point that is not part of it.
 */
import { signal } from '@preact/signals'
import { innermost } from '../../../../engine/masks/innermost'
import { messageOf } from '../../../host/errors'
import { ApiError, OfflineError } from '../api'
import type { ImageSession, MaskEntry } from '../state/image-session'
import { notify } from '../state/notices'
import { isHandMade, type NewMask } from '../state/reviewed'
import { clearHover, hovered, isShownAt, settleHover } from './hover'
import { askModel, type Prompt, sameParticle } from './model-masks'

/** How a mask was made: points can be added, and another of the model's masks be chosen. */
interface Made {
  prompt: Prompt
  masks: readonly NewMask[]
  shown: number
  /** How the mask was made that the last point of the prompt corrects. */
  before?: Made
}
const made = new WeakMap<MaskEntry, Made>()

export interface Pending {
  session: ImageSession
  prompt: Prompt
}
/** Clicks that wait for the model, the oldest first. */
export const pending = signal<readonly Pending[]>([])
/** Decoder time of the last click in milliseconds. */
export const clickMs = signal<number | null>(null)

let abort = new AbortController()
let chain: Promise<void> = Promise.resolve()

/** Resolves when all clicks so far are answered. */
export const clicksAnswered = (): Promise<void> => chain

/** Discards the clicks that wait. @returns whether there were any */
export function discardClicks(): boolean {
  const busy = pending.value.length > 0
  abort.abort()
  abort = new AbortController()
  pending.value = []
  return busy
}

/** A click. @param force ask the model even where a mask is */
export function click(session: ImageSession, x: number, y: number, force = false): void {
  const owner = session.masks.get(session.owners.at(x, y))
  if (!force && !isShownAt(session, x, y) && owner && isHandMade(owner)) return session.select([owner.id])
  if (isShownAt(session, x, y)) return takeHovered(session)
  queue(session, { points: [{ x, y, foreground: true }], box: null })
}

/** A dragged box. */
export const box = (session: ImageSession, corners: NonNullable<Prompt['box']>): void =>
  queue(session, { points: [], box: corners })

/** Takes the mask under the pointer. @param replace the selected masks */
export function takeHovered(session: ImageSession, replace: readonly number[] = []): void {
  const { x, y, masks, shown } = hovered.value!
  settleHover(session, x, y)
  add(session, { prompt: { points: [{ x, y, foreground: true }], box: null }, masks, shown }, replace)
}

/** Adds a point to the selected mask: part of the particle or not. */
export function refine(session: ImageSession, x: number, y: number, foreground: boolean): void {
  const point = { x, y, foreground }
  if (session.chosen.length !== 1 && !pending.value.length) {
    if (foreground) return click(session, x, y)
    return notify('note', 'Click on a particle first, or select one mask: a point beside it is then left out.')
  }
  clearHover()
  later(session, { points: [point], box: null }, async (signal) => {
    const { chosen } = session
    if (chosen.length !== 1) return
    const [entry] = chosen
    const { mask } = entry
    const before = made.get(entry) ?? madeOtherwise(entry)
    const { points, box } = before.prompt
    await answer(session, { points: [...points, point], box, mask }, signal, { entry, before })
  })
}

/** Removes the last point of the selected mask's prompt. @returns whether it had several */
export function removePoint(session: ImageSession): boolean {
  const [entry] = session.chosen
  const before = entry && made.get(entry)?.before
  if (session.chosen.length !== 1 || !before) return false
  later(session, before.prompt, async () => {
    if (session.masks.get(entry.id) === entry) add(session, before, [entry.id])
  })
  return true
}

/** Shows the next of the model's masks, under the pointer or in place of the selected one. @returns whether there is one */
export function nextMask(session: ImageSession): boolean {
  const { value } = hovered
  if (value) {
    hovered.value = { ...value, shown: (value.shown + 1) % value.masks.length }
    return true
  }
  const [entry] = session.chosen
  const how = entry && session.chosen.length === 1 ? made.get(entry) : undefined
  if (!how || how.masks.length < 2) return false
  add(session, { ...how, shown: (how.shown + 1) % how.masks.length }, [entry.id])
  return true
}

/** The selected mask's place among the model's masks for its prompt, for the status bar. */
export function alternatives(session: ImageSession): { shown: number; total: number } | null {
  const [entry] = session.chosen
  const how = entry && session.chosen.length === 1 ? made.get(entry) : undefined
  return how ? { shown: how.shown, total: how.masks.length } : null
}

/** The points of the selected mask's prompt, or null. */
export function selectedPrompt(session: ImageSession): Prompt | null {
  const { chosen } = session
  return (chosen.length === 1 && made.get(chosen[0])?.prompt) || null
}

/** A mask that was not made by a prompt, as if it had been by its deepest pixel. */
function madeOtherwise({ mask, review }: MaskEntry): Made {
  const [x, y] = innermost(mask)
  const prompt = { points: [{ x, y, foreground: true }], box: null }
  return { prompt, masks: [{ ...review, mask }], shown: 0 }
}

function queue(session: ImageSession, prompt: Prompt): void {
  const [point] = prompt.points
  if (point) settleHover(session, point.x, point.y)
  else clearHover()
  later(session, prompt, (signal) => answer(session, prompt, signal))
}

/** Runs `work` after all earlier clicks; the prompt is drawn until then. */
function later(session: ImageSession, prompt: Prompt, work: (signal: AbortSignal) => Promise<void>): void {
  const { signal } = abort
  const own = { session, prompt }
  pending.value = [...pending.value, own]
  chain = chain.then(async () => {
    try {
      if (!signal.aborted) await work(signal)
    } catch (error) {
      if (signal.aborted) return
      // other errors are about the edit, such as a locked mask
      const failed = error instanceof ApiError || error instanceof OfflineError
      notify('error', failed ? `The model failed: ${messageOf(error)}` : messageOf(error))
    } finally {
      pending.value = pending.value.filter((one) => one !== own)
    }
  })
}

/** Adds the model's mask for a prompt, or replaces the one that it corrects. */
async function answer(
  session: ImageSession,
  prompt: Prompt,
  signal: AbortSignal,
  corrected?: { entry: MaskEntry; before: Made },
): Promise<void> {
  const { masks, ms } = await askModel(session, prompt, 'take', signal)
  if (signal.aborted || session.released) return
  clickMs.value = ms
  if (!masks.length) return notify('note', 'The model found no mask there.')
  if (!corrected) return add(session, { prompt, masks, shown: 0 }, [])
  const { entry, before } = corrected
  if (session.masks.get(entry.id) === entry) add(session, { prompt, masks, shown: 0, before }, [entry.id])
}

function add(session: ImageSession, how: Made, replace: readonly number[]): void {
  const found = how.masks[how.shown]
  const there = replace.length ? undefined : sameParticle(session, found.mask)
  if (there) {
    session.select([there.id])
    return notify('note', `This particle has a mask already: number ${there.id}.`)
  }
  const [id] = session.edit('prompt', replace, [found])
  made.set(session.masks.get(id)!, how)
}
