/**
 * @file The model's mask under the pointer, shown before a click: one request at a time, for the latest position. A mask stays
 * while the pointer is on it, and goes as soon as the pointer leaves it.
 */
import { signal } from '@preact/signals'
import { maskContains } from '../../../../engine/masks/mask'
import { ApiError } from '../api'
import { encoding, server } from '../state/app'
import type { ImageSession } from '../state/image-session'
import { isHandMade } from '../state/reviewed'
import { hoverPreview, oneClick } from '../state/prefs'
import { sprite } from './ink'
import { askModel, type ModelMask, sameParticle } from './model-masks'

export interface Hovered {
  session: ImageSession
  /** The prompted pixel. */
  x: number
  y: number
  masks: ModelMask[]
  sprites: HTMLCanvasElement[]
  /** Index of the mask that is shown. */
  shown: number
}

type Pixel = Pick<Hovered, 'session' | 'x' | 'y'>

/** The mask under the pointer; null for none. */
export const hovered = signal<Hovered | null>(null)

/** Bounds of the pause before a request, in milliseconds; between them it is as long as the last reply took. */
const [shortest, longest] = [40, 400]

let wanted: Pixel | null = null
/** The last pixel that was asked about: no second request before the pointer moves. */
let asked: Pixel | null = null
let abort: AbortController | null = null
let timer = 0
let lastMs = 0

const same = (a: Pixel | null, b: Pixel | null) =>
  a === b || (a !== null && b !== null && a.session === b.session && a.x === b.x && a.y === b.y)

/** Whether the mask shown is under a pixel. */
export const isShownAt = (session: ImageSession, x: number, y: number): boolean => {
  const { value } = hovered
  return value !== null && value.session === session && maskContains(value.masks[value.shown].mask, x, y)
}

/** The pointer is at a pixel. */
export function aim(session: ImageSession, x: number, y: number): void {
  if (!isShownAt(session, x, y)) hovered.value = null
  const owner = session.masks.get(session.owners.at(x, y))
  const inside = x >= 0 && y >= 0 && x < session.info.width && y < session.info.height
  const possible = oneClick.value && hoverPreview.value && server.value?.model && encoding.value.state === 'ready'
  if (!inside || !possible || (owner && isHandMade(owner))) {
    session.hover.value = owner?.id ?? 0
    wanted = null
    return
  }
  if (!hovered.value) session.hover.value = owner?.id ?? 0
  wanted = { session, x, y }
  schedule()
}

/** Ends the preview: the pointer has left the canvas, or something else happens. */
export function clearHover(): void {
  wanted = null
  hovered.value = null
  clearTimeout(timer)
  timer = 0
  abort?.abort()
  abort = null
}

/** The pixel was answered, e.g. because it was clicked: it is not asked about until the pointer moves. */
export function settleHover(session: ImageSession, x: number, y: number): void {
  clearHover()
  asked = { session, x, y }
}

function schedule(): void {
  if (timer || abort || !wanted || same(wanted, asked)) return
  timer = window.setTimeout(
    () => {
      timer = 0
      if (wanted && !same(wanted, asked)) void send(wanted)
    },
    Math.min(longest, Math.max(shortest, lastMs)),
  )
}

async function send(pixel: Pixel): Promise<void> {
  const mine = (abort = new AbortController())
  asked = pixel
  const { session, x, y } = pixel
  const start = performance.now()
  try {
    const { masks } = await askModel(session, { points: [{ x, y, foreground: true }], box: null }, 'hover', mine.signal)
    if (mine.signal.aborted) return
    lastMs = performance.now() - start
    const now = wanted
    if (now?.session === session && masks.length && maskContains(masks[0].mask, now.x, now.y)) show(pixel, masks)
  } catch (error) {
    // another prompt came first, or the server is away: the next movement asks again
    if (!mine.signal.aborted && !(error instanceof ApiError && error.status === 409)) asked = null
    if (!mine.signal.aborted) lastMs = longest
  } finally {
    if (abort === mine) abort = null
  }
  if (!mine.signal.aborted) schedule()
}

function show({ session, x, y }: Pixel, masks: ModelMask[]): void {
  const there = sameParticle(session, masks[0].mask)
  session.hover.value = there?.id ?? 0
  if (there) return void (hovered.value = null)
  hovered.value = {
    session,
    x,
    y,
    masks,
    sprites: masks.map(({ mask }) => sprite(mask, [74, 163, 255], 0.4)),
    shown: 0,
  }
}
