/** @file The points that the model is asked about: regular grids. */
import type { Point } from '../image/box'
import type { Size } from '../image/size'
import type { GeneratorOptions } from './generator-options'

/** A grid of n x n points, row by row, each 0 to 1: the middles of n x n equal cells. */
export function gridPoints(n: number): Point[] {
  const first = 1 / (2 * n)
  // as numpy's linspace computes it
  const step = n > 1 ? (1 - first - first) / (n - 1) : 0
  const at = (i: number) => (i > 0 && i === n - 1 ? 1 - first : first + i * step)
  return Array.from({ length: n * n }, (_, i): Point => [at(i % n), at(Math.floor(i / n))])
}

/** The reference's points of a crop, in pixels of it: of its layer's grid, or of the explicit list. */
export function layerPoints(
  options: Pick<GeneratorOptions, 'pointGrids' | 'pointsPerSide' | 'cropNPointsDownscaleFactor'>,
  layer: number,
  { width, height }: Size,
): Point[] {
  const side = Math.floor(options.pointsPerSide / options.cropNPointsDownscaleFactor ** layer)
  const grid = options.pointGrids?.[layer] ?? (side > 0 ? gridPoints(side) : [])
  return grid.map(([x, y]) => [x * width, y * height])
}

/** Those of further grids that no earlier point is the same as, besides the layer's own. */
export function withScales(points: readonly Point[], scales: readonly number[], { width, height }: Size): Point[] {
  const all = [...points]
  // the same place of two grids differs by rounding
  const key = ([x, y]: Point) => `${x.toFixed(3)} ${y.toFixed(3)}`
  const seen = new Set(points.map(key))
  for (const n of scales)
    for (const [x, y] of gridPoints(n)) {
      const point: Point = [x * width, y * height]
      if (seen.has(key(point))) continue
      seen.add(key(point))
      all.push(point)
    }
  return all
}
