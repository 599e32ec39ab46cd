/** @file Quantiles, bins, edge weights and intervals against numbers computed by hand. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { binEdges } from '../../../../src/measure/statistics/bins'
import {
  distribution,
  type DistributionOptions,
  type SizedParticle,
} from '../../../../src/measure/statistics/distribution'
import { edgeWeight } from '../../../../src/measure/statistics/edges'
import { intervalOf } from '../../../../src/measure/statistics/bootstrap'
import { describe, effectiveNumber } from '../../../../src/statistics/weighted'
import { randoms } from '../../../support/random'

const of = (values: number[], weights = values.map(() => 1)) => ({
  values: Float64Array.from(values),
  weights: Float64Array.from(weights),
})

const near = (value: number, expected: number, tolerance = 1e-12) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${value}, expected ${expected}`)

const options: DistributionOptions = {
  scale: 'linear',
  curves: true,
  percentiles: [],
  resamples: 200,
  resample: 'auto',
  level: 0.95,
  seed: 1,
}

test('quantiles: if a fraction is equalled exactly, the mean of two values', () => {
  const ten = describe(of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))!.figures
  assert.equal([ten.d10, ten.d50, ten.d90, ten.mean], [1.5, 5.5, 9.5, 5.5])
  near(ten.span, 8 / 5.5)
  near(ten.std, Math.sqrt(8.25))
  const three = describe(of([1, 2, 4]))!.figures
  assert.equal([three.d10, three.d50, three.d90], [1, 2, 4])
  const one = describe(of([7]))!.figures
  assert.equal([one.d10, one.d50, one.d90, one.std, one.span], [7, 7, 7, 0, 0])
})

test('weights: a weight of 3 is three particles, one of 0 is none', () => {
  const weighted = describe(of([1, 2, 3, 5, 8], [3, 1, 0, 2, 4]), [1, 2, 4, 8])!
  const repeated = describe(of([1, 1, 1, 2, 5, 5, 8, 8, 8, 8]), [1, 2, 4, 8])!
  assert.equal(weighted.figures.d50, 5)
  for (const name of ['d10', 'd50', 'd90'] as const) assert.is(weighted.figures[name], repeated.figures[name])
  near(weighted.figures.mean, repeated.figures.mean)
  near(weighted.figures.std, repeated.figures.std)
  assert.equal(weighted.shares, [0, 0.3, 0.4, 1])
  assert.equal(repeated.shares, weighted.shares)
  assert.is(describe(of([1, 2], [0, 0])), null)
  assert.is(describe(of([])), null)
  near(effectiveNumber(Float64Array.of(2, 2, 2)), 3)
  near(effectiveNumber(Float64Array.of(1, 3)), 1.6)
  assert.is(effectiveNumber(Float64Array.of(0, 0)), 0)
})

test('weights that binary fractions cannot represent still equal a fraction exactly', () => {
  const tenth = describe(of([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Array(10).fill(0.1)))!.figures
  assert.equal([tenth.d10, tenth.d50, tenth.d90], [1.5, 5.5, 9.5])
})

test('by number and by volume: two sizes', () => {
  // eight particles of diameter 1 have the same volume as one of diameter 2
  const sizes = [1, 1, 1, 1, 1, 1, 1, 1, 2]
  const particles = sizes.map((size): SizedParticle => ({
    ...{ size, number: 1, area: size ** 2, volume: size ** 3, image: 0 },
  }))
  const found = distribution(particles, [{ area: 100, covered: 30 }], options)
  assert.equal([found.number.figures!.d50.value, found.number.figures!.d90.value], [1, 2])
  assert.is(found.volume.figures!.d50.value, 1.5)
  // by area the eight have two thirds
  assert.equal([found.area.figures!.d50.value, found.area.figures!.d90.value], [1, 2])
  near(found.area.figures!.mean.value, (8 * 1 + 4 * 2) / 12)
  near(found.number.figures!.mean.value, 10 / 9)
  near(found.volume.figures!.mean.value, 1.5)
  near(found.volume.effective, 16 ** 2 / (8 + 64))
  near(found.coverage.value, 0.3)
  near(found.density.value, 0.09)
  assert.is(found.counted, 9)
})

test('bins contain every value, and their fractions sum to one', () => {
  const next = randoms(4)
  const clouds = [
    [5],
    [3, 3, 3],
    Array.from({ length: 500 }, () => 40 + 10 * next()),
    Array.from({ length: 80 }, () => Math.exp(4 * next())),
    [0.001, 1000],
  ]
  for (const cloud of clouds)
    for (const scale of ['linear', 'log'] as const) {
      const sorted = of([...cloud].sort((a, b) => a - b))
      const edges = binEdges(sorted, scale)
      assert.ok(edges[0] <= sorted.values[0] && edges[edges.length - 1] >= sorted.values[cloud.length - 1])
      edges.slice(1).forEach((edge, i) => assert.ok(edge > edges[i]))
      const { shares } = describe(sorted, edges)!
      assert.equal([shares[0], shares[shares.length - 1]], [0, 1])
      edges.forEach((edge, i) => {
        const below = cloud.filter((value) => value < edge).length / cloud.length
        if (i < edges.length - 1) near(shares[i], below)
      })
    }
  assert.equal(binEdges(of([]), 'linear'), [])
  assert.equal(binEdges(of([0, 10]), 'linear', 5), [0, 2, 4, 6, 8, 10, 12])
  assert.equal(binEdges(of([1, 2, 900], [1, 1, 0]), 'linear', 5).at(-1)! < 3, true)
})

test('edge weights by hand', () => {
  const image = { width: 10, height: 8 }
  const box = { width: 3, height: 2 }
  // the box has 6 horizontal and 5 vertical positions in which it touches no edge
  near(edgeWeight('correct', image, box, false), 80 / 30)
  assert.is(edgeWeight('correct', image, box, true), 0)
  assert.equal([edgeWeight('exclude', image, box, false), edgeWeight('exclude', image, box, true)], [1, 0])
  assert.equal([edgeWeight('include', image, box, false), edgeWeight('include', image, box, true)], [1, 1])
  near(edgeWeight('correct', image, { width: 8, height: 6 }, false), 80)
})

test('the correction of Miles and Lantuéjoul recovers the true mean; leaving particles out does not', () => {
  // discs of two sizes at random positions, also beyond the window (a Boolean model, overlaps allowed)
  const [width, height] = [120, 100]
  const sizes = [10, 60]
  const next = randoms(21)
  const uniform = (low: number, high: number) => low + ((next() + 1) / 2) * (high - low)
  const means = { correct: [] as number[], exclude: [] as number[], include: [] as number[] }
  const densities: number[] = []
  const margin = 80
  const each = 12
  for (let round = 0; round < 10_000; round++) {
    const sums = { correct: [0, 0], exclude: [0, 0], include: [0, 0] }
    for (const d of sizes)
      for (let i = 0; i < each; i++) {
        const [x, y] = [uniform(-margin, width + margin), uniform(-margin, height + margin)].map(Math.round)
        const [x0, y0, x1, y1] = [x, y, x + d, y + d]
        if (x1 <= 0 || y1 <= 0 || x0 >= width || y0 >= height) continue
        const touches = x0 <= 0 || y0 <= 0 || x1 >= width || y1 >= height
        for (const rule of ['correct', 'exclude', 'include'] as const) {
          const weight = edgeWeight(rule, { width, height }, { width: d, height: d }, touches)
          sums[rule][0] += weight
          sums[rule][1] += weight * d
        }
      }
    densities.push(sums.correct[0])
    for (const rule of ['correct', 'exclude', 'include'] as const) means[rule].push(sums[rule][0], sums[rule][1])
  }
  const meanOf = (pairs: number[]) => {
    let [count, sum] = [0, 0]
    for (let i = 0; i < pairs.length; i += 2) {
      count += pairs[i]
      sum += pairs[i + 1]
    }
    return sum / count
  }
  // equal numbers of both sizes: the mean is 35
  near(meanOf(means.correct), 35, 1)
  assert.ok(meanOf(means.exclude) < 30, String(meanOf(means.exclude)))
  assert.ok(meanOf(means.include) > 37, String(meanOf(means.include)))
  // the expected number per window: positions are integers from -margin on
  const expected = (2 * each * width * height) / ((width + 2 * margin) * (height + 2 * margin))
  near(densities.reduce((a, b) => a + b, 0) / densities.length / expected, 1, 0.05)
})

test('intervals: seeded, wider for fewer particles, about as wide as theory says', () => {
  const rng = new Rng(5)
  const cloud = (count: number): SizedParticle[] =>
    Array.from({ length: count }, () => ({ size: 100 + 10 * rng.normal(), number: 1, area: 1, volume: 1, image: 0 }))
  const area = [{ area: 1, covered: 0.5 }]
  const [few, many] = [cloud(50), cloud(800)].map((particles) =>
    distribution(particles, area, { ...options, resamples: 600 }),
  )
  const width = ({ number }: typeof few) => number.figures!.mean.high! - number.figures!.mean.low!
  assert.ok(width(few) > 2 * width(many))
  // the mean of 800 has a standard error of 10 / sqrt(800): twice 1.96 of it
  near(width(many) / ((2 * 1.96 * 10) / Math.sqrt(800)), 1, 0.25)
  const { mean, d50 } = many.number.figures!
  assert.ok(mean.low! < mean.value && mean.value < mean.high! && d50.low! <= d50.value && d50.value <= d50.high!)
  // one image says nothing about the coverage of others
  assert.equal([few.resampled, few.coverage], ['particles', { value: 0.5 }])
  const particles = cloud(60)
  const once = distribution(particles, area, options)
  assert.equal(distribution(particles, area, options), once)
  assert.not.equal(distribution(particles, area, { ...options, seed: 2 }), once)
})

test('with five images or more, images are resampled: they vary more than their particles', () => {
  const particles: SizedParticle[] = []
  for (let image = 0; image < 6; image++)
    for (let i = 0; i < 200; i++)
      particles.push({ size: 10 * (image + 1) + (i % 5), number: 1, area: 1, volume: 1, image })
  const areas = Array.from({ length: 6 }, (_, i) => ({ area: 100, covered: 10 * i }))
  const byImages = distribution(particles, areas, options)
  const byParticles = distribution(particles, areas, { ...options, resample: 'particles' })
  assert.equal([byImages.resampled, byParticles.resampled], ['images', 'particles'])
  const width = ({ number }: typeof byImages) => number.figures!.mean.high! - number.figures!.mean.low!
  assert.ok(width(byImages) > 10 * width(byParticles))
  assert.ok(byImages.coverage.low! < 0.25 && byImages.coverage.high! > 0.25)
  assert.is(byParticles.coverage.low, undefined)
  const { curve } = byImages.number
  near(
    curve!.shares.reduce((sum, { value }) => sum + value, 0),
    1,
    1e-9,
  )
  assert.ok(curve!.below.every(({ low, value, high }) => low! <= value + 1e-9 && value <= high! + 1e-9))
})

test('no particles: no statistics, no interval, but a coverage', () => {
  const none = distribution([], [{ area: 10, covered: 0 }], options)
  assert.equal([none.number.figures, none.volume.curve, none.counted, none.resampled], [null, null, 0, null])
  assert.equal([none.coverage, none.density], [{ value: 0 }, { value: 0 }])
  const left = distribution([{ size: 3, number: 0, area: 0, volume: 0, image: 0 }], [{ area: 10, covered: 9 }], options)
  assert.equal([left.number.figures, left.counted], [null, 0])
})

test('intervals exclude the same fraction on either side', () => {
  const values = Array.from({ length: 101 }, (_, i) => 100 - i)
  const { low, high } = intervalOf(values, 0.9)!
  near(low, 5)
  near(high, 95)
  assert.is(intervalOf(values.slice(0, 19), 0.9), null)
  assert.is(intervalOf([...values.slice(0, 19), NaN], 0.9), null)
})

test.run()
