/** @file Colours of masks: neighbours get hues that are far apart, and a mask keeps its colour. */
import type { Mask } from '../../../../engine/masks/mask'

/** Red, green and blue, 0 to 255. */
export type Rgb = readonly [number, number, number]

/** A colour as canvas pixels are stored: 32-bit ABGR. */
export const pack = (r: number, g: number, b: number, a: number) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0

export const css = (rgb: Rgb) => `rgb(${rgb.join(' ')})`

/** The number of hues; neighbours are separated by as many steps between them as possible. */
const hues = 12
const palette: readonly Rgb[] = Array.from({ length: hues }, (_, i) => hsl((360 / hues) * i, 0.85, i % 2 ? 0.68 : 0.56))

/** Masks closer than this many pixels are neighbours. */
const reach = 6
/** Side of the squares by which neighbours are found, in pixels. */
const cellSide = 48
/** Masks over more squares than this are compared with all others: they are few. */
const maxCells = 512

interface Placed {
  id: number
  hue: number
  left: number
  top: number
  right: number
  bottom: number
}

/** The colours of an image's masks. A mask that comes back, by undo, has its earlier colour. */
export class MaskColours {
  private readonly hueOf = new Map<number, number>()
  private readonly cells = new Map<number, Set<Placed>>()
  private readonly large = new Set<Placed>()
  private readonly placed = new Map<number, Placed>()

  of(id: number): Rgb {
    return palette[this.hueOf.get(id) ?? (id * 5) % hues]
  }

  add(id: number, { x0, y0, width, height }: Mask): void {
    const box = { left: x0 - reach, top: y0 - reach, right: x0 + width + reach, bottom: y0 + height + reach }
    const hue = this.hueOf.get(id) ?? this.choose(id, box)
    this.hueOf.set(id, hue)
    const placed = { id, hue, left: x0, top: y0, right: x0 + width, bottom: y0 + height }
    this.placed.set(id, placed)
    const keys = cellsOf(placed)
    if (!keys) return void this.large.add(placed)
    for (const key of keys) {
      const cell = this.cells.get(key)
      if (cell) cell.add(placed)
      else this.cells.set(key, new Set([placed]))
    }
  }

  remove(id: number): void {
    const placed = this.placed.get(id)
    if (!placed) return
    this.placed.delete(id)
    this.large.delete(placed)
    for (const key of cellsOf(placed) ?? []) this.cells.get(key)?.delete(placed)
  }

  /** The hue whose smallest distance to the neighbours' is largest; which of several depends on the id. */
  private choose(id: number, box: Omit<Placed, 'id' | 'hue'>): number {
    const used = new Set<number>()
    const look = (other: Placed) => {
      if (other.left < box.right && other.right > box.left && other.top < box.bottom && other.bottom > box.top)
        used.add(other.hue)
    }
    const keys = cellsOf(box)
    if (keys) {
      this.large.forEach(look)
      for (const key of keys) this.cells.get(key)?.forEach(look)
    } else this.placed.forEach(look)
    let [best, distance] = [0, -1]
    for (let i = 0; i < hues; i++) {
      const hue = (id * 5 + i) % hues
      let nearest = hues
      for (const other of used) nearest = Math.min(nearest, Math.abs(hue - other), hues - Math.abs(hue - other))
      if (nearest > distance) [best, distance] = [hue, nearest]
    }
    return best
  }
}

/** The squares that a box touches; null if they are too many. */
function cellsOf({ left, top, right, bottom }: Omit<Placed, 'id' | 'hue'>): number[] | null {
  const [x0, x1] = [Math.floor(left / cellSide), Math.floor((right - 1) / cellSide)]
  const [y0, y1] = [Math.floor(top / cellSide), Math.floor((bottom - 1) / cellSide)]
  if ((x1 - x0 + 1) * (y1 - y0 + 1) > maxCells) return null
  const keys: number[] = []
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) keys.push(y * 0x10000 + x)
  return keys
}

function hsl(hue: number, saturation: number, lightness: number): Rgb {
  const a = saturation * Math.min(lightness, 1 - lightness)
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return [channel(0), channel(8), channel(4)]
}

export const selectedColour: Rgb = [255, 255, 255]
/** Colour of the uncovered area, if it is highlighted. */
export const uncoveredColour: Rgb = [255, 40, 160]
