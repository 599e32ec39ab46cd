/** @file Masks from brush strokes and closed outlines. Coordinates are image pixels; a pixel's centre is at .5. */
import { emptyMask, type Mask } from '../../../../engine/masks/mask'
import type { Size } from '../../../../engine/image/size'
import type { Point } from '../../../../engine/image/box'
import { trimMask } from '../../../../engine/masks/mask-algebra'

/** The pixels whose centres are within `radius` of the line through `points`, and the pixels at the points. */
export function strokeMask(points: readonly Point[], radius: number, size: Size): Mask {
  if (!points.length) return emptyMask
  const reach = Math.max(radius, 0.5)
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const x0 = Math.max(0, Math.floor(Math.min(...xs) - reach))
  const y0 = Math.max(0, Math.floor(Math.min(...ys) - reach))
  const width = Math.min(size.width, Math.ceil(Math.max(...xs) + reach)) - x0
  const height = Math.min(size.height, Math.ceil(Math.max(...ys) + reach)) - y0
  if (width <= 0 || height <= 0) return emptyMask
  const mask = { x0, y0, width, height, data: new Uint8Array(width * height) }
  points.forEach((point, i) => capsule(mask, points[Math.max(0, i - 1)], point, reach))
  return trimMask(mask)
}

/** Adds the pixels within `radius` of the segment from a to b. */
function capsule(mask: Mask, [ax, ay]: Point, [bx, by]: Point, radius: number): void {
  const { x0, y0, width, height, data } = mask
  const [dx, dy] = [bx - ax, by - ay]
  const length = dx * dx + dy * dy
  const top = Math.max(0, Math.floor(Math.min(ay, by) - radius) - y0)
  const bottom = Math.min(height - 1, Math.ceil(Math.max(ay, by) + radius) - y0)
  const left = Math.max(0, Math.floor(Math.min(ax, bx) - radius) - x0)
  const right = Math.min(width - 1, Math.ceil(Math.max(ax, bx) + radius) - x0)
  for (let y = top; y <= bottom; y++)
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + x0 + 0.5 - ax, y + y0 + 0.5 - ay]
      const t = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0
      // pixels at the points are added below, even if a small radius misses their centres
      if ((px - t * dx) ** 2 + (py - t * dy) ** 2 <= radius * radius) data[y * width + x] = 1
    }
  for (const [x, y] of [
    [ax, ay],
    [bx, by],
  ]) {
    const [u, v] = [Math.floor(x) - x0, Math.floor(y) - y0]
    if (u >= 0 && v >= 0 && u < width && v < height) data[v * width + u] = 1
  }
}

/**
 * The pixels whose centres are inside a closed outline by the non-zero winding rule, so that areas enclosed twice are
 * inside too. Empty for fewer than three points.
 */
export function outlineMask(points: readonly Point[], size: Size): Mask {
  if (points.length < 3) return emptyMask
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const x0 = Math.max(0, Math.floor(Math.min(...xs)))
  const y0 = Math.max(0, Math.floor(Math.min(...ys)))
  const width = Math.min(size.width, Math.ceil(Math.max(...xs))) - x0
  const height = Math.min(size.height, Math.ceil(Math.max(...ys))) - y0
  if (width <= 0 || height <= 0) return emptyMask
  const data = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    const crossings = crossingsAt(points, y0 + y + 0.5)
    let winding = 0
    crossings.forEach(({ x, turn }, i) => {
      winding += turn
      if (!winding) return
      const from = Math.max(0, Math.ceil(x - x0 - 0.5))
      const to = Math.min(width, Math.ceil(crossings[i + 1].x - x0 - 0.5))
      if (to > from) data.fill(1, y * width + from, y * width + to)
    })
  }
  return trimMask({ x0, y0, width, height, data })
}

/** The crossings of a closed outline with the line at `y`, from left to right: downwards (1) or upwards (-1). */
function crossingsAt(points: readonly Point[], y: number): { x: number; turn: 1 | -1 }[] {
  const found: { x: number; turn: 1 | -1 }[] = []
  points.forEach(([bx, by], i) => {
    const [ax, ay] = points.at(i - 1)!
    if (ay <= y !== by <= y) found.push({ x: ax + ((y - ay) / (by - ay)) * (bx - ax), turn: ay <= y ? 1 : -1 })
  })
  return found.sort((a, b) => a.x - b.x)
}
