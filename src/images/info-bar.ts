/**
 * @file Finds the info bar that microscopes draw below an image by its appearance; `micrograph.ts` cuts it off. A specimen
 * is noisy, so that no gray level fills much of a row, while a bar is one flat level with text on it and begins at a
 * straight edge across the whole width. In doubt there is no bar: rows with particles are worth more than a clean cut.
 */
import type { Image } from './image'

/** Gray levels (of 255) that count as the bar's background may differ from it by this much: compression blurs it. */
const TOLERANCE = 8
/** Levels within this distance of each other are counted as one when the most frequent level is looked for. */
const LEVEL_SPREAD = 2
/** Text differs from the bar's background by at least this many levels. */
const TEXT_CONTRAST = 64

/** A bar takes at most this fraction of the image's height. */
const MAX_BAR = 1 / 4
/** A bar has at least this many rows, and at least this fraction of the height: less has no room for a line of text. */
const MIN_BAR_ROWS = 10
const MIN_BAR = 0.012
/** Narrower images are not searched: a row has too few pixels to tell noise from a flat level. */
const MIN_WIDTH = 64
/** The bar's background is estimated from at least this many rows at the bottom. */
const MIN_SAMPLED_ROWS = 6
/** Rows below the bar that may belong to a frame around the image. */
const MAX_FRAME_ROWS = 3

/** Text and tables leave at least this fraction of a bar's row at the background level. */
const BAR_ROW = 0.4
/** A row is a ruled line (one flat level, whichever) if at least this fraction of it has one level. */
const LINE_ROW = 0.97
/** A row of a bar has no text if at least this fraction of it has the background level. */
const BLANK_ROW = 0.96
/** Of the first rows of a bar at least one is flat over this fraction of the width: the bar has a straight upper edge. */
const EDGE_ROW = 0.8
/** Number of rows among which that one is looked for: compression blurs the edge. */
const EDGE_ROWS = 3
/** A bar whose height is recorded is present if at least this fraction of its rows look like a bar's. */
const FLAT_ROWS = 0.9

/** Rows directly above the bar that must belong to the specimen. */
const ROWS_ABOVE = 6
/** In these rows at most this fraction of the pixels may have the bar's background level. */
const MAX_BACKGROUND_ABOVE = 0.3
/** They are divided into parts along the width; a part above this fraction has the bar's level, and one such part may. */
const PARTS = 8
const MAX_BACKGROUND_OF_PART = 0.7
const MAX_BACKGROUND_PARTS = 1

/** Bounds of the fraction of a bar's pixels that are text. */
const MIN_TEXT = 0.004
const MAX_TEXT = 0.45

/** The height in rows of the info bar at the bottom of an image; 0 if none is found. */
export function findInfoBar(image: Image): number {
  const { width, height } = image
  const lowest = height - Math.floor(height * MAX_BAR)
  if (width < MIN_WIDTH || height < 4 * MIN_BAR_ROWS) return 0
  const rows = new BottomRows(image, lowest - ROWS_ABOVE)
  const level = rows.background(Math.max(MIN_SAMPLED_ROWS, Math.round(height * MIN_BAR)))

  let bottom = height
  while (bottom > height - MAX_FRAME_ROWS && !rows.isBarRow(bottom - 1, level)) bottom--
  let top = bottom
  while (top > lowest && rows.isBarRow(top - 1, level)) top--
  const bar = height - top
  if (bar < Math.max(MIN_BAR_ROWS, height * MIN_BAR) || top <= lowest) return 0
  return rows.isUpperEdge(top, level) && rows.hasText(top, bottom, level) ? bar : 0
}

/** True if the bottom `bar` rows look like an info bar: flat, with little on them. */
export function looksLikeBar(image: Image, bar: number): boolean {
  if (bar < 1 || bar >= image.height) return false
  const rows = new BottomRows(image, image.height - bar)
  const level = rows.background(bar)
  let flat = 0
  for (let y = image.height - bar; y < image.height; y++) if (rows.isBarRow(y, level)) flat++
  return flat >= FLAT_ROWS * bar
}

