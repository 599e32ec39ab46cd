/** @file Runs, parts, holes, hulls and border crossings, compared with counting every pixel. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { components } from '../../../../engine/masks/components'
import type { Mask } from '../../../../engine/masks/mask'
import { centreHull, centresInside, cornerHull, feretDiameters } from '../../../../src/measure/shape/hull'
import { countParts, fillHoles } from '../../../../src/measure/shape/parts'
import { perimeterOf } from '../../../../src/measure/shape/perimeter'
import { areaOf, boundsOf, type PixelRuns, runsOfLabels, runsOfMask } from '../../../../src/measure/shape/pixel-runs'
import { randoms } from '../../../support/random'
import { runsOf } from '../../../support/drawn-particles'

/** Random masks from sparse to full, some in several parts with holes. */
function* randomMasks(): Generator<Mask> {
  const next = randoms(11)
  for (let i = 0; i < 120; i++) {
    const [width, height] = [1 + (i % 9), 1 + ((i * 7) % 8)]
    const threshold = next()
    const data = Uint8Array.from({ length: width * height }, () => +(next() < threshold))
    if (data.includes(1)) yield { x0: i % 5, y0: i % 3, width, height, data }
  }
}

const pixelsOf = (runs: PixelRuns): [number, number][] => {
  const pixels: [number, number][] = []
  for (let i = 0; i < runs.length; i += 3) for (let x = runs[i + 1]; x < runs[i + 2]; x++) pixels.push([x, runs[i]])
  return pixels
}

test('runs hold the pixels, by label and by mask', () => {
  const data = Uint16Array.of(1, 1, 0, 7, 1, 7, 7, 7, 0, 65535, 1, 1)
  const found = runsOfLabels({ width: 4, height: 3, data })
  assert.equal(
    found.map(({ id, runs }) => [id, [...runs]]),
    [
      [1, [0, 0, 2, 1, 0, 1, 2, 2, 4]],
      [7, [0, 3, 4, 1, 1, 4]],
      [65535, [2, 1, 2]],
    ],
  )
  for (const mask of randomMasks()) {
    const runs = runsOfMask(mask)
    const expected: [number, number][] = []
    mask.data.forEach((inside, i) => {
      if (inside) expected.push([mask.x0 + (i % mask.width), mask.y0 + Math.floor(i / mask.width)])
    })
    assert.equal(pixelsOf(runs), expected)
    assert.is(areaOf(runs), expected.length)
    const [xs, ys] = [expected.map(([x]) => x), expected.map(([, y]) => y)]
    assert.equal(boundsOf(runs), {
      left: Math.min(...xs),
      top: Math.min(...ys),
      right: Math.max(...xs) + 1,
      bottom: Math.max(...ys) + 1,
    })
  }
})

test('parts are 8-connected; holes are background not 4-connected to the outside', () => {
  for (const mask of randomMasks()) {
    const runs = runsOfMask(mask)
    assert.is(countParts(runs), components(mask.data, mask.width, mask.height).areas.length)
    assert.is(fillHoles(runs).holes, holesByFlood(mask))
    assert.is(areaOf(fillHoles(runs).filled), areaOf(runs) + holesByFlood(mask))
  }
})

function holesByFlood({ width, height, data }: Mask): number {
  const [w, h] = [width + 2, height + 2]
  const free = Uint8Array.from({ length: w * h }, (_, i) => {
    const [x, y] = [(i % w) - 1, Math.floor(i / w) - 1]
    return +!(x >= 0 && y >= 0 && x < width && y < height && data[y * width + x])
  })
  const stack = [0]
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    if (!free[at]) continue
    free[at] = 0
    const x = at % w
    if (x) stack.push(at - 1)
    if (x < w - 1) stack.push(at + 1)
    if (at >= w) stack.push(at - w)
    if (at + w < w * h) stack.push(at + w)
  }
  return free.reduce((sum, value) => sum + value, 0)
}

