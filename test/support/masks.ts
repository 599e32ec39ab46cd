import type { Mask } from '../../engine/masks/mask'
import type { LabelMap } from '../../engine/image/transforms'

/** A filled rectangle. */
export const block = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})

/** A label map of rectangles [id, x0, y0, x1, y1], ends included. */
export function labelsOf(width: number, height: number, rectangles: readonly (readonly number[])[]): LabelMap {
  const data = new Uint16Array(width * height)
  for (const [id, x0, y0, x1, y1] of rectangles)
    for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) data[y * width + x] = id
  return { width, height, data }
}
