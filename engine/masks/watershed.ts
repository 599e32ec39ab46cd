/** @file The watershed transform: floods a plane of heights from its peaks downwards and joins peaks that are not separate. */
import type { Size } from '../image/size'

export interface Parts {
  /** (height, width): the part of each pixel, from 1 in reading order; 0 where the height is 0. */
  labels: Int32Array
  /** For part i + 1: its number of pixels. */
  areas: number[]
  /** For part i + 1: its greatest height. */
  peaks: number[]
}

export interface WatershedOptions {
  /** Heights are sorted in steps of this size; within a step, pixels are flooded in reading order. */
  step: number
  /** True if two basins that meet stay separate: the lower one's peak, and the height at which they meet. */
  separate(peak: number, saddle: number): boolean
}

/**
 * Floods (height, width) heights, 0 outside, from above. When two basins meet, the one with the lower peak becomes part of the
 * other unless `separate` says that both stay. 8-connected. The same heights always give the same parts.
 */
export function watershed(heights: Float32Array, { width, height }: Size, { step, separate }: WatershedOptions): Parts {
  const basin = new Int32Array(width * height) // from 1
  const parent = [0]
  const peak = [Infinity]
  const rootOf = (i: number) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]]
    return i
  }
  const meeting: number[] = []
  for (const at of byDescendingHeight(heights, step)) {
    const x = at % width
    const y = (at - x) / width
    const level = heights[at]
    meeting.length = 0
    let steepest = -1
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        const next = ny * width + nx
        if (!basin[next]) continue
        const root = rootOf(basin[next])
        if (!meeting.includes(root)) meeting.push(root)
        if (steepest < 0 || heights[next] > heights[steepest]) steepest = next
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
    for (const other of others) if (!separate(peak[other], level)) parent[other] = highest
  }
  return numberParts(basin, rootOf, peak)
}

/** The indices of the pixels above 0 by descending height; pixels of equal height in reading order. */
function byDescendingHeight(heights: Float32Array, step: number): Int32Array {
  const stepOf = (at: number) => Math.round(heights[at] / step)
  let [top, inside] = [0, 0]
  for (let at = 0; at < heights.length; at++) {
    if (!heights[at]) continue
    inside++
    top = Math.max(top, stepOf(at))
  }
  // a counting sort
  const next = new Int32Array(top + 2)
  for (let at = 0; at < heights.length; at++) if (heights[at]) next[top - stepOf(at) + 1]++
  for (let i = 1; i < next.length; i++) next[i] += next[i - 1]
  const order = new Int32Array(inside)
  for (let at = 0; at < heights.length; at++) if (heights[at]) order[next[top - stepOf(at)]++] = at
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
