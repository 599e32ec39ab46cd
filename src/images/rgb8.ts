/** @file Converts an image of any kind to the 8-bit RGB that the model works on. */
import type { Image } from './image'

/** Fractions of the values that may be clipped at black and at white when 16-bit and float images are stretched. */
const PERCENTILES = [0.001, 0.999]
/** The percentiles of a larger image are estimated from this many evenly spaced values. */
const MAX_SAMPLED = 2 ** 20

/**
 * An image as 8-bit RGB (height, width, 3). 8-bit values stay as they are, gray is repeated. 16-bit and float values are
 * stretched linearly so that their 0.1 and 99.9 percentiles (of all channels together) become 0 and 255. A constant image
 * becomes black, and so do values that are not finite.
 */
export function toRGB8(image: Image): Uint8Array {
  const bytes = image.depth === 8 ? (image.data as Uint8Array) : stretch(image.data)
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

function stretch(data: Image['data']): Uint8Array {
  const step = Math.max(1, Math.floor(data.length / MAX_SAMPLED))
  const sample = new Float32Array(Math.ceil(data.length / step))
  let count = 0
  for (let i = 0; i < data.length; i += step) if (Number.isFinite(data[i])) sample[count++] = data[i]
  const sorted = sample.subarray(0, count).sort()
  let [low, high] = PERCENTILES.map((fraction) => sorted[Math.round(fraction * (count - 1))])
  if (!(high > low)) [low, high] = [sorted[0], sorted[count - 1]]
  const scale = high > low ? 255 / (high - low) : 0
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const value = Math.round((data[i] - low) * scale)
    bytes[i] = value > 0 ? Math.min(255, value) : 0 // NaN is not > 0
  }
  return bytes
}
