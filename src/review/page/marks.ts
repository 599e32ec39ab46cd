/** @file Class, lock, comment, copy and paste of the selected masks, run by keys, buttons and the menu. */
import { signal } from '@preact/signals'
import type { Mask } from '../../../engine/masks/mask'
import { trimMask } from '../../../engine/masks/mask-algebra'
import type { Size } from '../../../engine/image/size'
import { count } from './state/app'
import { classes, classesOpen } from './state/classes'
import { cursor } from './state/cursor'
import type { ImageSession } from './state/image-session'
import { notify } from './state/notices'

/** Gives the selected masks the n-th class, or takes it from them if all have it. */
export function setClass(session: ImageSession, n: number): void {
  const chosen = classes.value[n]
  if (!chosen) {
    classesOpen.value = true
    return
  }
  const { name } = chosen
  const ids = session.chosen.map(({ id }) => id)
  if (!ids.length) return notify('note', `Select the masks that are “${name}” first.`)
  const all = ids.every((id) => session.marksOf(id).className === name)
  session.mark({ ids, className: all ? null : name })
}

export function toggleLock(session: ImageSession): void {
  const ids = session.chosen.map(({ id }) => id)
  if (!ids.length) return notify('note', 'Select the masks to lock first.')
  const locked = !ids.every((id) => session.marksOf(id).locked)
  session.mark({ ids, locked })
  notify('note', locked ? `${count(ids.length, 'mask')} locked: no edit changes them.` : 'Unlocked.')
}

/** Ids of the masks whose comment is being edited: none for that on the image; null while the dialog is closed. */
export const commenting = signal<{ session: ImageSession; ids: number[] } | null>(null)

export function editComment(session: ImageSession): void {
  commenting.value = { session, ids: session.chosen.map(({ id }) => id) }
}

interface Copied {
  image: string
  masks: { mask: Mask; className: string | null }[]
}

let copied: Copied | null = null

export function copySelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return notify('note', 'Select the masks to copy first.')
  const masks = chosen.map(({ id, mask }) => ({ mask, className: session.marksOf(id).className }))
  copied = { image: session.name, masks }
  notify('note', `${count(masks.length, 'mask')} copied. Ctrl+V adds them, in another image at the same place.`)
}

/** Distance from the original of a copy in the same image, if the pointer is not over the image. */
const offset = 12

/**
 * Adds the copied masks: in another image at the same place, in the same one around the pointer. What lies outside of the
 * image is left out.
 */
export function pasteCopied(session: ImageSession): void {
  if (!copied) return notify('note', 'Copy masks first: Ctrl+C.')
  const { image, masks } = copied
  const [dx, dy] = image === session.name ? shift(masks.map(({ mask }) => mask)) : [0, 0]
  const added = masks
    .map(({ mask, className }) => ({ mask: movedInto(mask, dx, dy, session.info), className }))
    .filter(({ mask }) => mask.width > 0)
  if (!added.length) return notify('note', 'The copied masks lie outside of this image.')
  const ids = session.edit('paste', [], added)
  const names = new Set(added.flatMap(({ className }) => className ?? []))
  for (const className of names)
    session.mark({ ids: ids.filter((_, i) => added[i].className === className), className })
}

function shift(masks: readonly Mask[]): [number, number] {
  const at = cursor.value
  if (!at) return [offset, offset]
  const left = Math.min(...masks.map(({ x0 }) => x0))
  const top = Math.min(...masks.map(({ y0 }) => y0))
  const right = Math.max(...masks.map(({ x0, width }) => x0 + width))
  const bottom = Math.max(...masks.map(({ y0, height }) => y0 + height))
  return [Math.round(at[0] - (left + right) / 2), Math.round(at[1] - (top + bottom) / 2)]
}

/** The part of a moved mask that is inside an image. */
function movedInto(mask: Mask, dx: number, dy: number, { width, height }: Size): Mask {
  const [x0, y0] = [mask.x0 + dx, mask.y0 + dy]
  const [left, top] = [Math.max(0, x0), Math.max(0, y0)]
  const [right, bottom] = [Math.min(width, x0 + mask.width), Math.min(height, y0 + mask.height)]
  if (right <= left || bottom <= top) return { x0: 0, y0: 0, width: 0, height: 0, data: new Uint8Array(0) }
  const data = new Uint8Array((right - left) * (bottom - top))
  for (let y = top; y < bottom; y++) {
    const from = (y - y0) * mask.width + left - x0
    data.set(mask.data.subarray(from, from + right - left), (y - top) * (right - left))
  }
  return trimMask({ x0: left, y0: top, width: right - left, height: bottom - top, data })
}
