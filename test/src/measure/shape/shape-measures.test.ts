/** @file Shape measures of discs, ellipses and rectangles against their exact values; tolerances are the errors of digitisation. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runsOfMask } from '../../../../src/measure/shape/pixel-runs'
import { type ShapeMeasures, measureShape } from '../../../../src/measure/shape/shape-measures'
import { randoms } from '../../../support/random'
import { disc, drawn, ellipse, type Inside, rectangle } from '../../../support/drawn-particles'

const shape = (side: number, inside: Inside): ShapeMeasures => measureShape(runsOfMask(drawn(side, side, inside)))

const near = (value: number, expected: number, tolerance: number, what: string) =>
  assert.ok(Math.abs(value - expected) <= tolerance, `${what}: ${value}, expected ${expected} within ${tolerance}`)

/**
 * The number of grid points in a smooth shape of radius r misses its area by about 0.82 sqrt(r) (root of the mean square over all
 * positions): five times that is allowed.
 */
const areaTolerance = (r: number) => 5 * 0.82 * Math.sqrt(r)

test('discs of many sizes, at any subpixel position', () => {
  const next = randoms(3)
  for (const d of [6, 9, 15, 33, 80, 201])
    for (let i = 0; i < 10; i++) {
      const middle = d / 2 + 3
      const [x, y] = [middle + next() / 2, middle + next() / 2]
      const found = shape(d + 6, disc(x, y, d / 2))
      const area = (Math.PI * d * d) / 4
      const relative = areaTolerance(d / 2) / area
      near(found.area, area, areaTolerance(d / 2), `area ${d}`)
      near(found.equivalentDiameter, d, relative * d, `equivalent diameter ${d}`)
      near(found.majorAxis, d, 2 * relative * d, `major axis ${d}`)
      near(found.minorAxis, d, 2 * relative * d, `minor axis ${d}`)
      near(found.centroid.x, x, 1 / Math.sqrt(d), `x ${d}`)
      near(found.centroid.y, y, 1 / Math.sqrt(d), `y ${d}`)
      // pixel corners extend up to half a diagonal over the border on either side; a column without a pixel centre is lost
      assert.ok(found.maxFeret >= d - 1 && found.maxFeret <= d + Math.SQRT2, `max Feret ${d}: ${found.maxFeret}`)
      assert.ok(found.minFeret >= d - 1 && found.minFeret <= d + Math.SQRT2, `min Feret ${d}: ${found.minFeret}`)
      near(found.perimeter / (Math.PI * d), 1, 0.015 + 0.5 / d, `perimeter ${d}`)
      near(found.circularity, 1, 0.03 + 1.5 / d, `circularity ${d}`)
      assert.is(found.solidity, 1)
      assert.equal([found.parts, found.holeArea], [1, 0])
    }
})

test('the perimeter of discs is unbiased', () => {
  const next = randoms(5)
  for (const d of [20, 60]) {
    let sum = 0
    const times = 60
    for (let i = 0; i < times; i++)
      sum += shape(d + 4, disc(d / 2 + 2 + next() / 2, d / 2 + 2 + next() / 2, d / 2)).perimeter
    near(sum / times / (Math.PI * d), 1, 0.003, `mean perimeter of discs of ${d}`)
  }
})

test('rotated ellipses: axes, orientation, perimeter', () => {
  for (const [a, b] of [
    [90, 30],
    [40, 25],
  ])
    for (let degrees = 0; degrees < 180; degrees += 12.5) {
      const found = shape(200, ellipse(100.3, 99.6, a, b, degrees))
      const relative = areaTolerance(a) / (Math.PI * a * b)
      near(found.area, Math.PI * a * b, areaTolerance(a), 'area')
      near(found.majorAxis, 2 * a, 2 * relative * 2 * a, `major axis at ${degrees}`)
      near(found.minorAxis, 2 * b, 2 * relative * 2 * b, `minor axis at ${degrees}`)
      near(found.aspectRatio, a / b, 4 * relative * (a / b), 'aspect ratio')
      const off = Math.abs(found.orientation! - degrees)
      near(Math.min(off, 180 - off), 0, 1, `orientation ${degrees}`)
      assert.ok(found.maxFeret >= 2 * a - 1 && found.maxFeret <= 2 * a + Math.SQRT2, `max Feret ${found.maxFeret}`)
      assert.ok(found.minFeret >= 2 * b - 1 && found.minFeret <= 2 * b + Math.SQRT2, `min Feret ${found.minFeret}`)
      // Ramanujan's second formula
      const h = ((a - b) / (a + b)) ** 2
      const length = Math.PI * (a + b) * (1 + (3 * h) / (10 + Math.sqrt(4 - 3 * h)))
      near(found.perimeter / length, 1, 0.015, `perimeter at ${degrees}`)
      assert.is(found.solidity, 1)
    }
})

