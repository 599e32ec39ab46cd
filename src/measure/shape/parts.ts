/** @file Connected parts and holes of a mask, computed from its runs. */
import { DisjointSets } from '../disjoint-sets'
import { areaOf, type PixelRuns } from './pixel-runs'

/** The number of 8-connected parts. */
export function countParts(runs: PixelRuns): number {
  const count = runs.length / 3
  const sets = new DisjointSets(count)
  for (let i = 0, j = 0; i < count; i++) {
    const [y, x0, x1] = [runs[3 * i], runs[3 * i + 1], runs[3 * i + 2]]
    // j: the first run of the row above that may touch this one; the last may touch the next run too
    while (j < i && (runs[3 * j] < y - 1 || (runs[3 * j] === y - 1 && runs[3 * j + 2] < x0))) j++
    for (let k = j; k < i && runs[3 * k] === y - 1 && runs[3 * k + 1] <= x1; k++) sets.unite(k, i)
  }
  let parts = 0
  for (let i = 0; i < count; i++) if (sets.root(i) === i) parts++
  return parts
}

/** The runs with holes filled, and the holes' area in pixels. A hole is background not 4-connected to the outside. */
export function fillHoles(runs: PixelRuns): { filled: PixelRuns; holes: number } {
  // gaps between two runs of a row; without such a gap there is no hole
  const gaps: number[] = []
  for (let i = 3; i < runs.length; i += 3) if (runs[i] === runs[i - 3]) gaps.push(runs[i], runs[i - 1], runs[i + 1])
  if (!gaps.length) return { filled: runs, holes: 0 }

  const count = gaps.length / 3
  const outside = 0
  const sets = new DisjointSets(count + 1)
  const rows = rowEnds(runs)
  let above = 0 // the first gap of the row above that may touch this one
  for (let g = 0; g < count; g++) {
    const [y, x0, x1] = [gaps[3 * g], gaps[3 * g + 1], gaps[3 * g + 2]]
    for (const next of [rows.get(y - 1), rows.get(y + 1)])
      if (!next || x0 < next[0] || x1 > next[1]) sets.unite(g + 1, outside)
    while (above < g && (gaps[3 * above] < y - 1 || (gaps[3 * above] === y - 1 && gaps[3 * above + 2] <= x0))) above++
    for (let k = above; k < g && gaps[3 * k] === y - 1 && gaps[3 * k + 1] < x1; k++) sets.unite(g + 1, k + 1)
  }
  const filled: number[] = []
  let gap = 0
  for (let i = 0; i < runs.length; i += 3) {
    const joined = i > 0 && runs[i] === runs[i - 3] && sets.root(++gap) !== outside
    if (joined) filled[filled.length - 1] = runs[i + 2]
    else filled.push(runs[i], runs[i + 1], runs[i + 2])
  }
  const result = Int32Array.from(filled)
  return { filled: result, holes: areaOf(result) - areaOf(runs) }
}

/** For each row with runs: its first column, and one past its last. */
function rowEnds(runs: PixelRuns): Map<number, [number, number]> {
  const rows = new Map<number, [number, number]>()
  for (let i = 0; i < runs.length; i += 3) {
    const row = rows.get(runs[i])
    if (row) row[1] = runs[i + 2]
    else rows.set(runs[i], [runs[i + 1], runs[i + 2]])
  }
  return rows
}
