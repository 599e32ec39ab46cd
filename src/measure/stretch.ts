/**
 * @file Images whose pixels are not square, or that were taken from a tilted stage: rows are repeated or dropped, so that a
 * pixel is a square of the image's width of a pixel and all measures hold.
 */
import type { Size } from '../../engine/image/size'
import type { Image } from '../images/image'
import type { PixelRuns } from './shape/pixel-runs'

/** Height of a pixel divided by its width, as it is on the sample. */
export type Stretch = number

export const stretchedHeight = (height: number, stretch: Stretch): number => Math.max(1, Math.round(height * stretch))

/** The original row at each row of the stretched image: the one whose centre is nearest. */
const sourceRow = (row: number, stretch: Stretch, height: number): number =>
  Math.min(height - 1, Math.floor((row + 0.5) / stretch))

/** The runs of a mask in the stretched image; a mask that falls between two rows keeps one. */
export function stretchRuns(runs: PixelRuns, { height }: Size, stretch: Stretch): PixelRuns {
  const rows = new Map<number, number[]>()
  for (let i = 0; i < runs.length; i += 3) {
    const row = rows.get(runs[i])
    if (row) row.push(runs[i + 1], runs[i + 2])
    else rows.set(runs[i], [runs[i + 1], runs[i + 2]])
  }
  const [first, last] = [runs[0], runs[runs.length - 3]]
  const total = stretchedHeight(height, stretch)
  const result: number[] = []
  for (let row = Math.floor(first * stretch) - 1; row <= Math.ceil((last + 1) * stretch) + 1; row++) {
    if (row < 0 || row >= total) continue
    const columns = rows.get(sourceRow(row, stretch, height)) ?? []
    for (let i = 0; i < columns.length; i += 2) result.push(row, columns[i], columns[i + 1])
  }
  if (!result.length) {
    const row = Math.min(total - 1, Math.floor((first + 0.5) * stretch))
    const columns = rows.get(first)!
    for (let i = 0; i < columns.length; i += 2) result.push(row, columns[i], columns[i + 1])
  }
  return Int32Array.from(result)
}

/** The image with its rows repeated or dropped. */
export function stretchImage(image: Image, stretch: Stretch): Image {
  const { width, height, channels, data } = image
  const rows = stretchedHeight(height, stretch)
  const line = width * channels
  const result = new (data.constructor as new (length: number) => typeof data)(rows * line)
  for (let row = 0; row < rows; row++) {
    const from = sourceRow(row, stretch, height) * line
    result.set(data.subarray(from, from + line), row * line)
  }
  return { ...image, height: rows, data: result }
}
