/** @file A map of the topmost mask at each pixel: where masks overlap, the smaller one is on top. */
import type { Region } from '../../../../engine/image/box'
import { type Mask, maskRegion } from '../../../../engine/masks/mask'

/** A mask with its id and its number of pixels. */
export interface NumberedMask {
  id: number
  mask: Mask
  area: number
}

/** Side of the squares by which masks near removed ones are found, in pixels. */
const cellSide = 64

export class OwnerMap {
  /** (height, width): the id of the topmost mask, 0 for none. */
  readonly ids: Uint32Array
  /** The number of pixels covered by any mask. */
  covered = 0
  private readonly masks = new Map<number, NumberedMask>()

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

  /** Takes masks away, then lays others down. Only their pixels are visited, and those of masks below removed ones. */
  change(removed: readonly NumberedMask[], added: readonly NumberedMask[]): void {
    for (const mask of removed) this.lift(mask)
    if (removed.length) for (const mask of this.near(removed)) this.lay(mask)
    for (const mask of added) {
      this.masks.set(mask.id, mask)
      this.lay(mask)
    }
  }

  private lift({ id, mask }: NumberedMask): void {
    this.masks.delete(id)
    const { ids, width } = this
    for (let y = 0, from = 0; y < mask.height; y++)
      for (let at = (mask.y0 + y) * width + mask.x0, end = at + mask.width; at < end; at++, from++)
        if (mask.data[from] && ids[at] === id) {
          ids[at] = 0
          this.covered--
        }
  }

  /** Where a larger mask or none is, this one is then on top. Laying a mask again changes nothing. */
  private lay({ id, mask, area }: NumberedMask): void {
    const { ids, width } = this
    let [last, above] = [0, false]
    for (let y = 0, from = 0; y < mask.height; y++)
      for (let at = (mask.y0 + y) * width + mask.x0, end = at + mask.width; at < end; at++, from++) {
        if (!mask.data[from]) continue
        const other = ids[at]
        if (!other) {
          ids[at] = id
          this.covered++
          continue
        }
        if (other === id) continue
        if (other !== last) {
          last = other
          const theirs = this.masks.get(other)!.area
          above = area < theirs || (area === theirs && id > other)
        }
        if (above) ids[at] = id
      }
  }

  /** The masks of which a part may have been below a removed one. */
  private near(removed: readonly NumberedMask[]): NumberedMask[] {
    const columns = Math.ceil(this.width / cellSide)
    const touched = new Uint8Array(columns * Math.ceil(this.height / cellSide))
    const cells = ({ x0, y0, width, height }: Mask, each: (cell: number) => boolean | void): boolean => {
      for (let y = Math.floor(y0 / cellSide); y * cellSide < y0 + height; y++)
        for (let x = Math.floor(x0 / cellSide); x * cellSide < x0 + width; x++) if (each(y * columns + x)) return true
      return false
    }
    for (const { mask } of removed) cells(mask, (cell) => void (touched[cell] = 1))
    return [...this.masks.values()].filter(({ mask }) => cells(mask, (cell) => touched[cell] === 1))
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
