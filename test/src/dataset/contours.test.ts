import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { components } from '../../../engine/masks/components'
import type { Mask } from '../../../engine/masks/mask'
import { Rng } from '../../../engine/rng'
import { maskPolygons, type Corner } from '../../../src/dataset/contours'
import { fillPolygon } from '../../../src/dataset/fill-polygon'

const maskOf = (rows: string[], x0 = 0, y0 = 0): Mask => ({
  x0,
  y0,
  width: rows[0].length,
  height: rows.length,
  data: Uint8Array.from(rows.join(''), (c) => (c === '#' ? 1 : 0)),
})

/** All rings filled by the even-odd rule of src/dataset/fill-polygon.ts, one over the other. */
function filled(mask: Mask): Uint8Array {
  const data = new Uint8Array(mask.width * mask.height)
  for (const { outer, holes } of maskPolygons(mask))
    for (const ring of [outer, ...holes]) {
      const polygon = ring.flatMap(([x, y]) => [x - mask.x0, y - mask.y0])
      fillPolygon(polygon, mask.width, mask.height, (y, x, length) => {
        for (let i = x; i < x + length; i++) data[y * mask.width + i] ^= 1
      })
    }
  return data
}

/** Twice the signed area; above 0 where the ring runs clockwise. */
const area2 = (ring: Corner[]) =>
  ring.reduce((sum, [x, y], i) => {
    const [nx, ny] = ring[(i + 1) % ring.length]
    return sum + x * ny - nx * y
  }, 0)

test('a pixel, a block and a ring have the corners one expects', () => {
  assert.equal(maskPolygons(maskOf(['#'], 7, 3)), [
    {
      outer: [
        [8, 3],
        [8, 4],
        [7, 4],
        [7, 3],
      ],
      holes: [],
    },
  ])
  const [ring, ...others] = maskPolygons(maskOf(['###', '#.#', '###'], 10, 20))
  assert.equal(others, [])
  assert.equal(ring.outer.length, 4)
  assert.equal(area2(ring.outer), 18)
  assert.equal(ring.holes.map(area2), [-2])
  assert.equal(maskPolygons(maskOf(['..', '..'])), [])
})

test('pixels that touch in a corner are one part, holes that do are two', () => {
  assert.is(maskPolygons(maskOf(['#.', '.#'])).length, 1)
  const [part, ...others] = maskPolygons(maskOf(['####', '#.##', '##.#', '####']))
  assert.equal(others, [])
  assert.equal(part.holes.map(area2), [-2, -2])
  // a part within another's hole is its own
  const nested = maskPolygons(maskOf(['#####', '#...#', '#.#.#', '#...#', '#####']))
  assert.equal(
    nested.map(({ holes }) => holes.length),
    [1, 0],
  )
})

test('filling gives every random mask back, pixel for pixel, and the areas add up', () => {
  const rng = new Rng(5)
  for (let run = 0; run < 60; run++) {
    const [width, height] = [1 + rng.int(40), 1 + rng.int(40)]
    const share = rng.next()
    const mask: Mask = {
      x0: rng.int(1000),
      y0: rng.int(1000),
      width,
      height,
      data: Uint8Array.from({ length: width * height }, () => (rng.next() < share ? 1 : 0)),
    }
    assert.equal(filled(mask), mask.data)
    const { areas } = components(mask.data, width, height)
    const polygons = maskPolygons(mask)
    assert.equal(
      polygons.map(({ outer, holes }) => [outer, ...holes].reduce((sum, ring) => sum + area2(ring), 0) / 2),
      areas,
    )
    assert.ok(polygons.every(({ outer, holes }) => area2(outer) > 0 && holes.every((hole) => area2(hole) < 0)))
  }
})

test.run()
