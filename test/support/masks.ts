/** @file Small masks, label maps, boxes and regions for tests. */
import type { Box, Region } from '../../engine/image/box'
import { type Mask, maskContains } from '../../engine/masks/mask'
import type { LabelMap } from '../../engine/image/label-map'

/** A filled rectangle. */
export const block = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})

/** A mask from rows of text, '#' inside. */
export function drawn(rows: string[], x0 = 0, y0 = 0): Mask {
  const width = rows[0].length
  const data = Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0))
  return { x0, y0, width, height: rows.length, data }
}

/** The upper left (width, height) pixels of a mask's image as rows of text. */
export function rows(mask: Mask, width: number, height: number): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (maskContains(mask, x, y) ? '#' : '.')).join(''),
  )
}

/** A label map of rectangles [id, x0, y0, x1, y1], ends included. */
export function labelsOf(width: number, height: number, rectangles: readonly (readonly number[])[]): LabelMap {
  const data = new Uint16Array(width * height)
  for (const [id, x0, y0, x1, y1] of rectangles)
    for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) data[y * width + x] = id
  return { width, height, data }
}

/** A box by its first and last column and row. */
export const boxOf = (x0: number, y0: number, x1: number, y1: number): Box => ({ x0, y0, x1, y1 })

/** A region by its edges, right and bottom exclusive. */
export const regionOf = (left: number, top: number, right: number, bottom: number): Region => ({
  left,
  top,
  right,
  bottom,
})
