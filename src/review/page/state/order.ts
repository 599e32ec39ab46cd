/** @file The masks in the order of the list, of the class that it shows. */
import { computed } from '@preact/signals'
import { session } from './app'
import { shownClass } from './classes'
import { descending, sort } from './prefs'
import { shownIou } from './shown-iou'
import { suspicion } from './suspicion'
import type { MaskEntry } from './image-session'

const keys: Record<typeof sort.value, (entry: MaskEntry) => number> = {
  suspicion,
  id: ({ id }) => id,
  area: ({ area }) => area,
  iou: ({ review }) => shownIou(review) ?? Infinity,
  stability: ({ review }) => review.stability ?? Infinity,
}

export const ordered = computed<MaskEntry[]>(() => {
  const open = session.value
  if (!open) return []
  void open.version.value
  const key = keys[sort.value]
  const sign = descending.value ? -1 : 1
  const only = shownClass.value
  const listed = [...open.masks.values()].filter(
    ({ id }) => only === null || (open.marksOf(id).className ?? '') === only,
  )
  return listed.sort((a, b) => {
    const [x, y] = [key(a), key(b)]
    // Infinity - Infinity is not a number; masks without a measure come last in either direction
    if (x === y) return a.id - b.id
    if (!Number.isFinite(x)) return 1
    if (!Number.isFinite(y)) return -1
    return sign * (x - y)
  })
})
