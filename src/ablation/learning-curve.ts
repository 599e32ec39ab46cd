/** @file A learning curve: the error against the number of training images, error = a · images^−b + c, and what more would give. */
import { Rng } from '../../engine/rng'
import { type Interval, percentileInterval } from '../evaluation/bootstrap'
import { mean } from '../../engine/masks/pixel-counts'

/** The errors measured with one number of training images: one for each seed. */
export interface CurvePoint {
  images: number
  errors: number[]
}

/** a from 0, b within EXPONENTS, c from 0: what no number of images removes. */
export interface Curve {
  a: number
  b: number
  c: number
}

/** Fewer numbers of images than this do not determine a curve of three parameters. */
export const MIN_POINTS = 3

/** Bounds of the exponent. Learning curves have exponents well inside; a steeper or flatter one is noise. */
const EXPONENTS = { low: 0.1, high: 2 }
const RESAMPLES = 1000

export const errorAt = ({ a, b, c }: Curve, images: number): number => a * images ** -b + c

/**
 * The curve with the smallest sum of squared differences from the mean errors, weighted by the number of seeds. For each
 * exponent the best a and c are linear and known, so that only the exponent is searched.
 * @throws Error if there are fewer than MIN_POINTS different numbers of images, or a number is not finite
 */
export function fitCurve(points: readonly CurvePoint[]): Curve {
  if (new Set(points.map(({ images }) => images)).size < MIN_POINTS)
    throw new Error(`a learning curve needs ${MIN_POINTS} numbers of images`)
  for (const { images, errors } of points)
    if (!(images >= 1) || !errors.length || !errors.every(Number.isFinite))
      throw new Error('a learning curve needs numbers of images from 1, and finite errors')
  const data = points.map(({ images, errors }) => ({ images, error: mean(errors), weight: errors.length }))
  const at = (logB: number) => fitAt(data, Math.exp(logB))
  const [low, high] = [Math.log(EXPONENTS.low), Math.log(EXPONENTS.high)]
  const steps = 60
  const grid = Array.from({ length: steps + 1 }, (_, i) => low + (i * (high - low)) / steps)
  // of exponents that fit as well the lowest index wins, so that the result does not depend on rounding of a flat curve
  const best = grid.reduce((found, x) => (at(x).loss < at(found).loss ? x : found), grid[0])
  const width = (high - low) / steps
  let [left, right] = [Math.max(low, best - width), Math.min(high, best + width)]
  for (let i = 0; i < 80; i++) {
    const [p, q] = [left + (right - left) / 3, right - (right - left) / 3]
    if (at(p).loss <= at(q).loss) right = q
    else left = p
  }
  return at((left + right) / 2).curve
}

function fitAt(data: readonly { images: number; error: number; weight: number }[], b: number) {
  const rows = data.map(({ images, error, weight }) => ({ x: images ** -b, y: error, weight }))
  const sum = (of: (row: (typeof rows)[number]) => number) =>
    rows.reduce((total, row) => total + row.weight * of(row), 0)
  const [n, x, y] = [sum(() => 1), sum((row) => row.x), sum((row) => row.y)]
  const varied = sum((row) => (row.x - x / n) ** 2)
  let a = sum((row) => (row.x - x / n) * (row.y - y / n)) / varied
  let c = (y - a * x) / n
  // the bounds: an error that does not fall with the images is constant, and none is below 0
  if (!(a > 0)) [a, c] = [0, y / n]
  else if (c < 0) [a, c] = [sum((row) => row.x * row.y) / sum((row) => row.x ** 2), 0]
  const curve: Curve = { a, b, c }
  return { curve, loss: sum((row) => (row.y - a * row.x - c) ** 2) }
}

/**
 * The standard deviation between seeds at the same number of images, pooled over all numbers; null if each has one seed.
 */
export function noiseOf(points: readonly CurvePoint[]): number | null {
  const squares = points.flatMap(({ errors }) => errors.map((error) => (error - mean(errors)) ** 2))
  const freedom = points.reduce((sum, { errors }) => sum + errors.length - 1, 0)
  return freedom ? Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / freedom) : null
}

export type Verdict = 'worth it' | 'uncertain' | 'not worth it' | 'noise unknown'

export interface Prospect {
  /** The number of images. */
  images: number
  error: number
  /** What the error is less than with the images that there are: the gain of more. */
  gain: number
  /** From resampled seeds; null with one seed for each number of images. */
  intervals: { error: Interval | null; gain: Interval | null }
  verdict: Verdict
}

export interface LearningCurve {
  points: CurvePoint[]
  curve: Curve
  noise: number | null
  /** The largest number of images that was measured: what there is. */
  most: number
  /** The curve's error there. */
  now: number
  prospects: Prospect[]
}

/**
 * Fits a curve and says what more images would give. Intervals are percentiles over resamples of the seeds at each number of
 * images. A gain below the deviation between seeds could not be distinguished from another seed of the same training.
 * @param targets numbers of images
 * @throws Error as fitCurve
 */
export function learningCurve(points: readonly CurvePoint[], targets: readonly number[], seed = 0): LearningCurve {
  const sorted = [...points].sort((x, y) => x.images - y.images)
  const curve = fitCurve(sorted)
  const noise = noiseOf(sorted)
  const { images: most } = sorted[sorted.length - 1]
  const now = errorAt(curve, most)
  const resampled = noise === null ? [] : resampledCurves(sorted, seed)
  const prospects = targets.map((images): Prospect => {
    const error = errorAt(curve, images)
    const gain = now - error
    const interval = (of: (one: Curve) => number) => percentileInterval(Float64Array.from(resampled, of))
    const intervals = {
      error: interval((one) => errorAt(one, images)),
      gain: interval((one) => errorAt(one, most) - errorAt(one, images)),
    }
    return { images, error, gain, intervals, verdict: verdictOf(gain, intervals.gain, noise) }
  })
  return { points: sorted, curve, noise, most, now, prospects }
}

function verdictOf(gain: number, interval: Interval | null, noise: number | null): Verdict {
  if (noise === null) return 'noise unknown'
  if (gain <= noise) return 'not worth it'
  return interval && interval[0] > noise ? 'worth it' : 'uncertain'
}

function resampledCurves(points: readonly CurvePoint[], seed: number): Curve[] {
  const rng = new Rng(seed, 0x1ea4)
  return Array.from({ length: RESAMPLES }, () =>
    fitCurve(
      points.map(({ images, errors }) => ({ images, errors: errors.map(() => errors[rng.int(errors.length)]) })),
    ),
  )
}
