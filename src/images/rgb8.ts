/** @file Converts an image of any kind to the 8-bit RGB that the model works on. */
import type { Image } from './image'

/** Fractions of the values that may be clipped at black and at white when 16-bit and float images are stretched. */
const PERCENTILES = [0.001, 0.999]
/** The percentiles of a larger image are estimated from this many evenly spaced values. */
const MAX_SAMPLED = 2 ** 20

/**
 * An image as 8-bit RGB (height, width, 3). 8-bit values stay as they are, gray is repeated. 16-bit and float values are
 * stretched linearly so that their 0.1 and 99.9 percentiles (of all channels together) become 0 and 255. A constant image
 * becomes black, and so do values that are not finite or mark pixels without data.
 * @example
 * const { image } = await readMicrograph('particles.tif')
 * const pixels = { width: image.width, height: image.height, rgb: toRGB8(image) }
 */
export function toRGB8(image: Image): Uint8Array {
  const bytes = image.depth === 8 ? (image.data as Uint8Array) : stretch(image)
  if (image.channels === 3) return bytes
  const rgb = new Uint8Array(bytes.length * 3)
  for (let i = 0, to = 0; i < bytes.length; i++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = bytes[i]
  return rgb
}

/** The gray image (height, width) of an RGB image (height, width, 3) that has no colour: its red channel. */
export function grayOfRgb(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3)
  for (let i = 0; i < gray.length; i++) gray[i] = rgb[3 * i]
  return gray
}

/** The range of gray values that become black to white, and values that take no part in it. */
interface Contrast {
  low: number
  high: number
  /** Share of the pixels with such values. */
  share: number
  values: number[]
}

/**
 * The pixels of a 16-bit or float image that hold no gray value: the file's own no-data value, and one value at either end that
 * many pixels share and that is absurdly far from all others, as -9999 or 1e38 from 0 to 1. Infinite values are not listed.
 */
export function withoutData(image: Image): Pick<Contrast, 'share' | 'values'> {
  return image.depth === 8 ? { share: 0, values: [] } : contrastOf(image)
}

/** A value at the end that is this many times as far away as the others are from each other is not one of them. */
const ABSURD = 100
/** The same for the ends of 16-bit integers, which programs use as marks. */
const ABSURD_MARK = 10
const MARKS = [65535, 32767, -32768]

function contrastOf({ data, nodata }: Image): Contrast {
  const step = Math.max(1, Math.floor(data.length / MAX_SAMPLED))
  const sample = new Float32Array(Math.ceil(data.length / step))
  const marked = nodata === undefined ? undefined : Math.fround(nodata)
  const values = new Set<number>()
  let [count, finite] = [0, 0]
  for (let i = 0; i < data.length; i += step) {
    if (!Number.isFinite(data[i])) continue
    finite++
    if (data[i] === marked) values.add(nodata!)
    else sample[count++] = data[i]
  }
  const sorted = sample.subarray(0, count).sort()
  const [from, to] = usualRange(sorted)
  if (from > 0) values.add(sorted[0])
  if (to < count) values.add(sorted[count - 1])
  const usual = sorted.subarray(from, to)
  let [low, high] = PERCENTILES.map((fraction) => usual[Math.round(fraction * (usual.length - 1))])
  if (!(high > low)) [low, high] = [usual[0], usual[usual.length - 1]]
  return { low, high, share: finite ? (finite - usual.length) / finite : 0, values: [...values].sort((a, b) => a - b) }
}

/** The part [from, to) of sorted values without those at either end that are absurd. */
function usualRange(sorted: Float32Array): [number, number] {
  const count = sorted.length
  const few = PERCENTILES[0] * count // so few are clipped anyway
  let [first, last] = [0, count]
  while (first < count && sorted[first] === sorted[0]) first++
  while (last > 0 && sorted[last - 1] === sorted[count - 1]) last--
  const [lowRun, highRun] = [first > few, count - last > few]
  for (const [from, to] of [
    [lowRun ? first : 0, highRun ? last : count],
    [lowRun ? first : 0, count],
    [0, highRun ? last : count],
  ]) {
    if (to - from < 2) continue
    const range = sorted[to - 1] - sorted[from]
    const apart = (end: number, usual: number) =>
      Math.abs(end - usual) > (MARKS.includes(end) ? ABSURD_MARK : ABSURD) * range
    if (!(range > 0)) continue
    if ((from === 0 || apart(sorted[0], sorted[from])) && (to === count || apart(sorted[count - 1], sorted[to - 1])))
      return [from, to]
  }
  return [0, count]
}

function stretch(image: Image): Uint8Array {
  const { data, nodata } = image
  const { low, high } = contrastOf(image)
  const marked = nodata === undefined ? undefined : Math.fround(nodata)
  const scale = high > low ? 255 / (high - low) : 0
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const value = data[i] === marked ? 0 : Math.round((data[i] - low) * scale)
    bytes[i] = value > 0 ? Math.min(255, value) : 0 // NaN is not > 0
  }
  return bytes
}
