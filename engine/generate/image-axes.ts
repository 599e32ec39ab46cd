/** @file The two bilinear steps from low-resolution logits to an image, as tables: where each place reads. */
import { type BilinearAxis, bilinearAxis } from '../image/resize'
import type { Size } from '../image/size'
import { resizeLongest } from '../image/model-input'
import type { Box } from '../image/box'

export class ImageAxes {
  /** The part of the input square that is image. */
  readonly valid: Size
  /** Columns, then rows: from the square of logits to the valid part, and from there to the image. */
  readonly toInput: readonly [BilinearAxis, BilinearAxis]
  readonly toImage: readonly [BilinearAxis, BilinearAxis]

  /** @param side of the square logits · @param inputSize side of the model's input */
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

  /** The pixels (inclusive) that read a box of logits (inclusive); null where none does. */
  reached({ x0, y0, x1, y1 }: Box): Box | null {
    const along = (axis: 0 | 1, first: number, last: number) => {
      const input = reached(this.toInput[axis], [first, last])
      return input && reached(this.toImage[axis], input)
    }
    const [xs, ys] = [along(0, x0, x1), along(1, y0, y1)]
    return xs && ys ? { x0: xs[0], y0: ys[0], x1: xs[1], y1: ys[1] } : null
  }

  /** All four tables as a shader reads them: pairs of place and share, the image's columns and rows, the valid part's. */
  table(): Uint32Array {
    const axes = [...this.toImage, ...this.toInput]
    const table = new Uint32Array(2 * axes.reduce((sum, { low }) => sum + low.length, 0))
    const shares = new Float32Array(table.buffer)
    let at = 0
    for (const { low, part } of axes)
      for (let i = 0; i < low.length; i++, at += 2) {
        table[at] = low[i]
        shares[at + 1] = part[i]
      }
    return table
  }
}

/** The outputs that a range of inputs reaches; null where there are none. */
export function reached({ low }: BilinearAxis, [first, last]: readonly [number, number]): [number, number] | null {
  // low never falls, so the ends are found by halving
  const below = (limit: number) => {
    let [from, to] = [0, low.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (low[middle] < limit) from = middle + 1
      else to = middle
    }
    return from
  }
  const [start, end] = [below(first - 1), below(last + 1) - 1]
  return start <= end ? [start, end] : null
}
