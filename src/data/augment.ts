import type { Rng } from '../../engine/train/rng'
import type { Sample } from './pixels'

export interface AugmentOptions {
  /** mirror, and turn by quarter turns */
  flip?: boolean
  turn?: boolean
  /** the shortest crop as a share of either side; 1 is none. The model's resize then enlarges it. */
  crop?: number
  /** largest change of brightness, as a share of 255 */
  brightness?: number
  /** largest change of contrast about mid-gray, and of gamma, as factors: 0.2 is from 1/1.2 to 1.2 */
  contrast?: number
  gamma?: number
  /** largest standard deviation of added noise, in gray values */
  noise?: number
}

export const augmentDefaults: Required<AugmentOptions> = {
  flip: true,
  turn: true,
  crop: 0.5,
  brightness: 0.1,
  contrast: 0.2,
  gamma: 0.2,
  noise: 6,
}

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

/** A random part of at least `least` of either side that keeps an instance of 16 pixels or more, if one is found. */
function randomCrop(sample: Sample, rng: Rng, least: number): Sample {
  for (let attempt = 0; attempt < 4; attempt++) {
    const share = rng.range(least, 1)
    const width = Math.max(1, Math.round(sample.width * share))
    const height = Math.max(1, Math.round(sample.height * share))
    const part = crop(sample, rng.int(sample.width - width + 1), rng.int(sample.height - height + 1), width, height)
    const areas = new Uint32Array(65536)
    for (const id of part.labels) areas[id]++
    if (areas.subarray(1).some((area) => area >= 16)) return part
  }
  return sample
}

/** Changes gray values only; noise is the same in the three channels of a pixel, as it is in a gray picture. */
function tones(sample: Sample, rng: Rng, options: Required<AugmentOptions>): Sample {
  const factor = (most: number) => Math.exp(Math.log1p(most) * rng.range(-1, 1))
  const shift = 255 * options.brightness * rng.range(-1, 1)
  const contrast = factor(options.contrast)
  const gamma = factor(options.gamma)
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
 * A random variant of a training sample, determined by `rng`; the source is left as it is. Labels are moved, never
 * resampled.
 */
export function augment(sample: Sample, rng: Rng, given: AugmentOptions = {}): Sample {
  const options = { ...augmentDefaults, ...given }
  let result = sample
  if (options.crop < 1) result = randomCrop(result, rng, Math.max(0.05, options.crop))
  if (options.flip && rng.int(2)) result = flip(result)
  if (options.turn) for (let turns = rng.int(4); turns > 0; turns--) result = quarterTurn(result)
  if (options.brightness || options.contrast || options.gamma || options.noise) result = tones(result, rng, options)
  return result
}
