/** @file Random augmentation of a labelled image: geometry, gray values, noise and blur. */
import { MIN_INSTANCE_AREA } from '../train/sample-prompts'
import { type InstanceBox, MAX_LABEL } from '../image/label-map'
import type { Rng } from '../rng'
import { type Magnification, placeOnInstance, randomMagnification } from './magnification'
import { blurred, takeWindow } from './resample'
import { zoomedOut } from './zoom-out'
import { boxes } from '../masks/instances'
import type { Sample } from '../image/sample'

export interface AugmentOptions {
  /** Mirror at random, and rotate by a random number of quarter turns. */
  flip?: boolean
  turn?: boolean
  /** The smallest crop as a fraction of each side; 1 is none. The model's resize then enlarges it. */
  crop?: number
  /**
   * How much smaller particles may become: 1 is down to half their size, 0 is never. The image is then continued beyond its
   * edges by mirroring. If it is not 0, the size is sampled between the smallest crop and this, evenly in its logarithm.
   */
  zoomOut?: number
  /** The range of magnifications of the view, which then replace `crop` and `zoomOut`: see magnification.ts. */
  magnification?: Magnification | null
  /** Largest rotation to either side, in degrees; the crop is shrunk until it is inside the image. */
  rotate?: number
  /** Largest change of size: 0.2 is from 1/1.2 to 1.2. The model's resize undoes it, except for the sharpness. */
  scale?: number
  /** Largest change of brightness, as a fraction of 255. */
  brightness?: number
  /** Largest change of contrast about mid-gray, and of gamma: 0.2 is from 1/1.2 to 1.2. */
  contrast?: number
  gamma?: number
  /** Largest standard deviation of added noise, in gray values. */
  noise?: number
  /** Largest standard deviation of a Gaussian blur, in pixels. */
  blur?: number
}

/** The default strengths. Training itself chooses the magnification. */
const augmentDefaults: Required<AugmentOptions> = {
  flip: true,
  turn: true,
  crop: 0.5,
  zoomOut: 0,
  magnification: null,
  rotate: 0,
  scale: 0,
  brightness: 0.1,
  contrast: 0.2,
  gamma: 0.2,
  noise: 6,
  blur: 0,
}

/** Augmentations of copies that are written to disk. Zooming out is for training only: it leaves some particles unlabelled. */
export type CopyOptions = Required<Omit<AugmentOptions, 'zoomOut' | 'magnification'>>

const { zoomOut, magnification, ...copied } = augmentDefaults
/** The augmentations with which copies are written by default: all kinds. */
export const augmentAll: CopyOptions = { ...copied, rotate: 10, scale: 0.2, blur: 1 }

/** Lower and upper bound of every strength. */
export const augmentLimits = {
  crop: [0.05, 1],
  zoomOut: [0, 3],
  rotate: [0, 45],
  scale: [0, 3],
  brightness: [0, 1],
  contrast: [0, 3],
  gamma: [0, 3],
  noise: [0, 128],
  blur: [0, 20],
} as const satisfies { [key in keyof AugmentOptions]?: readonly [number, number] }

/** Mirrors a sample horizontally. */
export const flip = (sample: Sample): Sample => {
  const { width, height } = sample
  return rearrange(sample, width, height, (x, y) => y * width + width - 1 - x)
}

/** Rotates a sample clockwise by 90 degrees: its left edge becomes the top. */
export const quarterTurn = (sample: Sample): Sample => {
  const { width, height } = sample
  return rearrange(sample, height, width, (x, y) => (height - 1 - x) * width + y)
}

/** Cuts out a rectangle. */
export const crop = (sample: Sample, left: number, top: number, width: number, height: number): Sample =>
  rearrange(sample, width, height, (x, y) => (top + y) * sample.width + left + x)

/** A sample whose pixel (x, y) is the source's pixel at index `from(x, y)`: labels stay exact. */
function rearrange(source: Sample, width: number, height: number, from: (x: number, y: number) => number): Sample {
  const rgb = new Uint8Array(width * height * 3)
  const labels = new Uint16Array(width * height)
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, to++) {
      const at = from(x, y)
      labels[to] = source.labels[at]
      rgb[3 * to] = source.rgb[3 * at]
      rgb[3 * to + 1] = source.rgb[3 * at + 1]
      rgb[3 * to + 2] = source.rgb[3 * at + 2]
    }
  return { width, height, rgb, labels }
}

/** How many random views are tried before the whole sample is used. */
const ATTEMPTS = 4

/** The first random view that contains at least MIN_INSTANCE_AREA pixels of an instance, else the whole sample. */
function usefulView(sample: Sample, view: () => Sample): Sample {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const candidate = view()
    const areas = new Uint32Array(MAX_LABEL + 1)
    for (const id of candidate.labels) areas[id]++
    if (areas.subarray(1).some((area) => area >= MIN_INSTANCE_AREA)) return candidate
  }
  return sample
}

