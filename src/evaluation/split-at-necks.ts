/** @file Splits a mask of touching particles at its necks: a watershed on the distance to the background. */
import { squaredDistance } from '../../engine/masks/distance-transform'
import { type Parts, watershed } from '../../engine/masks/watershed'
import type { Size } from '../../engine/image/size'

/** Two peaks stay separate if the saddle between them is at least this much below the lower one: pixels, fraction of it. */
const MIN_DEPTH = 1
const MIN_FRACTION = 0.25

/** The precision, in pixels, to which distances are sorted: a power of two, so that dividing by it is exact. */
const STEP = 1 / 8

/**
 * The parts of a (height, width) mask; a part's peak is the distance of its innermost pixel from the nearest pixel outside the
 * mask. Basins of the distance stay separate if it is lower at their saddle than at the lower peak by at least a pixel and at
 * least a quarter of that peak. So a neck separates two particles if it is narrower than three quarters of the smaller one.
 */
export const splitAtNecks = (mask: ArrayLike<number>, size: Size): Parts =>
  watershed(Float32Array.from(squaredDistance(mask, size.width, size.height), Math.sqrt), size, {
    step: STEP,
    separate: (peak, saddle) => peak - saddle >= Math.max(MIN_DEPTH, MIN_FRACTION * peak),
  })
