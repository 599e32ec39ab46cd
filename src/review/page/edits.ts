/** @file Edits of selected masks, as keys and buttons ask for them. Each says why it does nothing where it does nothing. */
import { maskArea } from '../../../engine/masks/mask'
import { filled, parts } from './masks/shape'
import { uniteMasks } from '../../../engine/masks/mask-algebra'
import { count } from './state/app'
import { tell } from './state/notices'
import type { ImageSession } from './state/image-session'

export function removeSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return tell('note', 'Select the masks to remove first.')
  session.edit(
    'remove',
    chosen.map(({ id }) => id),
  )
  if (chosen.length > 20) tell('note', `Removed ${count(chosen.length, 'mask')}. Ctrl+Z brings them back.`)
}

export function mergeSelected(session: ImageSession): void {
  const { chosen } = session
  if (chosen.length < 2) return tell('note', 'Select two or more masks to merge: Shift and click adds one.')
  session.edit(
    'merge',
    chosen.map(({ id }) => id),
    [{ mask: uniteMasks(chosen.map(({ mask }) => mask)) }],
  )
}

/** Each connected part becomes a mask. */
export function splitSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return tell('note', 'Select the mask to split first.')
  const split = chosen.map(({ id, mask }) => ({ id, found: parts(mask) })).filter(({ found }) => found.length > 1)
  if (!split.length) return tell('note', 'It is in one piece: draw a line across it with the knife (K).')
  session.edit(
    'split',
    split.map(({ id }) => id),
    split.flatMap(({ found }) => found.map((mask) => ({ mask }))),
  )
}

export function fillSelected(session: ImageSession): void {
  const { chosen } = session
  if (!chosen.length) return tell('note', 'Select the masks whose holes to fill first.')
  const full = chosen.map((entry) => ({ entry, mask: filled(entry.mask) }))
  const changed = full.filter(({ entry, mask }) => maskArea(mask) > entry.area)
  if (!changed.length) return tell('note', chosen.length > 1 ? 'They have no holes.' : 'It has no holes.')
  session.edit(
    'fill holes',
    changed.map(({ entry }) => entry.id),
    // the model's opinion was of the mask with holes, but of the same particle
    changed.map(({ entry: { review }, mask }) => ({
      mask,
      predictedIou: review.predictedIou,
      stability: review.stability,
    })),
  )
}
