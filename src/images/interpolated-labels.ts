/** @file Recognises label maps whose values were mixed: resized with interpolation, rotated, smoothed, or compressed by JPEG. */
import type { LabelMap } from '../../engine/image/label-map'

/**
 * Shares of the pixels at edges, chosen on the same maps as the figures here: about 1,080 variants of 28 real and synthetic maps. Sound maps,
 * also of particles of few pixels, have at most 0.012 pixels between and 0.001 single ones. Maps that were changed by interpolation
 * have at least 0.1 pixels between, except for two that OpenCV enlarged with INTER_AREA, whose labels stayed sound. Maps of JPEG at its
 * highest quality have 0.027 between and 0.088 single.
 */
const MOST_BETWEEN = 0.05
const SOME_BETWEEN = 0.02
const MOST_SINGLE = 0.03
/** Fewer such pixels than this prove nothing. */
const FEWEST = 20
/** Of maps whose labels have fewer pixels than this on average nothing is known. */
const SMALLEST_MEAN = 4
/** The highest label, if it is this share of the foreground, is that of all particles together. */
const ONE_MASK = 0.3

/** What is wrong with a label map whose values were mixed; '' if they were not. */
export function interpolationProblem(labels: LabelMap): string {
  const { edge, between, single } = edgeCounts(labels)
  const mixed =
    (between >= FEWEST && between > MOST_BETWEEN * edge) ||
    (single >= FEWEST && single > MOST_SINGLE * edge && between > SOME_BETWEEN * edge)
  if (!mixed || isOfSinglePixels(labels)) return ''
  const found =
    `${Math.round((100 * between) / edge)} % of the pixels on the edges of its labels have a value between those of both sides, ` +
    'as interpolation (resizing, rotating, smooth edges) or JPEG leave them, and each such value would be another instance. '
  return (
    found +
    (isOneMask(labels)
      ? 'It looks like one mask of all particles: set every pixel to 0 or 255 by a threshold, and import it with --split-pieces'
      : 'Make it again from the original labels: resize and rotate with the nearest neighbour, and save it without JPEG')
  )
}

/** Pixels at edges of labels: all; those between the values left and right, or above and below; those unlike all eight neighbours. */
function edgeCounts({ width, height, data }: LabelMap): { edge: number; between: number; single: number } {
  let [edge, between, single] = [0, 0, 0]
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++) {
      const at = y * width + x
      const value = data[at]
      const [left, right, up, down] = [data[at - 1], data[at + 1], data[at - width], data[at + width]]
      if (left === value && right === value && up === value && down === value) continue
      edge++
      if (isBetween(left, value, right) || isBetween(up, value, down)) between++
      if (value && left !== value && right !== value && up !== value && down !== value)
        if ([-width - 1, 1 - width, width - 1, width + 1].every((step) => data[at + step] !== value)) single++
    }
  return { edge, between, single }
}

const isBetween = (a: number, value: number, b: number) => (a < value && value < b) || (b < value && value < a)

/** True if the labels have only a few pixels each, as those of a file made for a test. */
function isOfSinglePixels({ data }: LabelMap): boolean {
  const used = new Set(data)
  used.delete(0)
  return data.reduce((sum, value) => sum + (value ? 1 : 0), 0) < SMALLEST_MEAN * used.size
}

/** True if much of the foreground has one value, the highest. */
function isOneMask({ data }: LabelMap): boolean {
  const counts = new Uint32Array(65_536)
  for (const value of data) counts[value]++
  const foreground = data.length - counts[0]
  return counts[counts.findLastIndex((count) => count > 0)] > ONE_MASK * foreground
}
