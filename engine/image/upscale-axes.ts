/** @file The two bilinear steps from low-resolution logits to an image, as tables: which inputs each output interpolates. */
import type { Box } from './box'
import { resizeLongest } from './model-input'
import { type BilinearAxis, bilinearAxis } from './resize'
import type { Size } from './size'

/** A range of columns or rows, both ends included. */
export type Range = [first: number, last: number]

export class UpscaleAxes {
  /** The part of the model's input square that is image and not padding. */
  readonly valid: Size
  /** Columns, then rows: from the square of logits to the valid part of the input square. */
  readonly toInput: readonly [BilinearAxis, BilinearAxis]
  /** Columns, then rows: from the valid part to the image. */
  readonly toImage: readonly [BilinearAxis, BilinearAxis]

  /** @param side of the square of logits · @param inputSize side of the model's input square */
  constructor(
    readonly side: number,
    inputSize: number,
    readonly image: Size,
  ) {
    const valid = resizeLongest(image.width, image.height, inputSize)
    this.valid = valid
    this.toInput = [bilinearAxis(side, inputSize, valid.width), bilinearAxis(side, inputSize, valid.height)]
    this.toImage = [bilinearAxis(valid.width, image.width), bilinearAxis(valid.height, image.height)]
  }

  /** The box of the image's pixels that interpolate any of the logits in `logits`; null if none does. */
  reached({ x0, y0, x1, y1 }: Box): Box | null {
    const along = (axis: 0 | 1, range: Range) => {
      const input = reachedOutputs(this.toInput[axis], range)
      return input && reachedOutputs(this.toImage[axis], input)
    }
    const [xs, ys] = [along(0, [x0, x1]), along(1, [y0, y1])]
    return xs && ys ? { x0: xs[0], y0: ys[0], x1: xs[1], y1: ys[1] } : null
  }

  /**
   * `reached` as a table for a shader, four numbers for each column, then each row of logits: the first output of the input's valid
   * part that interpolates it or one after it, and one past the last that interpolates it or one before it; the same two of the
   * image. The outputs of a range of logits go from the first of its first to the last of its last, if there are any.
   */
  reachTable(): Uint32Array {
    const table = new Uint32Array(8 * this.side)
    for (const axis of [0, 1] as const) {
      const [input, image] = [this.toInput[axis].low, this.toImage[axis].low]
      for (let i = 0; i < this.side; i++) {
        const [first, end] = [countBelow(input, i - 1), countBelow(input, i + 1)]
        table.set([first, end, countBelow(image, first - 1), countBelow(image, end)], 4 * (axis * this.side + i))
      }
    }
    return table
  }

  /**
   * All four tables as the shader reads them, one pair an output: index of its first input (u32), weight of its second
   * (f32). First the image's columns and rows, then those of the valid part.
   */
  table(): Uint32Array {
    const axes = [...this.toImage, ...this.toInput]
    const table = new Uint32Array(2 * axes.reduce((sum, { low }) => sum + low.length, 0))
    const weights = new Float32Array(table.buffer)
    let at = 0
    for (const { low, part } of axes)
      for (let i = 0; i < low.length; i++, at += 2) {
        table[at] = low[i]
        weights[at + 1] = part[i]
      }
    return table
  }
}

/** The outputs that interpolate any input of a range; null if there are none. */
function reachedOutputs({ low }: BilinearAxis, [first, last]: Range): Range | null {
  const [start, end] = [countBelow(low, first - 1), countBelow(low, last + 1) - 1]
  return start <= end ? [start, end] : null
}

/** The number of values below a limit, in sorted ones. */
function countBelow(sorted: ArrayLike<number>, limit: number): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle] < limit) from = middle + 1
    else to = middle
  }
  return from
}
