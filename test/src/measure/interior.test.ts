/** @file Pores and cracks inside particles: drawn ones are found with their areas, and shading and noise are not taken for them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import type { Image } from '../../../src/images/image'
import { interiorOf } from '../../../src/measure/interior'
import type { PixelRuns } from '../../../src/measure/shape/pixel-runs'

const SIDE = 120

/** A disc of radius 50 in the middle. */
function disc(): PixelRuns {
  const runs: number[] = []
  for (let y = 10; y < 110; y++) {
    const half = Math.sqrt(50 ** 2 - (y + 0.5 - 60) ** 2)
    runs.push(y, Math.ceil(60 - half - 0.5), Math.floor(60 + half + 0.5))
  }
  return Int32Array.from(runs)
}

/** Gray values by a function of the place, with noise of a standard deviation of 3. */
function image(at: (x: number, y: number) => number, channels = 1): Image {
  const rng = new Rng(7)
  const data = new Uint8Array(SIDE * SIDE * channels)
  for (let i = 0; i < SIDE * SIDE; i++)
    data.fill(at((i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5) + 3 * rng.normal(), i * channels, (i + 1) * channels)
  return { width: SIDE, height: SIDE, channels, data } as Image
}

const radius = (x: number, y: number) => Math.hypot(x - 60, y - 60)

test('a flat particle, and one that is shaded from side to side or darkens towards its rim: nothing inside', () => {
  for (const shade of [
    () => 150,
    (x: number) => 60 + x,
    (x: number, y: number) => 200 - 0.03 * radius(x, y) ** 2,
    (x: number, y: number) => 100 + 0.03 * radius(x, y) ** 2,
  ]) {
    const { area, pores, cracks, crackLength } = interiorOf(disc(), image(shade))!
    assert.equal([pores, cracks, crackLength], [0, 0, 0])
    // 50 less the eighth of the width, 12.5 rounded up
    assert.ok(Math.abs(area / (Math.PI * 37 ** 2) - 1) < 0.06, String(area))
  }
})

test('a dark line is a crack of its length and area, a dark spot a pore', () => {
  const line = (x: number, y: number) => Math.abs(y - 50.5) < 1.5 && Math.abs(x - 60) < 15
  const spot = (x: number, y: number) => Math.hypot(x - 60, y - 72) < 4
  for (const channels of [1, 3]) {
    const found = interiorOf(
      disc(),
      image((x, y) => (line(x, y) || spot(x, y) ? 70 : 150), channels),
    )!
    assert.ok(Math.abs(found.cracks - 90) <= 3, `${found.cracks} pixels of cracks`)
    assert.ok(Math.abs(found.crackLength - Math.hypot(30, 3)) < 1.5, `${found.crackLength} long`)
    assert.ok(Math.abs(found.pores - Math.PI * 16) <= 4, `${found.pores} pixels of pores`)
  }
})

test('noise that neighbours share, as in an image that was enlarged, is no crack', () => {
  const rng = new Rng(3)
  const grain = Float64Array.from({ length: 40 * 40 }, () => 12 * rng.normal())
  // each value of the noise covers 3 x 3 pixels: second differences see little of it
  const at = (x: number, y: number) => 150 + grain[Math.floor(y / 3) * 40 + Math.floor(x / 3)]
  const { pores, cracks } = interiorOf(disc(), image(at))!
  assert.equal([pores, cracks], [0, 0])
})

test('what is not said: narrow particles, scattered masks, a crack in the noise', () => {
  assert.is(
    interiorOf(
      Int32Array.of(3, 4, 60, 4, 4, 60),
      image(() => 150),
    ),
    null,
  )
  const scattered = Int32Array.from(Array.from({ length: 40 }, (_, i) => [3 * i, 2 * i, 2 * i + 1]).flat())
  assert.is(
    interiorOf(
      scattered,
      image(() => 150),
    ),
    null,
  )
  const faint = interiorOf(
    disc(),
    image((x, y) => (Math.abs(y - 50.5) < 1.5 && Math.abs(x - 60) < 15 ? 147 : 150)),
  )!
  assert.is(faint.cracks, 0)
})

test.run()
