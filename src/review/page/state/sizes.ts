/** @file The sizes of particles, for the histogram: of the open image, after every edit, or of all accepted images. */
import { computed, effect, signal } from '@preact/signals'
import { equivalentDiameter } from '../../../../engine/masks/equivalent-diameter'
import type { Mask } from '../../../../engine/masks/mask'
import type { Size } from '../../../../engine/image/size'
import { messageOf } from '../../../host/errors'
import { edgeWeight } from '../../../measure/statistics/edges'
import { type LiveSizes, liveSizes } from '../../../measure/statistics/live-sizes'
import type { AcceptedSizes } from '../../protocol'
import { api } from '../api'
import { images, session } from './app'
import { notify } from './notices'
import { perPixel, pixelSize, unit } from './scale'

/** Whether the histogram is of all accepted images rather than of the open one. */
export const ofAccepted = signal(false)
const accepted = signal<AcceptedSizes[]>([])

interface Sizes {
  live: LiveSizes
  /** Masks of the open image, with their index among the diameters. */
  indexOf: ReadonlyMap<number, number>
  images: number
  /** Accepted images that are left out, because their scale is known and this image's is not, or the other way around. */
  leftOut: number
}

/** As `wgsam measure` does it by default: particles at the edge are left out, and the others weighted for that. */
function weightOf({ x0, y0, width, height }: Mask, size: Size): number {
  const touches = x0 === 0 || y0 === 0 || x0 + width === size.width || y0 + height === size.height
  return edgeWeight('correct', size, { width, height }, touches)
}

/** Null if no mask is inside the image. */
export const sizes = computed<Sizes | null>(() => {
  const open = session.value
  if (!open) return null
  void open.version.value
  const diameters: number[] = []
  const weights: number[] = []
  const indexOf = new Map<number, number>()
  for (const { id, area, mask } of open.masks.values()) {
    indexOf.set(id, diameters.length)
    diameters.push(equivalentDiameter(area) * perPixel.value)
    weights.push(weightOf(mask, open.info))
  }
  const known = pixelSize.value !== null
  const others = ofAccepted.value ? accepted.value.filter(({ name }) => name !== open.name) : []
  const used = others.filter(({ metres }) => (metres !== null) === known)
  for (const { metres, particles } of used)
    for (const [area, weight] of particles) {
      const metresEach = unit.value.metres
      diameters.push(equivalentDiameter(area) * (metresEach === null ? 1 : metres! / metresEach))
      weights.push(weight)
    }
  const live = liveSizes(diameters, { weights })
  return live && { live, indexOf, images: used.length + 1, leftOut: others.length - used.length }
})

/** The accepted images as text: a change of it loads their sizes again. */
const acceptedNames = computed(() =>
  images.value
    .filter(({ state }) => state === 'accepted')
    .map(({ info, masks }) => `${info.name} ${masks} ${info.pixelSize?.metres}`)
    .join('\n'),
)

effect(() => {
  void acceptedNames.value
  if (!ofAccepted.value) return
  api.acceptedSizes().then(
    (found) => void (accepted.value = found),
    (error: unknown) => notify('error', `The sizes of the accepted images could not be loaded: ${messageOf(error)}`),
  )
})
