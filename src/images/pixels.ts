export interface Image {
  width: number
  height: number
  channels: 1 | 3
  /** interleaved (height, width, channels), the file's own values */
  data: Uint8Array | Uint16Array | Float32Array
  /** bits a value; 32 means float (32-bit integers are read into floats) */
  depth: 8 | 16 | 32
}

/** An image as it is trained on. */
export interface Sample {
  width: number
  height: number
  /** (height, width, 3) */
  rgb: Uint8Array
  /** (height, width), 0 = background */
  labels: Uint16Array
}

/** Larger images are refused, before any memory is taken: 2^29 pixels, as a safeguard against hostile sizes. */
export const maxPixels = 2 ** 29

/** Images whose values take more bytes are refused as well: colour, 16 bits and floats reach it sooner. */
export const maxBytes = 2 ** 31

/** Why an image is refused. */
export const tooLarge = (width: number, height: number, maxPixels: number): string =>
  `${width}x${height} pixels are more than the ${Math.round(maxPixels / 1e6)} million that are read at once: cut the image into tiles`

/**
 * An image as the model takes it: 8-bit RGB (height, width, 3). 8-bit values stay as they are, gray repeated. 16-bit
 * and float values are stretched linearly so that their 0.1 and 99.9 percentiles (of all channels together) become 0
 * and 255; a constant image becomes black, values that are not finite black too.
 */
export function toRGB8(image: Image): Uint8Array {
  const bytes = image.depth === 8 ? (image.data as Uint8Array) : stretch(image.data)
  if (image.channels === 3) return bytes
  const rgb = new Uint8Array(bytes.length * 3)
  for (let i = 0, to = 0; i < bytes.length; i++, to += 3) rgb[to] = rgb[to + 1] = rgb[to + 2] = bytes[i]
  return rgb
}

function stretch(data: Image['data']): Uint8Array {
  // a million evenly spaced values tell the percentiles of larger images
  const step = Math.max(1, Math.floor(data.length / 2 ** 20))
  const sample = new Float32Array(Math.ceil(data.length / step))
  let count = 0
  for (let i = 0; i < data.length; i += step) if (Number.isFinite(data[i])) sample[count++] = data[i]
  const sorted = sample.subarray(0, count).sort()
  const quantile = (q: number) => sorted[Math.round(q * (count - 1))]
  let [low, high] = [quantile(0.001), quantile(0.999)]
  if (!(high > low)) [low, high] = [sorted[0], sorted[count - 1]]
  const scale = high > low ? 255 / (high - low) : 0
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < data.length; i++) {
    const value = Math.round((data[i] - low) * scale)
    bytes[i] = value > 0 ? Math.min(255, value) : 0 // NaN is not > 0
  }
  return bytes
}
