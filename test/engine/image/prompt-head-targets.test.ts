/** @file The targets of the prompt head: coverage, one peak for each instance, distances that separate those that touch. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LabelMap } from '../../../engine/image/label-map'
import { promptHeadTargets } from '../../../engine/image/prompt-head-targets'
import { labelTargets } from '../../../engine/image/training-targets'
import { Rng } from '../../../engine/rng'

/** A label map on which `label` says what each pixel is. */
function labelMap(width: number, height: number, label: (x: number, y: number) => number): LabelMap {
  return {
    width,
    height,
    data: Uint16Array.from({ length: width * height }, (_, i) => label(i % width, Math.floor(i / width))),
  }
}

const disc = (cx: number, cy: number, r: number) => (x: number, y: number) =>
  (x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2 < r * r

/** Foreground, centre and distance at a cell. */
const at = (targets: Float32Array, side: number, x: number, y: number) => [
  ...targets.subarray(3 * (y * side + x), 3 * (y * side + x) + 3),
]

test('foreground is the covered fraction of each cell, and cells beyond the image have no target', () => {
  const rng = new Rng(5)
  const labels = labelMap(60, 42, () => rng.int(4))
  const [size, side] = [64, 16]
  const targets = promptHeadTargets(labels, size)
  assert.is(targets.length, 3 * side * side)
  const apart = labelTargets(labels, [1, 2, 3], size, side)
  // 42 * 64 / 60 is 44.8, which resizeLongest rounds to 45 pixels: 11 whole cells, and a quarter of the twelfth
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [foreground, centre, distance] = at(targets, side, x, y)
      const plane = side * side
      const sum = [0, 1, 2].reduce((total, i) => total + apart[i * plane + y * side + x], 0)
      if (y >= 11) assert.equal([foreground, centre, distance], [-1, -1, -1], `${x}, ${y}`)
      else {
        assert.ok(Math.abs(foreground - sum) < 1e-5, `${x}, ${y}: ${foreground} for ${sum}`)
        assert.ok(centre >= 0 && centre <= 1 && distance >= 0 && distance <= 1)
      }
    }
})

test('a cell at the image’s edge counts only its part of the image', () => {
  // 63 rows of a 64 square: the last row of cells is covered by 3 of 4 pixels, all of which are particle
  const targets = promptHeadTargets(
    labelMap(64, 63, () => 1),
    64,
  )
  assert.ok(Math.abs(at(targets, 16, 8, 15)[0] - 1) < 1e-6)
  const narrow = promptHeadTargets(
    labelMap(64, 1, () => 7),
    64,
  )
  assert.is(narrow.filter((v) => v < 0).length, 3 * (256 - 16), 'an image of one line has one row of cells')
  assert.ok(narrow.some((v, i) => i % 3 === 1 && v === 1))
})

test('each instance has one peak of 1 at its innermost point, also if it is smaller than a cell', () => {
  const big = disc(71, 61, 40)
  const small: Record<number, [number, number, number, number]> = {
    2: [150, 20, 1, 1],
    3: [161, 41, 2, 1],
    4: [170, 100, 3, 3],
    5: [201, 160, 9, 5],
  }
  const labels = labelMap(256, 256, (x, y) => {
    for (const [id, [x0, y0, w, h]] of Object.entries(small))
      if (x >= x0 && x < x0 + w && y >= y0 && y < y0 + h) return Number(id)
    return big(x, y) ? 1 : 0
  })
  const side = 64
  const targets = promptHeadTargets(labels, 256)
  const peaks: number[][] = []
  for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) if (at(targets, side, x, y)[1] === 1) peaks.push([x, y])
  assert.equal(
    peaks.sort(([a], [b]) => a - b),
    [
      [17, 15],
      [37, 5],
      [40, 10],
      [42, 25],
      [51, 40],
    ],
  )
  // the bump of the disc falls with the distance relative to its radius of 10 cells
  const [, half] = at(targets, side, 17 + 5, 15)
  assert.ok(Math.abs(half - (1 - 0.25) ** 2) < 0.05, `${half}`)
  assert.is(at(targets, side, 17 + 11, 15)[1], 0)
  // and so does the distance, along a straight line
  const [, , middle] = at(targets, side, 17 + 5, 15)
  assert.ok(Math.abs(middle - 0.5) < 0.06, `${middle}`)
  assert.ok(at(targets, side, 17, 15)[2] > 0.95)
  assert.equal(at(targets, side, 17 + 11, 15)[2], 0)
})

test('touching instances are separated by low distances, and two images of one scene at other sizes agree', () => {
  const scene = (scale: number) =>
    labelMap(128 * scale, 128 * scale, (x, y) => {
      if (y < 40 * scale || y >= 80 * scale || x < 20 * scale || x >= 100 * scale) return 0
      return x < 60 * scale ? 1 : 2
    })
  const [targets, large] = [promptHeadTargets(scene(1), 128), promptHeadTargets(scene(4), 128)]
  const side = 32
  const line = Array.from({ length: side }, (_, x) => at(targets, side, x, 15))
  assert.ok(line[10][2] > 0.8 && line[19][2] > 0.8, 'in the middle of each square')
  assert.ok(line[14][2] < 0.2 && line[15][2] < 0.2, 'on both sides of their border')
  assert.ok(line[14][0] === 1 && line[15][0] === 1, 'where the foreground has no gap')
  assert.ok(targets.every((v, i) => Math.abs(v - large[i]) < 0.05))
})

test('the innermost point of a rod is its middle, and that of a ring is within the ring', () => {
  const rod = promptHeadTargets(
    labelMap(200, 40, (x, y) => (x >= 20 && x < 180 && y >= 12 && y < 24 ? 1 : 0)),
    200,
  )
  const peak = (targets: Float32Array) => {
    const cell = targets.findIndex((v, i) => i % 3 === 1 && v === 1)
    return [((cell - 1) / 3) % 50, Math.floor((cell - 1) / 3 / 50)]
  }
  const [x, y] = peak(rod)
  assert.ok(Math.abs(x - 24.5) <= 1 && Math.abs(y - 4) <= 1, `${x}, ${y}`)
  const [outer, inner] = [disc(100, 100, 80), disc(100, 100, 50)]
  const [rx, ry] = peak(
    promptHeadTargets(
      labelMap(200, 200, (px, py) => (outer(px, py) && !inner(px, py) ? 9 : 0)),
      200,
    ),
  )
  const radius = Math.hypot(4 * rx + 2 - 100, 4 * ry + 2 - 100)
  assert.ok(radius > 60 && radius < 70, `${radius} from the ring's middle`)
})

test('a map without instances has targets of 0 only', () => {
  const targets = promptHeadTargets(
    labelMap(32, 32, () => 0),
    32,
  )
  assert.ok(targets.every((v) => v === 0))
})

test.run()
