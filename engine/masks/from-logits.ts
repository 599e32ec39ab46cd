/** @file From logits to masks: which token's to take, and its mask in the image's own size, computed where it is not empty. */
import type { Prediction } from '../sam/predictor'
import { emptyMask, type Mask } from './mask'
import { type BilinearAxis, bilinearAxis } from '../image/resize'
import { resizeLongest } from '../image/model-input'
import type { Size } from '../image/size'

/** A range of places, both ends included. */
type Range = [number, number]

/**
 * Masks of one image size. The values are those of upscaleLogits above 0, pixel for pixel: where all four neighbours
 * are at most 0 so is what lies between them, and a particle takes a small part of its image.
 */
export class MaskScaler {
  private readonly valid: Size
  private readonly toInput: [BilinearAxis, BilinearAxis]
  private readonly toOriginal: [BilinearAxis, BilinearAxis]

  /** @param side of the square logits · @param inputSize side of the model's input */
  constructor(
    private readonly side: number,
    inputSize: number,
    original: Size,
  ) {
    const valid = resizeLongest(original.width, original.height, inputSize)
    this.valid = valid
    this.toInput = [bilinearAxis(side, inputSize, valid.width), bilinearAxis(side, inputSize, valid.height)]
    this.toOriginal = [bilinearAxis(valid.width, original.width), bilinearAxis(valid.height, original.height)]
  }

  /** The mask of logits (side, side). */
  mask(logits: Float32Array): Mask {
    const low = positive(logits, this.side)
    if (!low) return emptyMask
    const [xs, ys] = [0, 1].map((d) => {
      const input = reached(this.toInput[d], low[d])
      return input && reached(this.toOriginal[d], input)
    })
    if (!xs || !ys) return emptyMask
    const inX = needed(this.toOriginal[0], xs, this.valid.width)
    const inY = needed(this.toOriginal[1], ys, this.valid.height)
    const input = interpolate(logits, [0, 0], this.side, this.side, this.toInput, inX, inY)
    const [width, height] = [length(inX), length(inY)]
    const values = interpolate(input, [inX[0], inY[0]], width, height, this.toOriginal, xs, ys)
    const data = new Uint8Array(values.length)
    for (let i = 0; i < data.length; i++) data[i] = values[i] > 0 ? 1 : 0
    return { x0: xs[0], y0: ys[0], width: length(xs), height: length(ys), data }
  }
}

const length = ([first, last]: Range) => last - first + 1

/** The columns and rows that hold the values above 0; null where there are none. */
function positive(logits: Float32Array, side: number): [Range, Range] | null {
  let [left, right, top, bottom] = [side, -1, side, -1]
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++, at++) {
      if (!(logits[at] > 0)) continue
      if (x < left) left = x
      if (x > right) right = x
      if (top === side) top = y
      bottom = y
    }
  return right < 0
    ? null
    : [
        [left, right],
        [top, bottom],
      ]
}

/** The outputs that a range of inputs reaches; null where there are none. */
function reached({ low }: BilinearAxis, [first, last]: Range): Range | null {
  let start = 0
  while (start < low.length && low[start] < first - 1) start++
  let end = low.length - 1
  while (end >= start && low[end] > last) end--
  return start <= end ? [start, end] : null
}

/** The inputs that a range of outputs reads; only an axis of one input has no second. */
const needed = ({ low }: BilinearAxis, [first, last]: Range, inputs: number): Range => [
  low[first],
  Math.min(low[last] + 1, inputs - 1),
]

/** The outputs `xs` by `ys` of a plane's bilinear resize, given the (height, width) part of the plane at `origin`. */
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

/** SAM's choice of a mask: of an ambiguous prompt the one of tokens 1 to 3 with the highest predicted IoU, else token 0. */
export function tokenOf({ iou }: Prediction, prompt: number, ambiguous: boolean): number {
  if (!ambiguous) return 0
  let token = 1
  for (const other of [2, 3]) if (iou[4 * prompt + other] > iou[4 * prompt + token]) token = other
  return token
}

/** The (maskSide, maskSide) logits of one of a prompt's mask tokens. */
export function tokenLogits({ logits, iou }: Prediction, prompt: number, token: number): Float32Array {
  const plane = logits.length / iou.length
  const at = (4 * prompt + token) * plane
  return logits.subarray(at, at + plane)
}
