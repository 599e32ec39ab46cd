import { MIN_INSTANCE_AREA } from '../../../engine/train/sample-prompts'
import { MAX_LABEL } from '../../../engine/image/label-map'
import type { Rng } from '../../../engine/rng'
import { blurred, takeWindow } from './resample'
import { zoomedOut } from './zoom-out'
import type { Sample } from '../sample'

export interface AugmentOptions {
  /** mirror, and turn by quarter turns */
  flip?: boolean
  turn?: boolean
  /** the shortest crop as a share of either side; 1 is none. The model's resize then enlarges it. */
  crop?: number
  /**
   * how much smaller particles may become, as a factor: 1 is down to half their size. The picture then goes on beyond its
   * edges, mirrored. 0 is never; else as much is drawn between this and `crop`, larger and smaller alike.
   */
  zoomOut?: number
  /** largest turn to either side, in degrees: the part taken is made so small that it lies within the picture */
  rotate?: number
  /** largest change of size, as a factor: 0.2 is from 1/1.2 to 1.2. The model's resize undoes it but for the sharpness. */
  scale?: number
  /** largest change of brightness, as a share of 255 */
  brightness?: number
  /** largest change of contrast about mid-gray, and of gamma, as factors: 0.2 is from 1/1.2 to 1.2 */
  contrast?: number
  gamma?: number
  /** largest standard deviation of added noise, in gray values */
  noise?: number
  /** largest standard deviation of a Gaussian blur, in pixels */
  blur?: number
}

/** What training does by itself. */
export const augmentDefaults: Required<AugmentOptions> = {
  flip: true,
  turn: true,
  crop: 0.5,
  zoomOut: 0,
  rotate: 0,
  scale: 0,
  brightness: 0.1,
  contrast: 0.2,
  gamma: 0.2,
  noise: 6,
  blur: 0,
}

/** Zooming out is for training alone: it leaves particles without labels. */
export type CopyOptions = Required<Omit<AugmentOptions, 'zoomOut'>>

const { zoomOut, ...copied } = augmentDefaults
/** All that copies may have: what they are written with. */
export const augmentAll: CopyOptions = { ...copied, rotate: 10, scale: 0.2, blur: 1 }

/** Least and most of every strength. */
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

/** Mirrors left and right. */
export const flip = (sample: Sample): Sample => {
  const { width, height } = sample
  return rearrange(sample, width, height, (x, y) => y * width + width - 1 - x)
}

/** Turns by a quarter to the right: the left edge comes to the top. */
export const quarterTurn = (sample: Sample): Sample => {
  const { width, height } = sample
  return rearrange(sample, height, width, (x, y) => (height - 1 - x) * width + y)
}

/** Cuts out a part. */
export const crop = (sample: Sample, left: number, top: number, width: number, height: number): Sample =>
  rearrange(sample, width, height, (x, y) => (top + y) * sample.width + left + x)

/** A sample whose pixel (x, y) is the source's at the place that `from` gives: labels stay exact. */
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

/** One of a few random parts that has an instance of 16 pixels or more, else the whole. */
function usefulPart(sample: Sample, part: () => Sample): Sample {
  for (let attempt = 0; attempt < 4; attempt++) {
    const candidate = part()
    const areas = new Uint32Array(MAX_LABEL + 1)
    for (const id of candidate.labels) areas[id]++
    if (areas.subarray(1).some((area) => area >= MIN_INSTANCE_AREA)) return candidate
  }
  return sample
}

/** A random part, `share` of either side. */
function randomCrop(sample: Sample, rng: Rng, share: number): Sample {
  const width = Math.max(1, Math.round(sample.width * share))
  const height = Math.max(1, Math.round(sample.height * share))
  return crop(sample, rng.int(sample.width - width + 1), rng.int(sample.height - height + 1), width, height)
}

/** The same, turned a little and in another size. */
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

/** How much of either side is seen: a part, or above 1 more than there is. */
const randomShare = (rng: Rng, { crop, zoomOut }: Required<AugmentOptions>): number =>
  zoomOut ? Math.exp(rng.range(Math.log(crop), Math.log1p(zoomOut))) : rng.range(crop, 1)

/** A random view of the sample: a part of it, turned perhaps, or all of it made smaller. */
function randomView(sample: Sample, rng: Rng, options: Required<AugmentOptions>): Sample {
  const share = randomShare(rng, options)
  const turned = options.rotate || options.scale
  if (share <= 1) return turned ? randomWindow(sample, rng, share, options) : randomCrop(sample, rng, share)
  return zoomedOut(turned ? randomWindow(sample, rng, 1, options) : sample, rng, share)
}

/** From 1 / (1 + most) to 1 + most. */
const factor = (rng: Rng, most: number) => Math.exp(Math.log1p(most) * rng.range(-1, 1))

/** Changes gray values only; noise is the same in the three channels of a pixel, as it is in a gray picture. */
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
 * A random variant of a training sample, determined by `rng`; the source is left as it is. A pixel's label is always that
 * of one pixel of the source: labels are moved, or taken from the nearest pixel, never mixed.
 */
export function augment(sample: Sample, rng: Rng, given: AugmentOptions = {}): Sample {
  const options = { ...augmentDefaults, ...given }
  let result = sample
  if (options.rotate || options.scale || options.crop < 1 || options.zoomOut)
    result = usefulPart(result, () => randomView(sample, rng, options))
  if (options.flip && rng.int(2)) result = flip(result)
  if (options.turn) for (let turns = rng.int(4); turns > 0; turns--) result = quarterTurn(result)
  if (options.blur) result = blurred(result, options.blur * rng.next())
  if (options.brightness || options.contrast || options.gamma || options.noise) result = tones(result, rng, options)
  return result
}
