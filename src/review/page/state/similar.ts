/** @file Find similar: places that look like the selected masks, the model's masks there, and which of them are new particles. */
import { computed, effect, signal } from '@preact/signals'
import { maskArea } from '../../../../engine/masks/mask'
import { decodeMask } from '../../../../engine/masks/rle'
import type { SimilarPlace } from '../../../../engine/similar/feature-map'
import type { BusyReply } from '../../protocol'
import { messageOf } from '../../../host/errors'
import { api } from '../api'
import { tidied } from '../masks/shape'
import { session } from './app'
import { watchBusy } from './busy'
import type { ImageSession } from './image-session'
import { notify } from './notices'
import { similarity as least, tidy } from './prefs'
import { newParticles, type SimilarFound } from './new-particles'

export interface Search {
  session: ImageSession
  /** Ids of the examples. */
  examples: number[]
  /** Places without a mask; null until they are known. */
  places: SimilarPlace[] | null
  /** The number of places looked at. */
  done: number
  found: SimilarFound[]
  stop: AbortController
}

/** The search whose result is shown; null for none. */
export const search = signal<Search | null>(null)

/** The tiles of the image that were compared so far, while there are no places yet; null where it is not seen in tiles. */
export const compared = signal<BusyReply['tiles'] | null>(null)
watchBusy(
  computed(() => search.value !== null && search.value.places === null),
  (reply) => (compared.value = reply?.tiles ?? null),
)

/** Examples of a search at most. */
const MOST_EXAMPLES = 32

/** Places of a request: a click waits for one place at most. */
const PLACES_AT_ONCE = 4

/** A place on a particle may be this much less similar than the particle as a whole. */
const PLACE_MARGIN = 0.2

// a search belongs to its image
effect(() => {
  if (search.peek() && search.peek()!.session !== session.value) endSearch()
})

/** The masks that would be added now. */
export const addable = computed<SimilarFound[]>(() => {
  const now = search.value
  if (!now) return []
  void now.session.version.value
  return newParticles(now.found, now.session.masks.values(), least.value)
})

export function endSearch(): boolean {
  const now = search.peek()
  now?.stop.abort()
  search.value = null
  return now !== null
}

/** Looks for particles like the selected ones; the masks appear as they are found. */
export async function findSimilar(open: ImageSession): Promise<void> {
  const { chosen } = open
  if (!chosen.length) return notify('note', 'Select one or a few masks first: particles like them are then looked for.')
  if (chosen.length > MOST_EXAMPLES) return notify('note', `Select at most ${MOST_EXAMPLES} masks as examples.`)
  endSearch()
  const stop = new AbortController()
  const examples = chosen.map(({ review }) => review.segmentation)
  search.value = { session: open, examples: chosen.map(({ id }) => id), places: null, done: 0, found: [], stop }
  const update = (change: Partial<Search>) => {
    if (!stop.signal.aborted && search.peek()) search.value = { ...search.peek()!, ...change }
  }
  try {
    const { places } = await api.similar(open.name, { examples }, stop.signal)
    // a place inside a mask is a particle that has one
    const free = places.filter(({ x, y }) => !open.owners.at(x, y))
    update({ places: free })
    for (let at = 0; at < free.length && !stop.signal.aborted;) {
      const points = free.slice(at, at + PLACES_AT_ONCE).filter(isWanted)
      if (!points.length) {
        // the slider may be lowered later
        await wanted(free[at], stop.signal)
        continue
      }
      at += points.length
      // masks found since may cover a place
      const here = points.filter(({ x, y }) => !covered(search.peek()!.found, x, y))
      if (here.length) {
        const request = { examples, points: here.map(({ x, y }) => ({ x, y })) }
        const { masks } = await api.similarMasks(open.name, request, stop.signal)
        if (stop.signal.aborted) return
        const found = masks.flatMap((one): SimilarFound[] => {
          if (!one) return []
          const { segmentation, ...measures } = one
          const mask = tidy.peek() ? tidied(decodeMask(segmentation)) : decodeMask(segmentation)
          return mask.width ? [{ mask, area: maskArea(mask), ...measures }] : []
        })
        update({ found: [...search.peek()!.found, ...found], done: at })
      } else update({ done: at })
    }
  } catch (error) {
    if (stop.signal.aborted) return
    endSearch()
    notify('error', `The search failed: ${messageOf(error)}`)
  }
}

const isWanted = ({ similarity }: SimilarPlace) => similarity >= least.peek() - PLACE_MARGIN

/** Resolves when the slider is so low that a place is worth a prompt, or the search ends. */
function wanted(place: SimilarPlace, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = least.subscribe(() => isWanted(place) && queueMicrotask(done))
    const done = () => {
      end()
      resolve()
    }
    stop.addEventListener('abort', done)
  })
}

/** Whether a mask that was found and looks as asked is at a pixel. */
const covered = (found: readonly SimilarFound[], x: number, y: number) =>
  found.some(
    ({ mask: { x0, y0, width, height, data }, similarity }) =>
      similarity >= least.peek() &&
      x >= x0 &&
      y >= y0 &&
      x < x0 + width &&
      y < y0 + height &&
      data[(y - y0) * width + x - x0] === 1,
  )

/** Whether all places that are similar enough were looked at. */
export const searched = ({ places, done }: Search): boolean =>
  places !== null && (done >= places.length || places[done].similarity < least.value - PLACE_MARGIN)

/** Adds the masks as one edit, and ends the search. */
export function addSimilar(): void {
  const now = search.peek()
  const masks = addable.peek()
  if (!now) return
  endSearch()
  if (masks.length) now.session.edit('similar', [], masks)
}
