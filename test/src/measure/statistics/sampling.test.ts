/** @file Mean diameters, percentiles, log-normal fits, numbers needed and uncertainty against known distributions. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { compareGroups } from '../../../../src/measure/statistics/compare-groups'
import { fitLogNormal } from '../../../../src/measure/statistics/log-normal'
import { meanDiametersOf } from '../../../../src/measure/statistics/mean-diameters'
import {
  isoParticlesNeeded,
  neededByInterval,
  particlesNeeded,
  relativeVariance,
} from '../../../../src/measure/statistics/particles-needed'
import { medianUncertainty } from '../../../../src/measure/statistics/uncertainty'
import { grainSizeNumber, unfoldSections } from '../../../../src/measure/statistics/unfolding'
import { percentileRanks } from '../../../../src/statistics/binomial'
import { normalProbability, normalQuantile } from '../../../../src/statistics/normal'
import { describe } from '../../../../src/statistics/weighted'

const near = (value: number, expected: number, tolerance: number, what = '') =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${what} ${value}, expected ${expected} within ${tolerance}`)

const equally = (values: readonly number[]) => ({
  values: Float64Array.from(values).sort(),
  weights: new Float64Array(values.length).fill(1),
})

const logNormal = (rng: Rng, count: number, median: number, gsd: number) =>
  Array.from({ length: count }, () => median * Math.exp(Math.log(gsd) * rng.normal()))

test('the normal distribution against published values', () => {
  near(normalProbability(1.959963984540054), 0.975, 1e-14)
  near(normalProbability(-1), 0.15865525393145705, 1e-15)
  // Abramowitz and Stegun, table 26.2
  near(normalProbability(-5) / 2.866515718791946e-7, 1, 1e-12)
  near(normalProbability(-10) / 7.61985302416059e-24, 1, 1e-12)
  assert.equal([normalProbability(0), normalQuantile(0.5) < 1e-11], [0.5, true])
  near(normalQuantile(0.9), 1.2815515655446004, 1e-10)
  assert.equal([normalQuantile(0), normalQuantile(1), Number.isNaN(normalQuantile(2))], [-Infinity, Infinity, true])
})

test('ranks of exact intervals of percentiles: the tables of order statistics', () => {
  // 95 % for the median: 10 values give ranks 2 and 9, 20 give 6 and 15, 100 give 40 and 61
  assert.equal(percentileRanks(10, 0.5, 0.95), { low: 2, high: 9 })
  assert.equal(percentileRanks(20, 0.5, 0.95), { low: 6, high: 15 })
  assert.equal(percentileRanks(100, 0.5, 0.95), { low: 40, high: 61 })
  // five values bound the median only with 1 - 2 / 32 = 93.75 %
  assert.equal(percentileRanks(5, 0.5, 0.95), { low: 0, high: 6 })
  assert.equal(percentileRanks(5, 0.5, 0.93), { low: 1, high: 5 })
  const many = percentileRanks(1_000_000, 0.9, 0.95)
  near(many.low, 900_000 - 1.96 * 300, 2)
  near(many.high, 900_000 + 1.96 * 300, 2)
})

test('exact intervals hold the percentile as often as they say', () => {
  const rng = new Rng(5)
  const { low, high } = percentileRanks(60, 0.9, 0.9)
  let inside = 0
  const times = 2000
  for (let time = 0; time < times; time++) {
    const values = Array.from({ length: 60 }, () => rng.next()).sort((a, b) => a - b)
    if (values[low - 1] <= 0.9 && 0.9 <= values[high - 1]) inside++
  }
  assert.ok(inside / times >= 0.9 - 0.02, `${inside} of ${times}`)
})

test('mean diameters: two sizes by hand, and the moments of a log-normal distribution', () => {
  const two = meanDiametersOf({ values: Float64Array.of(1, 2), weights: Float64Array.of(3, 1) })!
  near(two['d[1,0]'], 5 / 4, 1e-12)
  near(two['d[2,0]'], Math.sqrt(7 / 4), 1e-12)
  near(two['d[3,0]'], Math.cbrt(11 / 4), 1e-12)
  near(two['d[3,2]'], 11 / 7, 1e-12)
  near(two['d[4,3]'], 19 / 11, 1e-12)
  assert.is(meanDiametersOf(equally([])), null)
  const s2 = Math.log(1.5) ** 2
  const found = meanDiametersOf(equally(logNormal(new Rng(2), 400_000, 80, 1.5)))!
  // D[p,q] = median exp((p + q) s² / 2)
  near(found['d[1,0]'] / (80 * Math.exp(0.5 * s2)), 1, 0.005)
  near(found['d[3,2]'] / (80 * Math.exp(2.5 * s2)), 1, 0.01)
  near(found['d[4,3]'] / (80 * Math.exp(3.5 * s2)), 1, 0.02)
  // sizes of 1e-150 must not underflow
  near(meanDiametersOf(equally([1e-150, 2e-150]))!['d[4,3]'] / 1e-150, 17 / 9, 1e-9)
})

test('the log-normal fit finds median and GSD, and its p-values are uniform if sizes are log-normal', () => {
  const fit = fitLogNormal(equally(logNormal(new Rng(3), 20_000, 250, 1.6)))!
  near(fit.geometricMean, 250, 3)
  near(fit.gsd, 1.6, 0.01)
  assert.ok(fit.largestDifference < 0.012 && fit.pValue > 0.01, `${fit.largestDifference}, ${fit.pValue}`)
  const rng = new Rng(4)
  const p = Array.from({ length: 400 }, () => fitLogNormal(equally(logNormal(rng, 60, 10, 1.4)))!.pValue)
  near(p.filter((one) => one < 0.05).length / p.length, 0.05, 0.035, 'below 5 %')
  near(p.filter((one) => one < 0.5).length / p.length, 0.5, 0.08, 'below 50 %')
  const two = fitLogNormal(equally([...logNormal(rng, 300, 10, 1.1), ...logNormal(rng, 300, 60, 1.1)]))!
  assert.ok(two.pValue < 0.001 && two.largestDifference > 0.15)
  assert.equal([fitLogNormal(equally([1, 2, 3])), fitLogNormal(equally(Array(20).fill(4)))], [null, null])
})

test('numbers needed: the figure of ISO 13322-1, and what simulation shows', () => {
  const wanted = { gsd: 1.6, error: 0.05, level: 0.95 }
  assert.is(isoParticlesNeeded(3, wanted), 6092)
  const rng = new Rng(6)
  const n = 500
  const times = 800
  const found = { d50: [] as number[], d90v: [] as number[], sauter: [] as number[] }
  for (let time = 0; time < times; time++) {
    const of = equally(logNormal(rng, n, 1, 1.3))
    found.d50.push(describe(of)!.figures.d50)
    found.d90v.push(describe({ ...of, weights: of.values.map((value) => value ** 3) })!.figures.d90)
    found.sauter.push(meanDiametersOf(of)!['d[3,2]'])
  }
  const varianceOfLog = (values: number[]) => {
    const logs = values.map(Math.log)
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length
    return logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logs.length
  }
  const same = (values: number[], variance: number, what: string) =>
    near((n * varianceOfLog(values)) / variance, 1, 0.15, what)
  same(found.d50, relativeVariance({ percentile: 0.5, weighting: 'number' }, 1.3), 'D50 by number')
  same(found.d90v, relativeVariance({ percentile: 0.9, weighting: 'volume' }, 1.3), 'D90 by volume')
  same(found.sauter, relativeVariance({ mean: 'd[3,2]' }, 1.3), 'D[3,2]')
  const median = particlesNeeded({ percentile: 0.5, weighting: 'number' }, wanted)
  // pi / 2 times the variance of the mean of the logarithm
  near(median, (Math.PI / 2) * Math.log(1.6) ** 2 * (1.959964 / 0.05) ** 2, 1)
  assert.is(neededByInterval({ value: 100, low: 90, high: 108 }, 200, 0.05), 800)
  assert.is(neededByInterval({ value: 100 }, 200, 0.05), null)
})

test('uncertainty: each source alone has the variance that was put in, and all together their sum', () => {
  const rng = new Rng(7)
  const particles = logNormal(rng, 3000, 100, 1.3).map((size, i) => ({
    ...{ size, diameter: size, number: 1, scale: 2 },
    image: i % 10,
  }))
  const options = { pixelSize: 0.03, border: 0.5, model: 0.02, unit: 'particles' as const, images: 10 }
  const [number] = medianUncertainty(particles, { ...options, draws: 1000, level: 0.95, seed: 1 })
  const of = Object.fromEntries(number.sources.map(({ source, standardDeviation }) => [source, standardDeviation]))
  near(of['pixel size'] / number.value, 0.03, 0.002)
  near(of.model / number.value, 0.02, 0.0015)
  // a diameter changes by twice the shift of the outline: 2 x 0.5 pixels of 2
  near(of.border, 2, 0.12)
  const sampling = Math.sqrt(((Math.PI / 2) * Math.log(1.3) ** 2) / 3000) * number.value
  near(of.sampling / sampling, 1, 0.15)
  near(
    number.sources.reduce((sum, { share }) => sum + share, 0),
    1,
    1e-12,
  )
  const all = Math.hypot(...Object.values(of))
  near((number.total!.high - number.total!.low) / (2 * 1.96 * all), 1, 0.08)
  assert.equal(medianUncertainty([], { ...options, draws: 10, level: 0.95, seed: 1 }), [])
})

test('sections: random cuts of spheres of two sizes are unfolded to these sizes', () => {
  const rng = new Rng(8)
  const sections: number[] = []
  // spheres of 50 and 100, equally many: a plane cuts the larger ones twice as often
  for (const [diameter, count] of [
    [50, 20_000],
    [100, 40_000],
  ])
    for (let i = 0; i < count; i++) sections.push(diameter * Math.sqrt(1 - rng.next() ** 2))
  const found = unfoldSections(equally(sections))!
  near(found.spheres[5], 0.5, 0.04, 'spheres of 50')
  near(found.spheres[11], 0.5, 0.04, 'spheres of 100')
  assert.ok(found.spheres.every((share, i) => i === 5 || i === 11 || share < 0.03))
  near(found.mean, 75, 2)
  near(found.fullmanMean, 75, 2)
  assert.ok(found.negative < 0.03)
  // sections of one diameter alone cannot come from spheres cut at random
  assert.ok(unfoldSections(equally(Array(100).fill(10)))!.negative > 0.3)
  assert.is(unfoldSections(equally([])), null)
  // ASTM E112: 15.5 grains per mm² are number 1 (1 grain per square inch at 100 times)
  near(grainSizeNumber(15.5), 1, 0.005)
})

test('groups: a true difference is found, none is not, and two images are too few', () => {
  const rng = new Rng(9)
  const images = (count: number, median: number) =>
    Array.from({ length: count }, () =>
      logNormal(rng, 80, median * (1 + 0.03 * rng.normal()), 1.4).map((size) => ({
        ...{ size, number: 1, area: size ** 2, volume: size ** 3, image: 0 },
      })),
    )
  const options = { times: 300, level: 0.95, seed: 1 }
  const groups = [
    { name: 'a', images: images(6, 100) },
    { name: 'b', images: images(6, 100) },
    { name: 'c', images: images(6, 130) },
    { name: 'few', images: images(2, 100) },
  ]
  const found = compareGroups(groups, options)
  assert.is(found.length, 6)
  const between = (first: string, second: string) => found.find((one) => one.first === first && one.second === second)!
  assert.ok(between('a', 'b').pValue! > 0.05, `p ${between('a', 'b').pValue}`)
  const { ratio, interval, pValue, largestDifference } = between('a', 'c')
  near(ratio, 1.3, 0.1)
  assert.ok(pValue! < 0.02, `p ${pValue}`)
  assert.ok(
    interval!.low > 1.05 && interval!.low < ratio && interval!.high > ratio && interval!.high < 1.5,
    JSON.stringify(interval),
  )
  assert.ok(largestDifference > 0.2)
  assert.is(between('a', 'few').interval, null)
  // Benjamini and Hochberg: p times the number of tests, divided by the rank, and never above that of a larger p
  const tested = found.filter((one) => one.pValue !== null).sort((x, y) => x.pValue! - y.pValue!)
  assert.ok(tested.length >= 3)
  tested.forEach((one, i) => {
    const expected = Math.min(...tested.slice(i).map((later, k) => (later.pValue! * tested.length) / (i + k + 1)))
    near(one.adjusted!, Math.min(1, expected), 1e-12, `${one.first} ${one.second}`)
    assert.ok(one.adjusted! >= one.pValue!)
  })
  const against = compareGroups(groups, { ...options, reference: 'b' })
  assert.equal(
    against.map(({ first, second }) => first + second),
    ['ba', 'bc', 'bfew'],
  )
  near(against[0].ratio, 1 / between('a', 'b').ratio, 1e-12)
})

test.run()
