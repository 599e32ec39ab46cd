/**
 * @file Finds the scale bar in an image: a flat rectangle, white or black, several times as long as high, with other values
 * around it. Microscopes draw it with the extreme gray values, which specimens hardly ever fill evenly.
 */
import type { Region } from '../../../../engine/image/box'
import type { Size } from '../../../../engine/image/size'

/** Gray values from which a pixel counts as white, and up to which it counts as black; compression blurs. */
const [white, black] = [226, 29]
/** The bar's ends may differ by this many pixels from row to row. */
const jitter = 1
const minLength = 16
/** Longest bar relative to the width of the image. */
const maxLength = 0.9
/** Length divided by height. */
const minAspect = 4
/** Share of the row above and below the bar that may have its colour: end marks, letters. */
const maxAround = 0.34
/** Thicker bars are no better than bars of this many rows. */
const enoughRows = 4

interface Bar {
  left: number
  right: number
  top: number
  bottom: number
}

/** @param gray (height, width) @returns the bar's pixels as a region, or null if there is none */
export function findScaleBar(gray: Uint8Array, { width, height }: Size): Region | null {
  let best: Bar | null = null
  let most = 0
  for (const isBright of [true, false]) {
    const own = (at: number) => (isBright ? gray[at] >= white : gray[at] <= black)
    for (const bar of bars(own, width, height)) {
      const length = bar.right - bar.left
      const rows = bar.bottom - bar.top
      if (length < minAspect * rows || isPartOfMore(own, bar, width, height)) continue
      const score = length * Math.min(rows, enoughRows)
      if (score > most) [best, most] = [bar, score]
    }
  }
  return best && { left: best.left, top: best.top, right: best.right, bottom: best.bottom }
}

/** Rectangles of runs with the same ends in consecutive rows. */
function bars(own: (at: number) => boolean, width: number, height: number): Bar[] {
  const found: Bar[] = []
  let open: Bar[] = []
  for (let y = 0; y < height; y++) {
    const next: Bar[] = []
    for (let x = 0; x < width;) {
      if (!own(y * width + x)) {
        x++
        continue
      }
      const left = x
      while (x < width && own(y * width + x)) x++
      const length = x - left
      if (length < minLength || length > maxLength * width) continue
      const above = open.find((bar) => Math.abs(bar.left - left) <= jitter && Math.abs(bar.right - x) <= jitter)
      if (above) {
        above.bottom = y + 1
        next.push(above)
      } else next.push({ left, right: x, top: y, bottom: y + 1 })
    }
    found.push(...open.filter((bar) => !next.includes(bar)))
    open = next
  }
  return [...found, ...open]
}

/** Whether the rows just above or below mostly have the same colour: then it is a slice of something larger. */
function isPartOfMore(
  own: (at: number) => boolean,
  { left, right, top, bottom }: Bar,
  width: number,
  height: number,
): boolean {
  return [top - 1, bottom].some((y) => {
    if (y < 0 || y >= height) return false
    let same = 0
    for (let x = left; x < right; x++) if (own(y * width + x)) same++
    return same > maxAround * (right - left)
  })
}