/** A random rectangle of `share` of each side. */
function randomCrop(sample: Sample, rng: Rng, share: number): Sample {
  const width = Math.max(1, Math.round(sample.width * share))
  const height = Math.max(1, Math.round(sample.height * share))
  return crop(sample, rng.int(sample.width - width + 1), rng.int(sample.height - height + 1), width, height)
}

/** A random rectangle of `share` of each side, rotated a little and resized. */
function randomWindow(sample: Sample, rng: Rng, share: number, { rotate, scale }: Required<AugmentOptions>): Sample {
  const angle = ((rotate * Math.PI) / 180) * rng.range(-1, 1)
  const zoom = factor(rng, scale)
  const [cos, sin] = [Math.cos(angle), Math.abs(Math.sin(angle))]
  const [width, height] = [sample.width * share, sample.height * share]
  const [across, down] = [width * cos + height * sin, width * sin + height * cos]
  const fit = Math.min(1, sample.width / across, sample.height / down)
  const place = (side: number, taken: number) => (fit * taken) / 2 + Math.max(0, side - fit * taken) * rng.next()
  const [x, y] = [place(sample.width, across), place(sample.height, down)]
  return takeWindow(sample, { x, y, width: width * fit, height: height * fit, angle, zoom })
}

/** A random view of `share` of each side that shows at least a part of an instance. */
function cropOnInstance(sample: Sample, rng: Rng, share: number, instances: readonly InstanceBox[]): Sample {
  const width = Math.max(1, Math.round(sample.width * share))
  const height = Math.max(1, Math.round(sample.height * share))
  const [left, top] = placeOnInstance(rng, sample, instances, width, height)
  return crop(sample, left, top, width, height)
}

/** The fraction of each side that is shown: less than 1 is a crop, more than 1 zooms out. */
const randomShare = (rng: Rng, { crop, zoomOut }: Required<AugmentOptions>): number =>
  zoomOut ? Math.exp(rng.range(Math.log(crop), Math.log1p(zoomOut))) : rng.range(crop, 1)

/**
 * A random view of the sample: a crop, possibly rotated, or the whole sample made smaller. Magnified crops are placed on one
 * of the `instances`, unless there are none.
 */
function randomView(
  sample: Sample,
  rng: Rng,
  options: Required<AugmentOptions>,
  instances: readonly InstanceBox[],
): Sample {
  const { magnification } = options
  const share = magnification ? 1 / randomMagnification(rng, magnification) : randomShare(rng, options)
  const resampled = options.rotate || options.scale
  if (share < 1 && !resampled && instances.length) return cropOnInstance(sample, rng, share, instances)
  if (share <= 1) return resampled ? randomWindow(sample, rng, share, options) : randomCrop(sample, rng, share)
  return zoomedOut(resampled ? randomWindow(sample, rng, 1, options) : sample, rng, share)
}

/** A random factor from 1 / (1 + most) to 1 + most, evenly in its logarithm. */
const factor = (rng: Rng, most: number) => Math.exp(Math.log1p(most) * rng.range(-1, 1))

/** Changes brightness, contrast and gamma and adds noise; the three channels of a pixel get the same noise, as in a gray image. */
function tones(sample: Sample, rng: Rng, options: Required<AugmentOptions>): Sample {
  const shift = 255 * options.brightness * rng.range(-1, 1)
  const contrast = factor(rng, options.contrast)
  const gamma = factor(rng, options.gamma)
  const deviation = options.noise * rng.next()
  const table = Float32Array.from({ length: 256 }, (_, v) => {
    const bent = 255 * (v / 255) ** gamma
    return (bent - 127.5) * contrast + 127.5 + shift
  })
  const rgb = new Uint8ClampedArray(sample.rgb.length)
  for (let i = 0; i < rgb.length; i += 3) {
    const noise = deviation ? deviation * rng.normal() : 0
    for (let c = 0; c < 3; c++) rgb[i + c] = table[sample.rgb[i + c]] + noise
  }
  return { ...sample, rgb: new Uint8Array(rgb.buffer) }
}

/**
 * A random variant of a sample, determined by `rng`; the sample itself is not changed. Each pixel's label is the label of one
 * pixel of the sample: labels are moved, or taken from the nearest pixel, never interpolated.
 */
export function augment(sample: Sample, rng: Rng, given: AugmentOptions = {}): Sample {
  const options = { ...augmentDefaults, ...given }
  let result = sample
  const { width, height } = sample
  const instances = options.magnification ? boxes({ width, height, data: sample.labels }) : []
  if (options.magnification || options.rotate || options.scale || options.crop < 1 || options.zoomOut)
    result = usefulView(result, () => randomView(sample, rng, options, instances))
  if (options.flip && rng.int(2)) result = flip(result)
  if (options.turn) for (let turns = rng.int(4); turns > 0; turns--) result = quarterTurn(result)
  if (options.blur) result = blurred(result, options.blur * rng.next())
  if (options.brightness || options.contrast || options.gamma || options.noise) result = tones(result, rng, options)
  return result
}
