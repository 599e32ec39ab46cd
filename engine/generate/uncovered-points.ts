/** @file Points in the middle of what no mask covers, for a second round of prompts. */
import { squaredDistance } from '../masks/distance-transform'
import type { PackedMask } from '../masks/bit-mask'
import type { Size } from '../image/size'
import type { Point } from '../image/box'

/** Maximum side of the plane in which distances are computed; larger images are subsampled. */
const MAX_SIDE = 2048
/** Minimum squared distance of a point to the nearest mask, in cells of that plane. */
const MIN_SQUARED_DISTANCE = 4

/**
 * At most `limit` points, in pixels: local maxima of the distance to the nearest mask or image edge, the farthest first. No
 * point is in the mask-free disc around an earlier one.
 */
export function uncoveredPoints(masks: readonly PackedMask[], size: Size, limit: number): Point[] {
  const step = Math.max(1, Math.ceil(Math.max(size.width, size.height) / MAX_SIDE))
  const width = Math.max(1, Math.floor(size.width / step))
  const height = Math.max(1, Math.floor(size.height / step))
  const middle = (cell: number) => cell * step + (step >> 1)
  const free = new Uint8Array(width * height).fill(1)
  for (const { column, columns, row, rows, words } of masks) {
    const [left, right] = [
      Math.floor((column * 32) / step),
      Math.min(width - 1, Math.ceil(((column + columns) * 32) / step)),
    ]
    for (let y = Math.floor(row / step); y <= Math.min(height - 1, Math.ceil((row + rows) / step)); y++) {
      const line = middle(y) - row
      if (line < 0 || line >= rows) continue
      for (let x = left; x <= right; x++) {
        const word = (middle(x) >> 5) - column
        if (word < 0 || word >= columns) continue
        if ((words[line * columns + word] >>> (middle(x) & 31)) & 1) free[y * width + x] = 0
      }
    }
  }
  const distance = squaredDistance(free, width, height)
  const peaks: number[] = []
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const own = distance[at]
      if (own < MIN_SQUARED_DISTANCE) continue
      let peak = true
      for (let ny = Math.max(0, y - 1); peak && ny <= Math.min(height - 1, y + 1); ny++)
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++)
          if (distance[ny * width + nx] > own) peak = false
      if (peak) peaks.push(at)
    }
  peaks.sort((a, b) => distance[b] - distance[a] || a - b)
  const taken = new Uint8Array(width * height)
  const points: Point[] = []
  for (const peak of peaks) {
    if (points.length >= limit) break
    if (taken[peak]) continue
    const [px, py] = [peak % width, Math.floor(peak / width)]
    const radius = Math.ceil(Math.sqrt(distance[peak]))
    for (let y = Math.max(0, py - radius); y <= Math.min(height - 1, py + radius); y++)
      for (let x = Math.max(0, px - radius); x <= Math.min(width - 1, px + radius); x++)
        if ((x - px) ** 2 + (y - py) ** 2 <= distance[peak]) taken[y * width + x] = 1
    points.push([middle(px), middle(py)])
  }
  return points
}
