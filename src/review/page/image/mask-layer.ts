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

interface Shade {
  inside: number
  edge: number
}

interface Shades {
  uncovered: number
  of(id: number): Shade
}

/** Rows that are painted at once when much has to be painted. */
const BAND = 32

/** Pixels up to which a region is painted at once. */
const AT_ONCE = 1 << 18

export class MaskLayer {
  /** Bands of rows that are still to be painted. */
  private readonly stale = new Set<number>()
  private lastBand = -1
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
   * Repaints regions and the lines of their neighbours: at once if they are small together, otherwise by `catchUp`, so that no
   * frame takes long. `look` and `selected` are read when it is painted.
   */
  refresh(rects: readonly Region[], look: () => LayerLook, selected: () => ReadonlySet<number>): void {
    const pixels = rects.reduce((sum, { left, top, right, bottom }) => sum + (right - left) * (bottom - top), 0)
    if (pixels <= AT_ONCE) {
      const shades = this.shades(look(), selected())
      for (const rect of rects) this.paint(rect, shades)
      return
    }
    for (const { top, bottom } of rects) {
      const last = Math.ceil(Math.min(this.owners.height, bottom + this.line) / BAND)
      for (let band = Math.floor(Math.max(0, top - this.line) / BAND); band < last; band++) this.stale.add(band)
    }
  }

  /**
   * Paints what is still to be painted, for about `budget` milliseconds: first the rows that are seen.
   * @returns whether something is left
   */
  catchUp(seen: Region, look: LayerLook, selected: ReadonlySet<number>, budget = 8): boolean {
    if (!this.stale.size) return false
    const { width, height } = this.owners
    const end = performance.now() + budget
    const shades = this.shades(look, selected)
    const visible = (band: number) => band * BAND < seen.bottom && (band + 1) * BAND > seen.top
    // from where the last frame ended, so that changes in each frame, as of a slider, reach all rows in turn
    const early = (band: number) => Number(visible(band)) * 2 + Number(band > this.lastBand)
    const order = [...this.stale].sort((a, b) => early(b) - early(a) || a - b)
    for (const band of order) {
      this.stale.delete(band)
      this.lastBand = band
      this.paint({ left: 0, top: band * BAND, right: width, bottom: Math.min(height, (band + 1) * BAND) }, shades, 0)
      if (performance.now() >= end) break
    }
    return this.stale.size > 0
  }

  /** The pixels of each mask inside and at its edge. A row changes its mask often, so each is worked out once. */
  private shades({ fill, opacity, coverage }: LayerLook, selected: ReadonlySet<number>): Shades {
    const uncovered = coverage ? pack(...uncoveredColour, 120) : 0
    const alpha = fill && !coverage ? Math.round(255 * opacity) : 0
    const known = new Map<number, Shade>()
    return {
      uncovered,
      of: (id) => {
        let shade = known.get(id)
        if (!shade) {
          const chosen = selected.has(id)
          const own = this.colourOf(id)
          shade = {
            inside: pack(...own, chosen ? Math.max(alpha, 115) : alpha),
            edge: pack(...(chosen ? selectedColour : own), 255),
          }
          known.set(id, shade)
        }
        return shade
      },
    }
  }

  /** Paints a region, and `margin` pixels around it: the lines of its neighbours. */
  private paint(rect: Region, { uncovered, of }: Shades, margin = this.line): void {
    const { ids, width, height } = this.owners
    const { line } = this
    const left = Math.max(0, rect.left - margin)
    const top = Math.max(0, rect.top - margin)
    const right = Math.min(width, rect.right + margin)
    const bottom = Math.min(height, rect.bottom + margin)
    if (right <= left || bottom <= top) return
    const patch = this.context.createImageData(right - left, bottom - top)
    const pixels = new Uint32Array(patch.data.buffer)
    const across = line * width
    for (let y = top; y < bottom; y++) {
      const row = y * width
      const [first, last] = [row + left, row + right]
      const shift = (y - top) * (right - left) - first
      const atBorder = y < line || y >= height - line
      // a row is a sequence of runs of one mask, or of none
      for (let at = first; at < last;) {
        const id = ids[at]
        let stop = at + 1
        while (stop < last && ids[stop] === id) stop++
        if (!id) {
          if (uncovered) pixels.fill(uncovered, at + shift, stop + shift)
        } else {
          const { inside, edge } = of(id)
          // where the run continues outside of the region
          let [start, end] = [at, stop]
          while (start > row && start > at - line && ids[start - 1] === id) start--
          while (end < row + width && end < stop + line && ids[end] === id) end++
          const from = atBorder ? stop : Math.min(stop, Math.max(at, start + line))
          const until = Math.max(from, Math.min(stop, end - line))
          for (let i = at; i < from; i++) pixels[i + shift] = edge
          for (let i = from; i < until; i++)
            pixels[i + shift] = ids[i - across] === id && ids[i + across] === id ? inside : edge
          for (let i = until; i < stop; i++) pixels[i + shift] = edge
        }
        at = stop
      }
    }
    this.context.putImageData(patch, left, top)
  }
}
