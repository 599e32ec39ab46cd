/** @file Neighbours of particles: which ones touch, and the nearest by centre. */
import type { Size } from '../../engine/image/size'
import { DisjointSets } from './disjoint-sets'
import { ParticlePairs } from './particle-pairs'
import type { PixelRuns } from './shape/pixel-runs'

/** A map of particles: 0 is background, i + 1 is particle i. */
export interface ParticleMap extends Size {
  data: Int32Array
  /** The number of pixels covered by particles. */
  covered: number
  /** The sum of the particles' areas minus `covered`. */
  shared: number
  /** Pairs of particles that share pixels. */
  overlaps: ParticlePairs
}

/** Draws all particles into one map; where they overlap, the smaller one is on top. */
export function particleMap(
  { width, height }: Size,
  particles: readonly { runs: PixelRuns; area: number }[],
): ParticleMap {
  const data = new Int32Array(width * height)
  const overlaps = new ParticlePairs(particles.length)
  const order = particles.map((_, i) => i).sort((a, b) => particles[b].area - particles[a].area || a - b)
  let [covered, shared] = [0, 0]
  for (const i of order) {
    const { runs } = particles[i]
    for (let r = 0; r < runs.length; r += 3)
      for (let at = runs[r] * width + runs[r + 1], end = runs[r] * width + runs[r + 2]; at < end; at++) {
        const before = data[at]
        if (before) {
          overlaps.add(before - 1, i)
          shared++
        } else covered++
        data[at] = i + 1
      }
  }
  return { width, height, data, covered, shared, overlaps }
}

/**
 * Which of `count` particles touch: with adjacent pixels (8-connected) or shared ones. The number of others that each
 * touches, and the group of particles that are connected in this way, numbered from 1 in the order of its first particle.
 */
export function contacts(
  { width, height, data, overlaps }: ParticleMap,
  count: number,
): { touching: Uint32Array; agglomerates: { id: number; size: number }[] } {
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      const own = data[at]
      if (!own) continue
      const look = (other: number) => {
        if (other && other !== own) overlaps.add(own - 1, other - 1)
      }
      if (x + 1 < width) look(data[at + 1])
      if (y + 1 === height) continue
      look(data[at + width])
      if (x > 0) look(data[at + width - 1])
      if (x + 1 < width) look(data[at + width + 1])
    }
  const sets = new DisjointSets(count)
  overlaps.each((a, b) => sets.unite(a, b))
  const groups = new Map<number, { id: number; size: number }>()
  const agglomerates = Array.from({ length: count }, (_, i) => {
    const root = sets.root(i)
    const group = groups.get(root) ?? { id: groups.size + 1, size: 0 }
    groups.set(root, group)
    group.size++
    return group
  })
  return { touching: overlaps.degrees(), agglomerates }
}

/**
 * For each point the nearest other one and its distance; -1 and Infinity if there is none. Of two at the same distance,
 * the first is chosen.
 */
export function nearestPoints(points: readonly { x: number; y: number }[]): {
  index: Int32Array
  distance: Float64Array
} {
  const index = new Int32Array(points.length).fill(-1)
  const distance = new Float64Array(points.length).fill(Infinity)
  if (points.length < 2) return { index, distance }
  const grid = gridOf(points)
  points.forEach(({ x, y }, i) => {
    const [column, row] = grid.cellOf(x, y)
    // no point in a ring of cells is nearer than the ring's inner side
    for (let ring = 0; ring <= grid.rings && (ring - 1) * grid.side <= distance[i]; ring++)
      grid.eachInRing(column, row, ring, (j) => {
        if (j === i) return
        const far = Math.hypot(points[j].x - x, points[j].y - y)
        if (far < distance[i] || (far === distance[i] && j < index[i])) {
          distance[i] = far
          index[i] = j
        }
      })
  })
  return { index, distance }
}

/** A grid of square cells with two points each on average. */
function gridOf(points: readonly { x: number; y: number }[]) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const { x, y } of points) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  const longest = Math.max(right - left, bottom - top)
  const side = Math.max(
    Math.sqrt((2 * (right - left) * (bottom - top)) / points.length),
    (2 * longest) / points.length,
    1e-9,
  )
  const columns = Math.floor((right - left) / side) + 1
  const rows = Math.floor((bottom - top) / side) + 1
  const cellOf = (x: number, y: number) => [Math.floor((x - left) / side), Math.floor((y - top) / side)] as const
  const cells = new Map<number, number[]>()
  points.forEach(({ x, y }, i) => {
    const [column, row] = cellOf(x, y)
    const key = row * columns + column
    const cell = cells.get(key)
    if (cell) cell.push(i)
    else cells.set(key, [i])
  })
  const eachIn = (column: number, row: number, take: (i: number) => void) => {
    if (column >= 0 && row >= 0 && column < columns && row < rows) cells.get(row * columns + column)?.forEach(take)
  }
  const eachInRing = (column: number, row: number, ring: number, take: (i: number) => void) => {
    for (let y = row - ring; y <= row + ring; y++) {
      const step = y === row - ring || y === row + ring || !ring ? 1 : 2 * ring
      for (let x = column - ring; x <= column + ring; x += step) eachIn(x, y, take)
    }
  }
  return { side, rings: Math.max(columns, rows), cellOf, eachInRing }
}