test('rectangles along the pixels are exact', () => {
  for (const [w, h] of [
    [1, 1],
    [2, 1],
    [7, 3],
    [100, 40],
  ]) {
    const found = shape(104, rectangle(2 + w / 2, 2 + h / 2, w, h))
    assert.is(found.area, w * h)
    near(found.maxFeret, Math.hypot(w, h), 1e-9, 'max Feret')
    near(found.minFeret, Math.min(w, h), 1e-9, 'min Feret')
    // the variance of a uniform side is its square divided by 12
    near(found.majorAxis, (4 * w) / Math.sqrt(12), 1e-9, 'major axis')
    near(found.minorAxis, (4 * h) / Math.sqrt(12), 1e-9, 'minor axis')
    near(found.aspectRatio, w / h, 1e-9, 'aspect ratio')
    assert.equal(found.centroid, { x: 2 + w / 2, y: 2 + h / 2 })
    assert.is(found.solidity, 1)
    assert.is(found.orientation, w === h ? null : 0)
  }
})

test('rotated rectangles: Feret diameters and perimeter', () => {
  const [w, h] = [120, 50]
  for (let degrees = 0; degrees < 180; degrees += 7.5) {
    const found = shape(160, rectangle(80.2, 79.7, w, h, degrees))
    // the number of centres inside depends on the slopes of the sides: the error is at most a row along each side
    near(found.area, w * h, w + h, 'area')
    assert.ok(found.minFeret >= h - Math.SQRT2 && found.minFeret <= h + Math.SQRT2, `min Feret ${found.minFeret}`)
    const diagonal = Math.hypot(w, h)
    assert.ok(
      found.maxFeret >= diagonal - 2 * Math.SQRT2 && found.maxFeret <= diagonal + Math.SQRT2,
      `max Feret ${found.maxFeret}`,
    )
    // 98.5 to 101.4 % of a straight side, and half a pixel at each of its ends
    near(found.perimeter, 2 * (w + h), 0.015 * 2 * (w + h) + 4, `perimeter at ${degrees}`)
    const off = Math.abs(found.orientation! - degrees)
    near(Math.min(off, 180 - off), 0, 1, `orientation ${degrees}`)
    assert.is(found.solidity, 1)
  }
})

test('a mask far from the origin measures the same', () => {
  const mask = drawn(40, 40, ellipse(20, 20, 15, 8, 30))
  const here = measureShape(runsOfMask(mask))
  const there = measureShape(runsOfMask({ ...mask, x0: 30_000, y0: 20_000 }))
  near(there.majorAxis, here.majorAxis, 1e-9, 'major axis')
  near(there.orientation!, here.orientation!, 1e-9, 'orientation')
  near(there.centroid.x, here.centroid.x + 30_000, 1e-7, 'x')
  assert.is(there.maxFeret, here.maxFeret)
})

test('rotating a mask by 90 degrees changes only its orientation', () => {
  const mask = drawn(60, 60, (x, y) => ellipse(30, 30, 25, 10, 20)(x, y) && !disc(40, 28, 5)(x, y))
  const turned = drawn(60, 60, (x, y) => mask.data[Math.floor(60 - x) * 60 + Math.floor(y)] === 1)
  const [one, other] = [mask, turned].map((of) => measureShape(runsOfMask(of)))
  for (const key of ['area', 'holeArea', 'parts', 'solidity'] as const) assert.is(one[key], other[key], key)
  for (const key of ['maxFeret', 'minFeret', 'perimeter', 'majorAxis', 'minorAxis', 'circularity'] as const)
    near(one[key], other[key], 1e-9, key)
  near(Math.abs(one.orientation! - other.orientation!), 90, 1e-9, 'orientation')
})

test.run()
