/** @file The pixels that masks share, counted plainly for every pair. */
import type { Overlap } from '../../engine/generate/candidate'
import type { Mask } from '../../engine/masks/mask'

export function intersections(masks: readonly Mask[]): Overlap[] {
  const found: Overlap[] = []
  masks.forEach((a, i) => {
    for (let k = i + 1; k < masks.length; k++) {
      const b = masks[k]
      let shared = 0
      for (let y = Math.max(a.y0, b.y0); y < Math.min(a.y0 + a.height, b.y0 + b.height); y++)
        for (let x = Math.max(a.x0, b.x0); x < Math.min(a.x0 + a.width, b.x0 + b.width); x++)
          shared += a.data[(y - a.y0) * a.width + x - a.x0] & b.data[(y - b.y0) * b.width + x - b.x0]
      if (shared) found.push([i, k, shared])
    }
  })
  return found
}
