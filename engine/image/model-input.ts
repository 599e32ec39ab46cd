/** @file Resizes and pads images to the model's input square, and maps coordinates into it and logits back. */
import { resizeBytes, resizePlane } from './resize'
import type { Size } from './size'

/**
 * The size of an image after its longest side is resized to `size`, rounded as the reference implementation rounds.
 * @throws Error if a length is not a positive integer
 * @example
 * resizeLongest(4096, 3072, 1024) // { width: 1024, height: 768 }
 */
export function resizeLongest(width: number, height: number, size: number): Size {
  for (const [name, value] of Object.entries({ width, height, size }))
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`the ${name} of an image to resize must be a whole number from 1, not ${value}`)
  const scale = size / Math.max(width, height)
  const side = (length: number) => Math.max(1, Math.floor(length * scale + 0.5)) // a hair-thin image keeps a row
  return { width: side(width), height: side(height) }
}

/** An image as a model takes it: resized to the square of its input and padded. */
export interface ModelInput {
  /** (size, size, 3), not normalised, 0 to 255; zero right of and below `valid` */
  data: Float32Array
  /** the part that is image. The reference pads after normalising, so outside it the normalised value must be 0 */
  valid: Size
}

/**
 * The model's input square of an 8-bit RGB image (height, width, 3): resized as in the reference (Pillow's antialiased
 * bilinear filter on bytes), not yet normalised.
 * @throws Error if the data does not fit the size
 * @example
 * const { data, valid } = toModelInput(rgb, width, height, 1024) // `valid`: the part that is image
 */
export function toModelInput(rgb8: Uint8Array, width: number, height: number, size: number): ModelInput {
  const { data, valid } = toModelBytes(rgb8, width, height, size)
  return { data: Float32Array.from(data), valid }
}

/** As `toModelInput`, in bytes, which is what a resized image consists of. @throws Error if the data does not fit the size */
export function toModelBytes(
  rgb8: Uint8Array,
  width: number,
  height: number,
  size: number,
): { data: Uint8Array; valid: Size } {
  const valid = resizeLongest(width, height, size)
  if (rgb8.length !== width * height * 3)
    throw new Error(`an RGB image of ${width}x${height} has ${width * height * 3} bytes, not ${rgb8.length}`)
  const resized = resizeBytes(rgb8, width, height, 3, valid.width, valid.height)
  const data = new Uint8Array(size * size * 3)
  const line = valid.width * 3
  for (let y = 0; y < valid.height; y++) data.set(resized.subarray(y * line, (y + 1) * line), y * size * 3)
  return { data, valid }
}

/**
 * Maps a point of the original image, in pixels, to input pixels. (The prompt encoder adds the half-pixel offset.)
 * @example
 * scalePoint([120, 80], { width: 2048, height: 1536 }, 1024) // [60, 40]
 */
export function scalePoint([x, y]: readonly [number, number], original: Size, size: number): [number, number] {
  const valid = resizeLongest(original.width, original.height, size)
  return [x * (valid.width / original.width), y * (valid.height / original.height)]
}

/**
 * Maps the corners [x0, y0, x1, y1] of a box prompt from the original image to input pixels.
 * @example
 * scaleBox([100, 50, 300, 200], { width: 2048, height: 1536 }, 1024) // [50, 25, 150, 100]
 */
export function scaleBox(
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  original: Size,
  size: number,
): [number, number, number, number] {
  return [...scalePoint([x0, y0], original, size), ...scalePoint([x1, y1], original, size)]
}

/**
 * Upscales mask logits (low.height, low.width) of the input square to logits (height, width) of the original image:
 * bilinear to the input size, cropped to the part that is image, bilinear to the original size.
 * @throws Error if the data does not fit `low`
 * @example
 * const { logits } = await predictor.predict(promptBatch) // four masks, of which this is the first
 * const low = { width: model.maskSide, height: model.maskSide }
 * const { valid } = toModelInput(rgb, width, height, model.inputSize)
 * const full = upscaleLogits(logits.subarray(0, low.width * low.height), low, model.inputSize, valid, { width, height })
 * const inside = Uint8Array.from(full, (logit) => (logit > 0 ? 1 : 0))
 */
export function upscaleLogits(
  lowRes: Float32Array,
  low: Size,
  inputSize: number,
  valid: Size,
  original: Size,
): Float32Array {
  if (lowRes.length !== low.width * low.height)
    throw new Error(`logits of ${low.width}x${low.height} hold ${low.width * low.height} values, not ${lowRes.length}`)
  const crop = resizePlane(lowRes, low.width, low.height, inputSize, inputSize, valid.width, valid.height)
  return resizePlane(crop, valid.width, valid.height, original.width, original.height)
}
