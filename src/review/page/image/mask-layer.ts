/** @file The masks' colours at the image's own resolution: painted in patches when masks change, drawn as one bitmap. */
import type { OwnerMap } from '../masks/owner'
import type { Region } from '../../../../engine/image/box'
import { bareColour, colourOf, pack, selectedColour } from './mask-colours'

export interface LayerLook {
  fill: boolean
  /** Of filled masks, 0 to 1. */
  opacity: number
  /** Paints what no mask covers, and masks as thin outlines. */
  coverage: boolean
}

export class MaskLayer {
  readonly canvas: HTMLCanvasElement
  private readonly context: CanvasRenderingContext2D
  /** Width of lines, in pixels of the image: wider where the view is further away. */
  line = 1

  constructor(private readonly owners: OwnerMap) {
    this.canvas = document.createElement('canvas')
    this.canvas.width = owners.width
    this.canvas.height = owners.height
    const context = this.canvas.getContext('2d')
    if (!context) throw new Error(`the browser has no memory for masks of ${owners.width} x ${owners.height} pixels`)
    this.context = context
  }

  /** Paints a part anew, and the lines of its neighbours. */
  paint(rect: Region, look: LayerLook, selected: ReadonlySet<number>): void {
    const { ids, width, height } = this.owners
    const { line } = this
    const left = Math.max(0, rect.left - line)
    const top = Math.max(0, rect.top - line)
    const right = Math.min(width, rect.right + line)
    const bottom = Math.min(height, rect.bottom + line)
    if (right <= left || bottom <= top) return
    const patch = this.context.createImageData(right - left, bottom - top)
    const pixels = new Uint32Array(patch.data.buffer)
    const bare = look.coverage ? pack(...bareColour, 120) : 0
    const alpha = look.fill && !look.coverage ? Math.round(255 * look.opacity) : 0
    // the colours of the mask that the last pixel showed: neighbours mostly show the same
    let [last, inside, edge] = [0, bare, bare]
    let to = 0
    for (let y = top; y < bottom; y++)
      for (let x = left, at = y * width + left; x < right; x++, at++, to++) {
        const id = ids[at]
        if (id !== last) {
          last = id
          const chosen = selected.has(id)
          const colour = id ? (chosen ? selectedColour : colourOf(id)) : bareColour
          inside = id ? pack(...(chosen ? colourOf(id) : colour), chosen ? Math.max(alpha, 115) : alpha) : bare
          edge = id ? pack(...colour, 255) : bare
        }
        if (!id) {
          pixels[to] = bare
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