/** The lower rows of an image as gray levels of 0 to 255. */
class BottomRows {
  private readonly levels: Uint8Array
  private readonly width: number
  private readonly height: number
  private readonly first: number

  constructor(image: Image, from: number) {
    this.first = Math.max(0, from)
    this.width = image.width
    this.height = image.height
    this.levels = grayLevels(image, this.first)
  }

  private row(y: number): Uint8Array {
    const at = (y - this.first) * this.width
    return this.levels.subarray(at, at + this.width)
  }

  /** The most frequent level of the last `count` rows. */
  background(count: number): number {
    const histogram = new Uint32Array(256)
    for (let y = this.height - count; y < this.height; y++) for (const level of this.row(y)) histogram[level]++
    return mostFrequentLevel(histogram)
  }

  /** The fraction of a row whose level is close to `level`. */
  private fractionAt(y: number, level: number): number {
    let near = 0
    for (const value of this.row(y)) if (Math.abs(value - level) <= TOLERANCE) near++
    return near / this.width
  }

  /** True if a row may be part of a bar: much of it has the background level, or it is a ruled line. */
  isBarRow(y: number, level: number): boolean {
    return this.fractionAt(y, level) >= BAR_ROW || this.isLine(y)
  }

  /** True if nearly all of a row has one level, whichever. */
  private isLine(y: number): boolean {
    const histogram = new Uint32Array(256)
    for (const level of this.row(y)) histogram[level]++
    return this.fractionAt(y, mostFrequentLevel(histogram)) >= LINE_ROW
  }

  /** True if a straight edge across the whole width lies at row `top`: flat just below it, specimen above. */
  isUpperEdge(top: number, level: number): boolean {
    const below = Array.from({ length: EDGE_ROWS }, (_, i) =>
      this.isLine(top + i) ? 1 : this.fractionAt(top + i, level),
    )
    return Math.max(...below) >= EDGE_ROW && this.isSpecimenAbove(top, level)
  }

  /** True if the rows above the edge differ from the bar in nearly every part of their width. */
  private isSpecimenAbove(top: number, level: number): boolean {
    const near = new Float64Array(PARTS)
    for (let y = top - ROWS_ABOVE; y < top; y++)
      this.row(y).forEach((value, x) => {
        if (Math.abs(value - level) <= TOLERANCE) near[Math.floor((x * PARTS) / this.width)]++
      })
    const pixelsOfPart = (ROWS_ABOVE * this.width) / PARTS
    const total = near.reduce((sum, count) => sum + count, 0) / (ROWS_ABOVE * this.width)
    const alike = near.filter((count) => count / pixelsOfPart > MAX_BACKGROUND_OF_PART).length
    return total <= MAX_BACKGROUND_ABOVE && alike <= MAX_BACKGROUND_PARTS
  }

  /** True if the bar has text with blank rows around it. */
  hasText(top: number, bottom: number, level: number): boolean {
    let [text, blank] = [0, 0]
    for (let y = top; y < bottom; y++) {
      for (const value of this.row(y)) if (Math.abs(value - level) >= TEXT_CONTRAST) text++
      if (this.fractionAt(y, level) >= BLANK_ROW) blank++
    }
    const fraction = text / ((bottom - top) * this.width)
    return blank > 0 && fraction >= MIN_TEXT && fraction <= MAX_TEXT
  }
}

/** The level that is the most frequent together with its neighbours. */
function mostFrequentLevel(histogram: Uint32Array): number {
  let [best, most] = [0, -1]
  for (let level = 0; level < 256; level++) {
    let sum = 0
    for (let near = Math.max(0, level - LEVEL_SPREAD); near <= Math.min(255, level + LEVEL_SPREAD); near++)
      sum += histogram[near]
    if (sum > most) [best, most] = [level, sum]
  }
  return best
}

/** Mean of the channels of the rows from `first` on; 16 bits and floats are scaled by their range in these rows. */
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
