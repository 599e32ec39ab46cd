/** @file The mask of one instance of a label map. */
import type { Box } from '../image/box'
import type { Mask } from './mask'

/**
 * The pixels within a box whose label is `id`.
 * @param labels (height, width): a label map, or the components of a mask
 */
export function maskOfLabel(
  labels: { width: number; data: ArrayLike<number> },
  { id, x0, y0, x1, y1 }: Box & { id: number },
): Mask {
  const [width, height] = [x1 - x0 + 1, y1 - y0 + 1]
  const data = new Uint8Array(width * height)
  for (let y = y0, to = 0; y <= y1; y++)
    for (let x = x0, at = y * labels.width + x0; x <= x1; x++) data[to++] = labels.data[at++] === id ? 1 : 0
  return { x0, y0, width, height, data }
}
