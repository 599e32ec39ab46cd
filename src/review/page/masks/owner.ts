/** @file A map of the topmost mask at each pixel: where masks overlap, the smaller one is on top. */
import { type Region, regionsOverlap } from '../../../../engine/image/box'
import { type Mask, maskRegion } from '../../../../engine/masks/mask'

/** A mask with its id and its number of pixels. */
export interface NumberedMask {
  id: number
  mask: Mask
  area: number
}

export class OwnerMap {
  /** (height, width): the id of the topmost mask, 0 for none. */
  readonly ids: Uint32Array
  /** The number of pixels covered by any mask. */
  covered = 0

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.ids = new Uint32Array(width * height)
  }

  /** The id at a pixel; 0 outside the image. */
  at(x: number, y: number): number {
    return x >= 0 && y >= 0 && x < this.width && y < this.height ? this.ids[y * this.width + x] : 0
  }

  /** Recomputes a region of the map from `masks`. */
  repaint(rect: Region, masks: Iterable<NumberedMask>): void {
    const { ids, width } = this
    for (let y = rect.top; y < rect.bottom; y++)
      for (let at = y * width + rect.left, end = at + rect.right - rect.left; at < end; at++) {
        if (ids[at]) this.covered--
        ids[at] = 0
      }
    const here = [...masks].filter(({ mask }) => mask.width > 0 && regionsOverlap(rect, maskRegion(mask)))
    here.sort((a, b) => b.area - a.area || a.id - b.id)
    for (const { id, mask } of here) {
      const left = Math.max(rect.left, mask.x0)
      const right = Math.min(rect.right, mask.x0 + mask.width)
      const bottom = Math.min(rect.bottom, mask.y0 + mask.height)
      for (let y = Math.max(rect.top, mask.y0); y < bottom; y++) {
        const from = (y - mask.y0) * mask.width - mask.x0
        for (let x = left; x < right; x++) if (mask.data[from + x]) ids[y * width + x] = id
      }
    }
    for (let y = rect.top; y < rect.bottom; y++)
      for (let at = y * width + rect.left, end = at + rect.right - rect.left; at < end; at++)
        if (ids[at]) this.covered++
  }

  /** The ids that are visible within a region. */
  within(rect: Region): Set<number> {
    const found = new Set<number>()
    for (let y = Math.max(0, rect.top); y < Math.min(this.height, rect.bottom); y++)
      for (let x = Math.max(0, rect.left); x < Math.min(this.width, rect.right); x++) {
        const id = this.ids[y * this.width + x]
        if (id) found.add(id)
      }
    return found
  }
}

/** The regions to recompute for these masks; the whole image if they cover most of it. */
export function dirtyRects(masks: readonly Mask[], width: number, height: number): Region[] {
  const rects = masks.filter((mask) => mask.width > 0).map(maskRegion)
  const pixels = rects.reduce((sum, r) => sum + (r.right - r.left) * (r.bottom - r.top), 0)
  return pixels > (width * height) / 2 ? [{ left: 0, top: 0, right: width, bottom: height }] : rects
}
