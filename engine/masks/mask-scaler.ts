/** @file Masks at the size of their image from low-resolution logits, computed only where they are not empty. */
import type { Box } from '../image/box'
import type { BilinearAxis } from '../image/resize'
import type { Size } from '../image/size'
import { type Range, UpscaleAxes } from '../image/upscale-axes'
import { emptyMask, type Mask } from './mask'

/**
 * Masks for one size of image: the pixels where upscaleLogits is above 0, exactly. Bilinear interpolation of four values
 * that are at most 0 is at most 0, and a particle is a small part of its image: only pixels near positive logits are
 * computed.
 */
export class MaskScaler {
  private readonly axes: UpscaleAxes

  /** @param side of the square of logits · @param inputSize side of the model's input square */
  constructor(side: number, inputSize: number, image: Size) {
    this.axes = new UpscaleAxes(side, inputSize, image)
  }

  /** The mask of logits (side, side). */
  mask(logits: Float32Array): Mask {
    const { side, valid, toInput, toImage } = this.axes
    const positive = positiveBox(logits, side)
    const box = positive && this.axes.reached(positive)
    if (!box) return emptyMask
    const [xs, ys]: [Range, Range] = [
      [box.x0, box.x1],
      [box.y0, box.y1],
    ]
    const inputXs = readInputs(toImage[0], xs, valid.width)
    const inputYs = readInputs(toImage[1], ys, valid.height)
    const input = interpolate(logits, [0, 0], side, side, toInput, inputXs, inputYs)
    const origin = [inputXs[0], inputYs[0]] as const
    const values = interpolate(input, origin, length(inputXs), length(inputYs), toImage, xs, ys)
    const data = new Uint8Array(values.length)
    for (let i = 0; i < data.length; i++) data[i] = values[i] > 0 ? 1 : 0
    return { x0: box.x0, y0: box.y0, width: length(xs), height: length(ys), data }
  }
}

const length = ([first, last]: Range) => last - first + 1

/** The bounding box of the values above 0; null if there are none. */
function positiveBox(logits: Float32Array, side: number): Box | null {
  let [x0, x1, y0, y1] = [side, -1, side, -1]
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++, at++) {
      if (!(logits[at] > 0)) continue
      if (x < x0) x0 = x
      if (x > x1) x1 = x
      if (y0 === side) y0 = y
      y1 = y
    }
  return x1 < 0 ? null : { x0, y0, x1, y1 }
}

/** The inputs that a range of outputs interpolates. An output reads two neighbours, except if there is one input only. */
const readInputs = ({ low }: BilinearAxis, [first, last]: Range, inputs: number): Range => [
  low[first],
  Math.min(low[last] + 1, inputs - 1),
]

/** The outputs `xs` by `ys` of a plane's bilinear resize, from the (height, width) part of the plane at `origin`. */
function interpolate(
  plane: Float32Array,
  [originX, originY]: readonly [number, number],
  width: number,
  height: number,
  [ax, ay]: readonly [BilinearAxis, BilinearAxis],
  xs: Range,
  ys: Range,
): Float32Array {
  const result = new Float32Array(length(xs) * length(ys))
  const right = width > 1 ? 1 : 0
  const below = height > 1 ? width : 0
  let to = 0
  for (let y = ys[0]; y <= ys[1]; y++) {
    const row = (ay.low[y] - originY) * width
    const fy = ay.part[y]
    for (let x = xs[0]; x <= xs[1]; x++) {
      const i = row + ax.low[x] - originX
      const fx = ax.part[x]
      const upper = plane[i] + (plane[i + right] - plane[i]) * fx
      const lower = plane[i + below] + (plane[i + below + right] - plane[i + below]) * fx
      result[to++] = upper + (lower - upper) * fy
    }
  }
  return result
}
