/**
 * @file Finds one prompt for each particle in the maps of a prompt head: a point at its innermost place, and its box.
 *
 * The maps of centre and distance are high in the middle of each particle and low at its boundary, also where two particles
 * touch. A watershed of their mean, inside the foreground, therefore divides the foreground into particles.
 */
import type { Point, Region } from '../image/box'
import type { Size } from '../image/size'
import { watershed } from '../masks/watershed'
import type { PromptMaps } from '../sam/prompt-maps'

/** Side of a cell of the maps, in pixels of the model's input. */
export const CELL = 4

/** A place is foreground if its probability is higher. */
const FOREGROUND = 0.5
/** Where the smoothed height stays lower, a particle is doubtful. */
const MIN_PEAK = 0.3
/** Doubtful regions of fewer cells are noise. */
const MIN_WEAK_CELLS = 4
/** Two peaks stay separate if the height between them is at least this fraction of the lower one below it. */
const MIN_DEPTH = 0.15
/** The precision to which heights are sorted. */
const STEP = 1 / 1024

/** A prompt for one particle, in pixels of the model's input, measured from the top left corner of its first pixel. */
export interface LearnedPrompt {
  /** The innermost place. */
  point: Point
  /** The extent of the particle's region, to a fraction of a cell where it borders on background. */
  box: Region
  /** True if there is foreground, but hardly a centre: to be asked only where the other prompts leave a gap. */
  weak: boolean
}

/** The prompts, and the regions that they were found in. */
export interface LearnedPrompts {
  /** In the reading order of their regions. */
  prompts: LearnedPrompt[]
  /** (side, side): the region of each cell, from 1 in the order of `prompts`; 0 is background. */
  regions: Int32Array
}

/**
 * Finds the prompts of an image, in milliseconds. The same maps always give the same prompts.
 * @param valid the part of the model's input that is image, in its pixels
 * @throws Error if the maps do not fit their side, or hold what is not a number
 */
export function findLearnedPrompts(maps: PromptMaps, valid: Size): LearnedPrompts {
  checkMaps(maps)
  const { side, foreground, distance } = maps
  // cells that are mostly beyond the image have no meaning
  const columns = Math.max(1, Math.round(valid.width / CELL))
  const rows = Math.max(1, Math.round(valid.height / CELL))
  const heights = smoothHeights(maps, columns, rows)
  const { labels, peaks, areas } = watershed(
    heights,
    { width: side, height: side },
    {
      step: STEP,
      separate: (peak, saddle) => peak - saddle >= MIN_DEPTH * peak,
    },
  )
  const number = new Int32Array(peaks.length + 1)
  const sizes: number[] = []
  peaks.forEach((peak, i) => {
    if (peak >= MIN_PEAK || areas[i] >= MIN_WEAK_CELLS) number[i + 1] = sizes.push(areas[i])
  })
  const regions = labels.map((label) => number[label])
  const innermost = new Int32Array(sizes.length).fill(-1)
  const boxes = sizes.map((): Region => ({ left: side, top: side, right: 0, bottom: 0 }))
  for (let y = 0, at = 0; y < rows; y++, at = y * side)
    for (let x = 0; x < columns; x++, at++) {
      const i = regions[at] - 1
      if (i < 0) continue
      if (innermost[i] < 0 || heights[at] > heights[innermost[i]]) innermost[i] = at
      // how far the region extends from the middle of this cell, in cells: to where the foreground, interpolated, falls to its
      // threshold; where another particle touches it, as far as the distance to the boundary says
      const radius = Math.sqrt(sizes[i] / Math.PI)
      const edge = (next: number) =>
        regions[next] || foreground[next] >= FOREGROUND
          ? Math.min(0.5, distance[at] * radius)
          : (foreground[at] - FOREGROUND) / (foreground[at] - foreground[next])
      const box = boxes[i]
      box.left = Math.min(box.left, x > 0 ? x + 0.5 - edge(at - 1) : 0)
      box.top = Math.min(box.top, y > 0 ? y + 0.5 - edge(at - side) : 0)
      box.right = Math.max(box.right, x + 1 < columns ? x + 0.5 + edge(at + 1) : valid.width / CELL)
      box.bottom = Math.max(box.bottom, y + 1 < rows ? y + 0.5 + edge(at + side) : valid.height / CELL)
    }
  const prompts = boxes.map(({ left, top, right, bottom }, i): LearnedPrompt => {
    const x = innermost[i] % side
    const y = (innermost[i] - x) / side
    return {
      weak: heights[innermost[i]] < MIN_PEAK,
      point: [Math.min(CELL * (x + 0.5), valid.width), Math.min(CELL * (y + 0.5), valid.height)],
      box: {
        left: CELL * left,
        top: CELL * top,
        right: Math.min(CELL * right, valid.width),
        bottom: Math.min(CELL * bottom, valid.height),
      },
    }
  })
  return { prompts, regions }
}

/** The mean of centre and distance, smoothed over 3 x 3 cells; 0 outside foreground and image. */
function smoothHeights(
  { side, foreground, centre, distance }: PromptMaps,
  columns: number,
  rows: number,
): Float32Array {
  const line = new Float32Array(side * side)
  const at = (x: number, y: number) => (centre[y * side + x] + distance[y * side + x]) / 2
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      // beyond the image's edge the outermost cells are repeated: a particle that is cut by it is not lower there
      line[y * side + x] = smoothed(at(Math.max(0, x - 1), y), at(x, y), at(Math.min(columns - 1, x + 1), y))
  const heights = new Float32Array(side * side)
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++) {
      const i = y * side + x
      if (!(foreground[i] > FOREGROUND)) continue
      heights[i] = smoothed(line[Math.max(0, y - 1) * side + x], line[i], line[Math.min(rows - 1, y + 1) * side + x])
    }
  return heights
}

/** A mean with the neighbours on either side: little of them, because the smallest particles are 2 cells wide. */
const smoothed = (before: number, own: number, after: number) => (before + 8 * own + after) / 10

function checkMaps({ side, ...maps }: PromptMaps): void {
  for (const [name, map] of Object.entries(maps)) {
    if (map.length !== side * side)
      throw new Error(`the ${name} map of side ${side} holds ${side * side} values, not ${map.length}`)
    if (!map.every((value) => value >= 0 && value <= 1))
      throw new Error(
        `the ${name} map holds what is not a probability: the prompt head, its file or the driver is at fault`,
      )
  }
}
