/** @file The magnifications at which training sees an image, and where a magnified view is cut out. */
import { MIN_INSTANCE_AREA } from '../train/sample-prompts'
import type { InstanceBox } from '../image/label-map'
import type { Size } from '../image/size'
import { equivalentDiameter } from '../masks/equivalent-diameter'
import type { Rng } from '../rng'
import { quantile } from '../quantile'
import type { Sample } from '../image/sample'

/** Smallest and largest magnification; 1 is the whole image, 2 a crop of half a side, 0.5 an image of half the size. */
export type Magnification = readonly [smallest: number, largest: number]

/** Bounds of both ends of a range. */
export const magnificationLimits: Magnification = [0.25, 20]

/** The median particle of a view has at least this diameter in pixels of the model's input, and at most half the input. */
const SMALLEST_DIAMETER = 12
const LARGEST_SHARE = 0.5
/** Pixels of the model's input for one pixel of the image, at most: beyond that a view shows nothing new. */
const MAX_ENLARGEMENT = 4

/** The particles of an image that are large enough to be prompted: their number and their median equivalent diameter in pixels. */
export interface ParticleStatistics {
  particles: number
  /** 0 if there are none. */
  diameter: number
}

/** @param found area of each particle in pixels of the image */
export function particleStatistics(found: readonly Pick<InstanceBox, 'area'>[]): ParticleStatistics {
  const areas = found.map(({ area }) => area).filter((area) => area >= MIN_INSTANCE_AREA)
  areas.sort((a, b) => a - b)
  return { particles: areas.length, diameter: areas.length ? equivalentDiameter(quantile(areas, 0.5)) : 0 }
}

/**
 * A range of magnifications limited to those at which an image's median particle has a useful size at the model's input of
 * `size` pixels a side, and its pixels are not enlarged too much. The whole image is always allowed.
 * @param diameter of the median particle, in pixels of the image; 0 if there is none
 */
export function boundMagnification(
  [low, high]: Magnification,
  { width, height }: Size,
  diameter: number,
  size: number,
): Magnification {
  if (!(diameter > 0)) return [1, 1]
  const longest = Math.max(width, height)
  const whole = (diameter * size) / longest
  const smallest = Math.min(1, SMALLEST_DIAMETER / whole)
  const largest = Math.max(1, Math.min((LARGEST_SHARE * size) / whole, (MAX_ENLARGEMENT * longest) / size))
  const within = (value: number) => Math.max(smallest, Math.min(largest, value))
  return [within(low), within(high)]
}

/** A random magnification, evenly in its logarithm. */
export const randomMagnification = (rng: Rng, [low, high]: Magnification): number =>
  Math.exp(rng.range(Math.log(low), Math.log(high)))

/**
 * Left and top of a random view of `width` x `height` pixels that contains one of the instances, chosen at random, or as
 * much of it as fits. A view placed anywhere would often show only background.
 */
export function placeOnInstance(
  rng: Rng,
  sample: Sample,
  instances: readonly InstanceBox[],
  width: number,
  height: number,
): [left: number, top: number] {
  const { x0, y0, x1, y1 } = instances[rng.int(instances.length)]
  const place = (first: number, last: number, taken: number, side: number) => {
    const inside = (start: number) => Math.max(0, Math.min(side - taken, start))
    const ends = [inside(first), inside(last + 1 - taken)].sort((a, b) => a - b)
    return ends[0] + rng.int(ends[1] - ends[0] + 1)
  }
  return [place(x0, x1, width, sample.width), place(y0, y1, height, sample.height)]
}
