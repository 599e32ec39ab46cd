/** @file All masks painted at the image's own resolution: updated in patches when masks change, drawn as one bitmap. */
import type { OwnerMap } from '../masks/owner'
import type { Region } from '../../../../engine/image/box'
import { type Rgb, uncoveredColour, pack, selectedColour } from './mask-colours'

export interface LayerLook {
  fill: boolean
  /** Opacity of filled masks, 0 to 1. */
  opacity: number
  /** Highlights the uncovered area, with masks as thin outlines. */
  coverage: boolean
}

/** Rows that are painted at once when much has to be painted. */
const BAND = 32

/** Pixels up to which a region is painted at once. */
const AT_ONCE = 1 << 18

export class MaskLayer {
  /** Bands of rows that are still to be painted. */
  private readonly stale = new Set<number>()
  readonly canvas: HTMLCanvasElement
  private readonly context: CanvasRenderingContext2D
  /** Line width in image pixels: larger when the view is zoomed out. */
  line = 1

  /** @param colourOf the colour of a mask */
  constructor(
    private readonly owners: OwnerMap,
    private readonly colourOf: (id: number) => Rgb,
  ) {
    this.canvas = document.createElement('canvas')
    this.canvas.width = owners.width
    this.canvas.height = owners.height
    const context = this.canvas.getContext('2d')
    if (!context) throw new Error(`the browser has no memory for masks of ${owners.width} x ${owners.height} pixels`)
    this.context = context
  }

  /**
   * Repaints a region and the lines of its neighbours: at once if it is small, otherwise by `catchUp`, so that no frame takes long.
   * `look` and `selected` are read when it is painted.
   */
  refresh(rect: Region, look: () => LayerLook, selected: () => ReadonlySet<number>): void {
    if ((rect.right - rect.left) * (rect.bottom - rect.top) <= AT_ONCE) return this.paint(rect, look(), selected())
    const last = Math.ceil(Math.min(this.owners.height, rect.bottom + this.line) / BAND)
    for (let band = Math.floor(Math.max(0, rect.top - this.line) / BAND); band < last; band++) this.stale.add(band)
  }

  /**
   * Paints what is still to be painted, for about `budget` milliseconds: first the rows that are seen.
   * @returns whether something is left
   */
  catchUp(seen: Region, look: LayerLook, selected: ReadonlySet<number>, budget = 12): boolean {
    if (!this.stale.size) return false
    const { width, height } = this.owners
    const end = performance.now() + budget
    const visible = (band: number) => band * BAND < seen.bottom && (band + 1) * BAND > seen.top
    const order = [...this.stale].sort((a, b) => Number(visible(b)) - Number(visible(a)) || a - b)
    for (const band of order) {
      this.stale.delete(band)
      this.paint(
        { left: 0, top: band * BAND, right: width, bottom: Math.min(height, (band + 1) * BAND) },
        look,
        selected,
        0,
      )
      if (performance.now() >= end) break
    }
    return this.stale.size > 0
  }

  /** Paints a region, and `margin` pixels around it: the lines of its neighbours. */
  private paint(rect: Region, look: LayerLook, selected: ReadonlySet<number>, margin = this.line): void {
    const { ids, width, height } = this.owners
    const { line } = this
    const left = Math.max(0, rect.left - margin)
    const top = Math.max(0, rect.top - margin)
    const right = Math.min(width, rect.right + margin)
    const bottom = Math.min(height, rect.bottom + margin)
    if (right <= left || bottom <= top) return
    const patch = this.context.createImageData(right - left, bottom - top)
    const pixels = new Uint32Array(patch.data.buffer)
    const uncovered = look.coverage ? pack(...uncoveredColour, 120) : 0
    const alpha = look.fill && !look.coverage ? Math.round(255 * look.opacity) : 0
    // colours of the previous pixel's mask, reused because neighbouring pixels mostly show the same mask
    let [last, inside, edge] = [0, uncovered, uncovered]
    let to = 0
    for (let y = top; y < bottom; y++)
      for (let x = left, at = y * width + left; x < right; x++, at++, to++) {
        const id = ids[at]
        if (id !== last) {
          last = id
          const chosen = selected.has(id)
          const own = id ? this.colourOf(id) : uncoveredColour
          const colour = chosen ? selectedColour : own
          inside = id ? pack(...own, chosen ? Math.max(alpha, 115) : alpha) : uncovered
          edge = id ? pack(...colour, 255) : uncovered
        }
        if (!id) {
          pixels[to] = uncovered
          continue
        }
        const inner =
          x >= line &&
          x < width - line &&
          y >= line &&
          y < height - line &&
          ids[at - line] === id &&
          ids[at + line] === id &&
          ids[at - line * width] === id &&
          ids[at + line * width] === id
        pixels[to] = inner ? inside : edge
      }
    this.context.putImageData(patch, left, top)
  }
}
