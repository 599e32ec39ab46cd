/** @file The columns of the list of masks: as wide as their largest numbers, the least important ones hidden first. */

/** Width of a digit in CSS pixels at the list's size of text, rounded up. */
const digit = 7.6
/** Of one column with a measure from 0 to 1, and of the column with the colour. */
const [measureWidth, swatchWidth] = [42, 18]
/** Between columns; style.css has the same. */
const gap = 8
/** Padding of a line, and the list's scroll bar. */
const around = 12 + 16

/** Columns in the order in which they are kept. */
const optional = ['iou', 'stability'] as const
export type OptionalColumn = (typeof optional)[number]

export interface ColumnLayout {
  /** CSS grid-template-columns. */
  template: string
  shown: readonly OptionalColumn[]
}

/**
 * @param width of the list in CSS pixels
 * @param number characters of the longest mask number
 * @param size characters of the longest size
 */
export function layoutColumns(width: number, number: number, size: number): ColumnLayout {
  // headings need room too: "#" with an arrow, "Area" with an arrow
  const numberWidth = Math.ceil(Math.max(3, number) * digit)
  const sizeWidth = Math.ceil(Math.max(6, size) * digit)
  const fixed = swatchWidth + numberWidth + sizeWidth + 2 * gap + around
  const fitting = Math.floor((width - fixed) / (measureWidth + gap))
  const shown = optional.slice(0, Math.max(0, Math.min(optional.length, fitting)))
  const measures = shown.map(() => ` ${measureWidth}px`).join('')
  return { template: `${swatchWidth}px ${numberWidth}px minmax(${sizeWidth}px, 1fr)${measures}`, shown }
}
