/** @file A watershed on the distance to the background: splits a mask of touching particles at its necks. */
import { squaredDistance } from '../../engine/masks/distance-transform'
import type { Size } from '../../engine/image/size'

/** Two peaks stay separate if the saddle between them is at least this much below the lower one: pixels, fraction of it. */
const MIN_DEPTH = 1
const MIN_FRACTION = 0.25

/** Quantisation of distances for sorting: steps per pixel. */
const STEPS = 8

export interface Parts {
  /** (height, width): the part of each pixel, from 1; 0 outside the mask. */
  labels: Int32Array
  /** For part i + 1: its area in pixels, and the distance of its innermost pixel from the nearest pixel outside the mask. */
  areas: number[]
  peaks: number[]
}

/**
 * Floods the distance map of a (height, width) mask from its peaks downwards. When two basins meet, the one with the lower peak
 * is merged into the other unless the distance at the saddle is lower than that peak by at least a pixel and at least a quarter
 * of the peak. So a neck separates two particles if it is narrower than three quarters of the smaller one. 8-connected.
 */
export function watershed(mask: ArrayLike<number>, { width, height }: Size): Parts {
  const distance = Float32Array.from(squaredDistance(mask, width, height), Math.sqrt)
  const basin = new Int32Array(width * height) // from 1
  const parent = [0]
  const peak = [Infinity]
  const rootOf = (i: number) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]]
    return i
  }
  const meeting: number[] = []
  for (const at of byDescendingDistance(distance)) {
    const x = at % width
    const y = (at - x) / width
    const level = distance[at]
    meeting.length = 0
    let steepest = -1
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        const next = ny * width + nx
        if (!basin[next]) continue
        const root = rootOf(basin[next])
        if (!meeting.includes(root)) meeting.push(root)
        if (steepest < 0 || distance[next] > distance[steepest]) steepest = next
      }
    if (!meeting.length) {
      basin[at] = parent.length
      parent.push(parent.length)
      peak.push(level)
      continue
    }
    basin[at] = basin[steepest]
    meeting.sort((a, b) => peak[b] - peak[a] || a - b)
    const [highest, ...others] = meeting
    for (const other of others)
      if (peak[other] - level < Math.max(MIN_DEPTH, MIN_FRACTION * peak[other])) parent[other] = highest
  }
  return numberParts(basin, rootOf, peak)
}

/** The indices of the mask's pixels by descending distance; pixels of equal distance in reading order. */
function byDescendingDistance(distance: Float32Array): Int32Array {
  const stepOf = (at: number) => Math.round(STEPS * distance[at])
  let [top, inside] = [0, 0]
  for (let at = 0; at < distance.length; at++) {
    if (!distance[at]) continue
    inside++
    top = Math.max(top, stepOf(at))
  }
  // a counting sort
  const next = new Int32Array(top + 2)
  for (let at = 0; at < distance.length; at++) if (distance[at]) next[top - stepOf(at) + 1]++
  for (let i = 1; i < next.length; i++) next[i] += next[i - 1]
  const order = new Int32Array(inside)
  for (let at = 0; at < distance.length; at++) if (distance[at]) order[next[top - stepOf(at)]++] = at
  return order
}

/** Numbers the remaining basins in reading order, with their areas and peaks. */
function numberParts(basin: Int32Array, rootOf: (i: number) => number, peak: readonly number[]): Parts {
  const number = new Map<number, number>()
  const [areas, peaks]: number[][] = [[], []]
  const labels = basin.map((of) => {
    if (!of) return 0
    const root = rootOf(of)
    let id = number.get(root)
    if (id === undefined) {
      number.set(root, (id = areas.push(0)))
      peaks.push(peak[root])
    }
    areas[id - 1]++
    return id
  })
  return { labels, areas, peaks }
}
