/** @file The points that prompt the model: regular grids. */
import type { Point } from '../image/box'
import type { Size } from '../image/size'
import type { GeneratorOptions } from './generator-options'

/** A grid of n x n points, row by row, with coordinates from 0 to 1: the centres of n x n equal cells. */
export function gridPoints(n: number): Point[] {
  const first = 1 / (2 * n)
  // rounded as numpy's linspace rounds
  const step = n > 1 ? (1 - first - first) / (n - 1) : 0
  const at = (i: number) => (i > 0 && i === n - 1 ? 1 - first : first + i * step)
  return Array.from({ length: n * n }, (_, i): Point => [at(i % n), at(Math.floor(i / n))])
}

/** The reference generator's points for a crop, in pixels of the crop: the grid of its layer, or the explicit list. */
export function layerPoints(
  options: Pick<GeneratorOptions, 'pointGrids' | 'pointsPerSide' | 'cropNPointsDownscaleFactor'>,
  layer: number,
  { width, height }: Size,
): Point[] {
  const side = Math.floor(options.pointsPerSide / options.cropNPointsDownscaleFactor ** layer)
  const grid = options.pointGrids?.[layer] ?? (side > 0 ? gridPoints(side) : [])
  return grid.map(([x, y]) => [x * width, y * height])
}

/**
 * The points and those of further grids, in pixels, without repetitions.
 * @param sides points along each side of each further grid
 */
export function addGrids(points: readonly Point[], sides: readonly number[], { width, height }: Size): Point[] {
  const all = [...points]
  // the same position in two grids may differ by rounding
  const key = ([x, y]: Point) => `${x.toFixed(3)} ${y.toFixed(3)}`
  const seen = new Set(points.map(key))
  for (const n of sides)
    for (const [x, y] of gridPoints(n)) {
      const point: Point = [x * width, y * height]
      if (seen.has(key(point))) continue
      seen.add(key(point))
      all.push(point)
    }
  return all
}
