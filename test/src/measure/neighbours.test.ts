/** @file Neighbours, gaps, edges and gray values of particles in an image. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { measureMasks } from '../../../src/measure/particles'
import { nearestPoints } from '../../../src/measure/neighbours'
import { ParticlePairs } from '../../../src/measure/particle-pairs'
import { runsOfLabels } from '../../../src/measure/shape/pixel-runs'
import { randoms } from '../../support/random'

function measured(width: number, rows: string[]) {
  const data = Uint16Array.from(rows.join(''), (sign) => (sign === '.' ? 0 : parseInt(sign, 36)))
  return measureMasks({ width, height: rows.length }, runsOfLabels({ width, height: rows.length, data }), null)
}

test('touching by sides and corners; each neighbour once', () => {
  const { particles } = measured(7, ['.......', '.11.3..', '.1122..', '...22..', '.......', '5......', '.....4.'])
  assert.equal(
    particles.map(({ id, touching }) => [id, touching]),
    [
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 0],
      [5, 0],
    ],
  )
  assert.equal(
    particles.map(({ gap }) => gap),
    [0, 0, 0, 2, 2],
  )
  assert.equal(
    particles.map(({ edge }) => edge),
    [false, false, false, true, true],
  )
})

test('nearest neighbour, and whether the image border is nearer', () => {
  const { particles } = measured(12, ['............', '............', '..1.....2...', '............', '............'])
  const [one, two] = particles
  assert.equal(
    [one.nearest, two.nearest],
    [
      { id: 2, distance: 6 },
      { id: 1, distance: 6 },
    ],
  )
  assert.equal([one.gap, two.gap], [5, 5])
  assert.equal([one.nearestOpen, two.nearestOpen], [true, true])
  const alone = measured(3, ['...', '.1.', '...']).particles[0]
  assert.equal([alone.nearest, alone.gap, alone.touching, alone.nearestOpen], [null, null, 0, true])
  const close = measured(9, ['.........', '.........', '.........', '...1.2...', '.........', '.........', '.........'])
  assert.equal(
    close.particles.map(({ nearestOpen }) => nearestOpen),
    [false, false],
  )
})

test('an empty map, one pixel, and a particle that fills the image', () => {
  assert.equal(measured(2, ['..', '..']).particles, [])
  const [pixel] = measured(1, ['1']).particles
  assert.equal([pixel.area, pixel.edge, pixel.minFeret, pixel.solidity], [1, true, 1, 1])
  const full = measured(3, ['111', '111'])
  assert.equal([full.particles[0].area, full.particles[0].edge, full.covered], [6, true, 6])
})

test('overlapping masks are measured completely, touch, and have no gap', () => {
  const runs = (x0: number, x1: number) => Int32Array.of(1, x0, x1, 2, x0, x1)
  const masks = [
    { id: 4, runs: runs(1, 9) },
    { id: 5, runs: runs(7, 11) },
    { id: 6, runs: runs(2, 4) },
  ]
  const { particles, covered, shared } = measureMasks({ width: 14, height: 4 }, masks, null)
  assert.equal(
    particles.map(({ area }) => area),
    [16, 8, 4],
  )
  assert.equal(
    particles.map(({ touching }) => touching),
    [2, 1, 1],
  )
  assert.equal(
    particles.map(({ gap }) => gap),
    [0, 0, 0],
  )
  assert.equal([covered, shared], [20, 8])
})

test('nearest points equal those found by comparing all pairs', () => {
  const next = randoms(8)
  for (const count of [2, 3, 50, 400]) {
    const points = Array.from({ length: count }, (_, i) => ({
      x: 100 * next() ** 3,
      y: count === 50 ? 1 : Math.round(40 * next()) + (i % 2 ? 1000 : 0),
    }))
    const { index, distance } = nearestPoints(points)
    points.forEach((a, i) => {
      let best = -1
      points.forEach((_, j) => {
        const far = (k: number) => Math.hypot(points[k].x - a.x, points[k].y - a.y)
        if (j !== i && (best < 0 || far(j) < far(best))) best = j
      })
      assert.is(index[i], best)
      assert.is(distance[i], Math.hypot(points[best].x - a.x, points[best].y - a.y))
    })
  }
})

test('gaps equal those found by comparing all pixels, within two pixels', () => {
  const next = randoms(9)
  let exact = 0
  let all = 0
  for (let round = 0; round < 18; round++) {
    const [width, height] = [30 + (round % 7), 25]
    const data = new Uint16Array(width * height)
    const count = 2 + (round % 9)
    for (let id = 1; id <= count; id++) {
      const [cx, cy, r] = [(width * (next() + 1)) / 2, (height * (next() + 1)) / 2, 1 + 2 * (next() + 1)]
      for (let i = 0; i < data.length; i++)
        if (!data[i] && Math.hypot((i % width) - cx, Math.floor(i / width) - cy) <= r) data[i] = id
    }
    const { particles } = measureMasks({ width, height }, runsOfLabels({ width, height, data }), null)
    for (const { id, gap } of particles) {
      let best = Infinity
      for (let a = 0; a < data.length; a++)
        if (data[a] === id)
          for (let b = 0; b < data.length; b++)
            if (data[b] && data[b] !== id) {
              const dx = Math.max(0, Math.abs((a % width) - (b % width)) - 1)
              const dy = Math.max(0, Math.abs(Math.floor(a / width) - Math.floor(b / width)) - 1)
              best = Math.min(best, Math.hypot(dx, dy))
            }
      all++
      if (gap === best) exact++
      assert.ok(gap! >= best && gap! <= best + 2, `${gap} ${best}`)
    }
  }
  assert.ok(exact > 0.9 * all, `${exact} of ${all} are exact`)
})

test('mean gray value of the original image', () => {
  const masks = [{ id: 1, runs: Int32Array.of(0, 0, 2, 1, 1, 2) }]
  const size = { width: 2, height: 2 }
  const gray = (data: Uint16Array | Float32Array) =>
    measureMasks(size, masks, { ...size, channels: 1, depth: 16, data }).particles[0].meanGray
  assert.is(gray(Uint16Array.of(100, 60_000, 7, 200)), 60_300 / 3)
  assert.is(gray(Float32Array.of(1, NaN, 2, 3)), null)
  const colour = measureMasks(size, masks, {
    ...size,
    channels: 3,
    depth: 8,
    data: Uint8Array.of(3, 6, 9, 0, 0, 0, 9, 9, 9, 3, 3, 3),
  })
  assert.is(colour.particles[0].meanGray, 27 / 9)
})

test('pairs are stored once, also beyond the initial capacity', () => {
  const pairs = new ParticlePairs(3000)
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 2999; i++) {
      pairs.add(i, i + 1)
      pairs.add(i + 1, i)
    }
  const degrees = pairs.degrees()
  assert.equal([degrees[0], degrees[1], degrees[1500], degrees[2999]], [1, 2, 2, 1])
})

test('65,535 labels, also scattered over the image, are measured within seconds', () => {
  const next = randoms(2)
  const tidy = { width: 768, height: 768 }
  const cells = Uint16Array.from({ length: 768 * 768 }, (_, i) =>
    Math.min(65_535, Math.floor(i / 768 / 3) * 256 + Math.floor((i % 768) / 3) + 1),
  )
  const noise = { width: 400, height: 400 }
  const scattered = Uint16Array.from({ length: 400 * 400 }, (_, i) =>
    i < 65_535 ? i + 1 : 1 + Math.floor(((next() + 1) / 2) * 65_535),
  )
  for (const [size, data] of [
    [tidy, cells],
    [noise, scattered],
  ] as const) {
    const from = process.cpuUsage()
    const { particles } = measureMasks(size, runsOfLabels({ ...size, data }), null)
    assert.is(particles.length, 65_535)
    assert.is(
      particles.reduce((sum, { area }) => sum + area, 0),
      data.length,
    )
    // generous for slow machines; an algorithm quadratic in the labels would take many minutes
    assert.ok(process.cpuUsage(from).user < 60e6)
  }
})

test.run()