test('a ring in a ring: two parts, and the holes of both', () => {
  const runs = runsOf('#######', '#.....#', '#.###.#', '#.#.#.#', '#.###.#', '#.....#', '#######')
  assert.is(countParts(runs), 2)
  const { filled, holes } = fillHoles(runs)
  assert.is(holes, 17)
  assert.equal(
    [...filled],
    [0, 1, 2, 3, 4, 5, 6].flatMap((y) => [y, 0, 7]),
  )
  // a hole with a diagonal opening is closed: background is 4-connected
  assert.is(fillHoles(runsOf('.##.', '#..#', '#..#', '.##.')).holes, 4)
  assert.is(fillHoles(runsOf('###', '#.#', '#.#')).holes, 0)
})

test('Feret diameters of pixel corners, by trying all directions', () => {
  for (const mask of randomMasks()) {
    const runs = runsOfMask(mask)
    const corners = pixelsOf(runs).flatMap(([x, y]) => [
      [x, y],
      [x + 1, y],
      [x, y + 1],
      [x + 1, y + 1],
    ])
    let [max, min] = [0, Infinity]
    for (const [ax, ay] of corners)
      for (const [bx, by] of corners) {
        const length = Math.hypot(bx - ax, by - ay)
        max = Math.max(max, length)
        if (!length) continue
        // the narrowest strip is parallel to a line through two corners
        const across = corners.map(([x, y]) => ((bx - ax) * y - (by - ay) * x) / length)
        min = Math.min(min, Math.max(...across) - Math.min(...across))
      }
    const feret = feretDiameters(cornerHull(runs))
    assert.ok(Math.abs(feret.max - max) < 1e-9, `${feret.max} ${max}`)
    assert.ok(Math.abs(feret.min - min) < 1e-9, `${feret.min} ${min}`)
  }
})

test('centres in the hull, by trying all triangles', () => {
  for (const mask of randomMasks()) {
    const runs = runsOfMask(mask)
    const points = pixelsOf(runs)
    if (points.length > 9) continue
    const side = (a: number[], b: number[], p: number[]) =>
      (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
    const between = (a: number[], b: number[], p: number[]) =>
      side(a, b, p) === 0 && (p[0] - a[0]) * (p[0] - b[0]) <= 0 && (p[1] - a[1]) * (p[1] - b[1]) <= 0
    const inside = (p: number[]) =>
      points.some((a) =>
        points.some((b) => {
          if (between(a, b, p)) return true
          return points.some((c) => {
            const [u, v, w] = [side(a, b, p), side(b, c, p), side(c, a, p)]
            return side(a, b, c) !== 0 && ((u >= 0 && v >= 0 && w >= 0) || (u <= 0 && v <= 0 && w <= 0))
          })
        }),
      )
    let count = 0
    const { left, top, right, bottom } = boundsOf(runs)
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) if (inside([x, y])) count++
    assert.is(centresInside(centreHull(runs)), count)
  }
})

test('solidity separates convex from concave shapes', () => {
  const solid = (...rows: string[]) => {
    const runs = runsOf(...rows)
    return areaOf(runs) / centresInside(centreHull(runs))
  }
  assert.is(solid('#'), 1)
  assert.is(solid('#####'), 1)
  assert.is(solid('#', '.#', '..#'), 1)
  assert.is(solid('#.#'), 2 / 3)
  assert.is(solid('###', '#..', '###'), 7 / 9)
})

test('the perimeter as crossings counted on every lattice line', () => {
  const offsets = [
    [1, 0],
    [2, 1],
    [1, 1],
    [1, 2],
    [0, 1],
    [-1, 2],
    [-1, 1],
    [-2, 1],
  ]
  const atanHalf = Math.atan(0.5)
  // the range of angles of each kind of direction: half way to its neighbours on both sides
  const weights: Record<number, number> = { 1: atanHalf, 5: Math.PI / 8, 2: (Math.atan(2) - atanHalf) / 2 }
  for (const mask of randomMasks()) {
    const runs = runsOfMask(mask)
    const pixels = new Set(pixelsOf(runs).map(([x, y]) => `${x} ${y}`))
    let length = 0
    for (const [dx, dy] of offsets) {
      let crossings = 0
      for (const [x, y] of pixelsOf(runs))
        for (const sign of [1, -1]) if (!pixels.has(`${x + sign * dx} ${y + sign * dy}`)) crossings++
      const square = dx * dx + dy * dy
      length += (weights[square] * crossings) / Math.sqrt(square) / 2
    }
    assert.ok(Math.abs(perimeterOf(runs) - length) < 1e-9)
  }
})

test.run()
