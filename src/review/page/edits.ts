/** @file Edits of the selected masks, run by keys and buttons. An edit that changes nothing notifies the user why. */
import { maskArea } from '../../../engine/masks/mask'
import { filled, parts } from './masks/shape'
import { uniteMasks } from '../../../engine/masks/mask-algebra'
import { count } from './state/app'
import { notify } from './state/notices'
import type { ImageSession } from './state/image-session'

export function removeSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return notify('note', 'Select the masks to remove first.')
  session.edit(
    'remove',
    chosen.map(({ id }) => id),
  )
  if (chosen.length > 20) notify('note', `Removed ${count(chosen.length, 'mask')}. Ctrl+Z brings them back.`)
}

export function mergeSelected(session: ImageSession): void {
  const { chosen } = session
  if (chosen.length < 2) return notify('note', 'Select two or more masks to merge: Shift+click adds one.')
  session.edit(
    'merge',
    chosen.map(({ id }) => id),
    [{ mask: uniteMasks(chosen.map(({ mask }) => mask)) }],
  )
}

/** Turns each connected part into a mask. */
export function splitSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return notify('note', 'Select the mask to split first.')
  const split = chosen.map(({ id, mask }) => ({ id, found: parts(mask) })).filter(({ found }) => found.length > 1)
  if (!split.length) return notify('note', 'The mask is connected: draw a line across it with the knife (K).')
  session.edit(
    'split',
    split.map(({ id }) => id),
    split.flatMap(({ found }) => found.map((mask) => ({ mask }))),
  )
}

export function fillSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return notify('note', 'Select the masks whose holes to fill first.')
  const full = chosen.map((entry) => ({ entry, mask: filled(entry.mask) }))
  const changed = full.filter(({ entry, mask }) => maskArea(mask) > entry.area)
  if (!changed.length) return notify('note', chosen.length > 1 ? 'They have no holes.' : 'It has no holes.')
  session.edit(
    'fill holes',
    changed.map(({ entry }) => entry.id),
    // the model scored the mask with holes, but it is the same particle
    changed.map(({ entry: { review }, mask }) => ({
      mask,
      predictedIou: review.predictedIou,
      calibratedIou: review.calibratedIou,
      stability: review.stability,
    })),
  )
}
