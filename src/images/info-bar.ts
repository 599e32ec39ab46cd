/**
 * @file Finds the info bar that microscopes draw below a picture. The sign is that a specimen has noise, so that no gray
 * level owns much of a row, while a bar is one flat level with text on it, and begins with a straight edge across the
 * whole width. In doubt there is no bar: rows with particles are worth more than a clean cut.
 */
import type { Image } from './pixels'

/** Levels (of 255) that count as the bar's background: compression blurs it. */
const tolerance = 8
/** A bar is at most this part of the height. */
const largest = 1 / 4
const fewestRows = 10
/** Ink differs from the background by at least this. */
const inkContrast = 64

/** Rows of the info bar at the bottom of an image, to be cut off; 0 if none is found. */
export function findInfoBar(image: Image): number {
  const { width, height } = image
  const lowest = height - Math.floor(height * largest)
  if (width < 64 || height < 4 * fewestRows) return 0
  const rows = new Rows(image, lowest - above)
  const level = rows.background(Math.max(6, Math.round(height * 0.012)))

  // a frame may run below it
  let bottom = height
  while (bottom > height - 3 && !rows.isDrawn(bottom - 1, level)) bottom--
  let top = bottom
  while (top > lowest && rows.isDrawn(top - 1, level)) top--
  const bar = height - top
  if (bar < Math.max(fewestRows, height * 0.012) || top <= lowest) return 0
  return rows.isEdge(top, level) && rows.hasText(top, bottom, level) ? bar : 0
}

/** Whether the bottom rows are flat with little on them, as a bar of that height would be. */
export function looksLikeBar(image: Image, bar: number): boolean {
  if (bar < 1 || bar >= image.height) return false
  const rows = new Rows(image, image.height - bar)
  const level = rows.background(bar)
  let flat = 0
  for (let y = image.height - bar; y < image.height; y++) if (rows.share(y, level) >= 0.4 || rows.isLine(y)) flat++
  return flat >= 0.9 * bar
}

/** Rows above a bar's edge that must be picture. */
const above = 6

/** The lower rows of an image in levels of 0 to 255. */
class Rows {
  private readonly levels: Uint8Array
  private readonly width: number
  private readonly height: number

  constructor(image: Image, from: number) {
    this.first = Math.max(0, from)
    this.width = image.width
    this.height = image.height
    this.levels = grayLevels(image, this.first)
  }

  private readonly first: number

  private row(y: number): Uint8Array {
    const at = (y - this.first) * this.width
    return this.levels.subarray(at, at + this.width)
  }

  /** The level around which most pixels of the last `count` rows lie. */
  background(count: number): number {
    const histogram = new Uint32Array(256)
    for (let y = this.height - count; y < this.height; y++) for (const level of this.row(y)) histogram[level]++
    return mostAround(histogram)
  }

  /** The part of a row that lies near a level. */
  share(y: number, level: number): number {
    let near = 0
    for (const value of this.row(y)) if (Math.abs(value - level) <= tolerance) near++
    return near / this.width
  }

  /** Whether a row may be a bar's: text and tables leave much of it at the background, a table's line is of one level. */
  isDrawn(y: number, level: number): boolean {
    return this.share(y, level) >= 0.4 || this.isLine(y)
  }

  /** Whether nearly all of a row is of one level, whichever. */
  isLine(y: number): boolean {
    const histogram = new Uint32Array(256)
    for (const level of this.row(y)) histogram[level]++
    return this.share(y, mostAround(histogram)) >= 0.97
  }

  /** Whether a straight edge lies there: from one row to the next but one, the background takes over the whole width. */
  isEdge(top: number, level: number): boolean {
    const firstRows = [0, 1, 2].map((i) => (this.isLine(top + i) ? 1 : this.share(top + i, level)))
    return Math.max(...firstRows) >= 0.8 && this.isPicture(top, level)
  }

  /** Whether the rows above the edge differ from the bar, in nearly every part of their width. */
  private isPicture(top: number, level: number): boolean {
    const parts = 8
    const near = new Float64Array(parts)
    for (let y = top - above; y < top; y++)
      this.row(y).forEach((value, x) => {
        if (Math.abs(value - level) <= tolerance) near[Math.floor((x * parts) / this.width)]++
      })
    const pixels = (above * this.width) / parts
    const total = near.reduce((sum, count) => sum + count, 0) / (above * this.width)
    return total <= 0.3 && near.filter((count) => count / pixels > 0.7).length <= 1
  }

  /** Whether some text stands on the bar, with blank rows around it. */
  hasText(top: number, bottom: number, level: number): boolean {
    let [ink, blank] = [0, 0]
    for (let y = top; y < bottom; y++) {
      for (const value of this.row(y)) if (Math.abs(value - level) >= inkContrast) ink++
      if (this.share(y, level) >= 0.96) blank++
    }
    const part = ink / ((bottom - top) * this.width)
    return blank > 0 && part >= 0.004 && part <= 0.45
  }
}

/** The level with the most counts around it. */
function mostAround(histogram: Uint32Array): number {
  let [best, most] = [0, -1]
  for (let level = 0; level < 256; level++) {
    let sum = 0
    for (let near = Math.max(0, level - 2); near <= Math.min(255, level + 2); near++) sum += histogram[near]
    if (sum > most) [best, most] = [level, sum]
  }
  return best
}

/** Mean of the channels of the rows from `first` on; 16 bits and floats by their range in these rows. */
function grayLevels({ width, height, channels, data, depth }: Image, first: number): Uint8Array {
  const levels = new Uint8Array((height - first) * width)
  const from = first * width * channels
  let [low, scale] = [0, 1]
  if (depth !== 8) {
    let high = -Infinity
    low = Infinity
    for (let i = from; i < data.length; i++) {
      if (data[i] < low) low = data[i]
      if (data[i] > high) high = data[i]
    }
    scale = high > low && Number.isFinite(high - low) ? 255 / (high - low) : 0
  }
  for (let i = 0, at = from; i < levels.length; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += data[at++]
    levels[i] = Math.round((sum / channels - low) * scale)
  }
  return levels
}
