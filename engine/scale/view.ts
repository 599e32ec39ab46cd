/**
 * @file Decides at which scale a model sees an image. A model segments particles best at the sizes that it was trained on, in
 * pixels of its input. If an image's particles are smaller than that when the whole image is resized to the input, the image
 * is cut into tiles, each of which is resized to the full input. At an input below the model's own, tiles also bring the detail
 * back that the smaller input loses.
 */
import type { Size } from '../image/size'
import { tileCount } from '../image/tiles'
import type { ParticleSize } from './particle-size'

/** Equivalent diameters in pixels of the model's input. */
export interface DiameterBand {
  /** Particles whose median is smaller are magnified. */
  low: number
  /** To this median, as far as the limits allow. */
  target: number
  /** Above it particles are larger than the model knows; the whole image is still the view in which they are smallest. */
  high: number
  /**
   * For an input smaller than the model's own: particles become as large as they would be at the model's own input, which is
   * `factor` times larger, but their median not larger than `most`. Then tiles show as much detail (docs/results.md: masks in
   * such tiles are better at all particle sizes).
   */
  finer?: { factor: number; most: number }
}

/**
 * The band of a model without an adapter. SAM's masks have one logit for each 4 x 4 pixels of the input, and their outline is
 * uncertain by about one of them: a particle of 32 pixels is 8 logits wide, and its mask can hardly reach an IoU of 0.9. It was
 * trained on objects up to the whole image.
 */
export const defaultBand: DiameterBand = { low: 32, target: 48, high: 512 }

/**
 * The sizes that a model was trained on, as a band: its quantiles 5, 25, 50, 75 and 95 %. Half of the particles are in the middle.
 * @param factor how much larger the model's own input is than the one that is used
 */
export const bandOfQuantiles = ([, low, target, most, high]: DiameterQuantiles, factor = 1): DiameterBand => ({
  ...{ low, target, high },
  ...(factor > 1 && { finer: { factor, most } }),
})

/** Equivalent diameters at the model's input, ascending: those that 5, 25, 50, 75 and 95 % of the particles do not exceed. */
export type DiameterQuantiles = [number, number, number, number, number]

export interface ViewLimits {
  /** Input pixels per pixel of the image, at most: more shows no more of it. */
  magnification: number
  /** Number of tiles, at most. Each costs as much as a whole image. */
  tiles: number
}

export const defaultViewLimits: ViewLimits = { magnification: 2, tiles: 64 }

/** What kept the particles smaller than the target. */
export type ViewLimit = 'magnification' | 'tiles' | 'largest'

/** The parts of an image that the model sees, one at a time. */
export interface View {
  /** Side of the tiles in pixels of the image; 0 for the whole image in one. */
  tileSize: number
  /** See GeneratorOptions.tileHalo; 0 for the whole image. */
  tileHalo: number
  /** Number of tiles; 1 for the whole image. */
  tiles: number
  /** Input pixels per pixel of the image. */
  magnification: number
  /** The median diameter in pixels of the image that the view was chosen for; null if it is not known. */
  diameter: number | null
  /** Set if the particles are below the target in this view although they are too small in the whole image. */
  limit: ViewLimit | null
}

/** Fewer tiles than this gain more: a view that magnifies by less than this against the whole image is not worth its cost. */
const MIN_GAIN = 1.25

/** The smallest core of a tile, pixels. */
const MIN_CORE = 16

/** The view of the whole image, for particles of any size. */
export const wholeView = ({ width, height }: Size, inputSize: number, diameter: number | null = null): View => ({
  tileSize: 0,
  tileHalo: 0,
  tiles: 1,
  magnification: inputSize / Math.max(width, height),
  diameter,
  limit: null,
})

/**
 * The view in which particles have the sizes that the model knows: the whole image if they have them there and nothing finer is
 * wanted, else the largest tiles in which their median reaches the target. A tile extends beyond its core by the length of the largest particle.
 * @param size null if the particles' size is not known: then the whole image
 * @param inputSize side of the model's input, pixels
 * @throws Error if the band or a limit is not positive, or the band is not in ascending order
 */
export function chooseView(
  image: Size,
  inputSize: number,
  size: ParticleSize | null,
  band: DiameterBand = defaultBand,
  limits: ViewLimits = defaultViewLimits,
): View {
  checkBand(band)
  if (!(limits.magnification > 0) || !(limits.tiles >= 1))
    throw new Error(`a view needs a magnification above 0 and 1 tile or more, not ${JSON.stringify(limits)}`)
  const longest = Math.max(image.width, image.height)
  const known = size !== null && size.diameter > 0 && Number.isFinite(size.diameter)
  const whole = wholeView(image, inputSize, known ? size.diameter : null)
  const seen = known ? size.diameter * whole.magnification : 0
  if (!known || (seen >= band.low && !band.finer)) return whole
  const { factor, most } = band.finer ?? { factor: 1, most: band.target }
  const target = Math.max(band.target, Math.min(most, factor * seen))

  const halo = Math.min(longest, Math.max(1, Math.ceil(size.largest)))
  const bounds: [ViewLimit | null, number][] = [
    [null, Math.floor((inputSize * size.diameter) / target)],
    ['magnification', Math.ceil(inputSize / limits.magnification)],
    ['largest', Math.max(3 * halo, 2 * halo + MIN_CORE)],
    ['tiles', smallestSide(image, halo, limits.tiles)],
  ]
  const [limit, tileSize] = bounds.reduce((a, b) => (b[1] > a[1] ? b : a))
  if (tileSize * MIN_GAIN > longest) return { ...whole, limit }
  return {
    tileSize,
    tileHalo: halo,
    tiles: tileCount(image, tileSize, halo),
    magnification: inputSize / tileSize,
    diameter: size.diameter,
    limit,
  }
}

/** The smallest side of tiles with which no more than `most` cover an image. */
function smallestSide(image: Size, halo: number, most: number): number {
  let [low, high] = [2 * halo + MIN_CORE, Math.max(image.width, image.height)]
  if (low >= high) return high
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (tileCount(image, middle, halo) <= most) high = middle
    else low = middle + 1
  }
  return low
}

function checkBand({ low, target, high, finer }: DiameterBand): void {
  if (!(low > 0 && low <= target && target <= high && Number.isFinite(high)))
    throw new Error(`a band of diameters ascends from above 0, unlike ${low}, ${target}, ${high}`)
  if (finer && !(finer.factor >= 1 && finer.most >= target && finer.most <= high))
    throw new Error(`finer tiles need a factor of 1 or more, and sizes of the band, not ${JSON.stringify(finer)}`)
}
