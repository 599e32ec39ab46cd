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

test('convexity, extent, roundness, elongation and the largest inscribed circle of known shapes', () => {
  const next = randoms(8)
  for (const d of [30, 80, 200]) {
    const middle = d / 2 + 3
    const found = shape(d + 6, disc(middle + next() / 2, middle + next() / 2, d / 2))
    assert.is(found.convexity, 1)
    near(found.extent, Math.PI / 4, 3 / d, `extent ${d}`)
    near(found.roundness, 1, 4 / d, `roundness ${d}`)
    near(found.elongation, 0, 2 / d, `elongation ${d}`)
    near(found.inscribedDiameter!, d, 1.5, `inscribed circle ${d}`)
  }
  const box = shape(140, rectangle(70, 70, 120, 40))
  assert.equal([box.convexity, box.extent, box.inscribedDiameter], [1, 1, 40])
  near(box.roundness, (4 * 4800) / (Math.PI * (120 ** 2 + 40 ** 2)), 1e-9, 'roundness of a rectangle')
  near(box.elongation, 1 - 40 / Math.hypot(120, 40), 1e-9, 'elongation of a rectangle')
  // rotated: the smallest rectangle follows it
  near(shape(160, rectangle(80.2, 79.7, 120, 40, 30)).extent, 1, 0.07, 'extent of a rotated rectangle')
  // a cross of two bars of 30 x 90: its hull is an octagon with four sides of 30 and four of 30 √2
  const cross: Inside = (x, y) =>
    Math.abs(x - 60) <= 45 && Math.abs(y - 60) <= 45 && (Math.abs(x - 60) <= 15 || Math.abs(y - 60) <= 15)
  const found = shape(120, cross)
  near(found.convexity, (4 * 30 + 4 * 30 * Math.SQRT2) / 360, 0.015, 'convexity of a cross')
  near(found.inscribedDiameter!, 30 * Math.SQRT2, 1.5, 'inscribed circle of a cross')
})

test('the worked example of docs/measure.md: an L of a bar of 6 x 2 and one of 2 x 4 pixels, every value by hand', () => {
  const found = shape(12, (x, y) => x > 3 && y > 4 && ((x < 9 && y < 6) || (x < 5 && y < 10)))
  assert.is(found.area, 20)
  near(found.equivalentDiameter, Math.sqrt(80 / Math.PI), 1e-12, 'equivalent diameter')
  near(found.maxFeret, 6 * Math.SQRT2, 1e-12, 'Feret')
  near(found.minFeret, 8 / Math.SQRT2, 1e-12, 'MinFeret')
  assert.equal([found.rectangleLength, found.rectangleWidth, found.extent], [6, 6, 20 / 36])
  near(found.roundness, (4 * 20) / (Math.PI * 72), 1e-12, 'roundness')
  near(found.elongation, 1 - 8 / 12, 1e-12, 'elongation')
  near(found.majorAxis, 4 * Math.sqrt(13 / 3), 1e-9, 'major axis')
  near(found.minorAxis, 4 * Math.sqrt(1.4533333333333334), 1e-9, 'minor axis')
  near(found.orientation!, 45, 1e-9, 'orientation')
  // 26 pixel centres in the hull of the centres, by Pick's theorem: 17 + 16 / 2 + 1
  near(found.solidity, 20 / 26, 1e-12, 'solidity')
})

test('the smallest rectangle of a rotated rectangle has its sides', () => {
  for (const degrees of [15, 30, 45, 70]) {
    const { rectangleLength, rectangleWidth } = shape(160, rectangle(80.2, 79.7, 120, 40, degrees))
    near(rectangleLength, 120, 2, `length at ${degrees}`)
    near(rectangleWidth, 40, 2, `width at ${degrees}`)
  }
})

test('the fractal dimension: 1 for smooth outlines, about that of the Koch curve for a snowflake, none for small particles', () => {
  near(shape(206, disc(103.2, 102.9, 100)).fractalDimension!, 1, 0.02, 'disc')
  near(shape(140, rectangle(70, 70, 120, 60, 20)).fractalDimension!, 1, 0.07, 'rectangle')
  assert.is(shape(26, disc(13, 13, 10)).fractalDimension, null)
  const flake = shape(520, insideOf(snowflake(4, 240), 260))
  near(flake.fractalDimension!, Math.log(4) / Math.log(3), 0.08, 'Koch snowflake')
})

/** The corners of a Koch snowflake around the origin. */
function snowflake(depth: number, radius: number): { x: number; y: number }[] {
  let points = [90, 210, 330].map((degrees) => ({
    x: radius * Math.cos((degrees * Math.PI) / 180),
    y: radius * Math.sin((degrees * Math.PI) / 180),
  }))
  for (let round = 0; round < depth; round++)
    points = points.flatMap((a, i) => {
      const b = points[(i + 1) % points.length]
      const [dx, dy] = [(b.x - a.x) / 3, (b.y - a.y) / 3]
      // the outer side is on the right of the direction of travel
      const tip = { x: a.x + 1.5 * dx + (Math.sqrt(3) / 2) * dy, y: a.y + 1.5 * dy - (Math.sqrt(3) / 2) * dx }
      return [a, { x: a.x + dx, y: a.y + dy }, tip, { x: a.x + 2 * dx, y: a.y + 2 * dy }]
    })
  return points
}

/** Even-odd rule, with the polygon's origin at (middle, middle). */
const insideOf =
  (polygon: readonly { x: number; y: number }[], middle: number): Inside =>
  (px, py) => {
    const [x, y] = [px - middle, py - middle]
    let inside = false
    polygon.forEach((a, i) => {
      const b = polygon[(i + 1) % polygon.length]
      if (a.y > y !== b.y > y && x < a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x)) inside = !inside
    })
    return inside
  }

test.run()
