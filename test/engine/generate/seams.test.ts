/** @file Tiles partition the image, and masks that they cut are merged: a tiled scene has one mask for each particle. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Region, regionSize, wholeRegion } from '../../../engine/image/box'
import type { PackedCandidate } from '../../../engine/generate/packed-candidate'
import { suppressDuplicates } from '../../../engine/generate/overlaps'
import { mergeSeams } from '../../../engine/generate/seams'
import { tileRegions } from '../../../engine/image/tiles'
import { type Mask, maskBox } from '../../../engine/masks/mask'
import { packMask, sharedPixels, unpackMask } from '../../../engine/masks/bit-mask'
import { trimMask } from '../../../engine/masks/mask-algebra'
import { regionOf } from '../../support/masks'
import { randoms } from '../../support/random'

test('every pixel is in one core, every core has its halo', () => {
  for (const [width, height, tile, halo] of [
    [1000, 700, 300, 40],
    [301, 90, 300, 40],
    [299, 300, 300, 40],
    [777, 1, 100, 0],
    [5000, 4000, 1024, 128],
  ]) {
    const tiles = tileRegions({ width, height }, tile, halo)
    assert.is(
      tiles.reduce((sum, { core: c }) => sum + (c.right - c.left) * (c.bottom - c.top), 0),
      width * height,
    )
    for (const { region, core } of tiles) {
      for (const [start, end, whole] of [
        ['left', 'right', width],
        ['top', 'bottom', height],
      ] as const) {
        assert.is(region[end] - region[start], Math.min(tile, whole), 'all of one size')
        assert.ok(region[start] >= 0 && region[end] <= whole && core[start] < core[end])
        assert.ok(region[start] === 0 ? core[start] === 0 : core[start] - region[start] >= halo)
        assert.ok(region[end] === whole ? core[end] === whole : region[end] - core[end] >= halo)
      }
    }
  }
  assert.is(tileRegions({ width: 300, height: 200 }, 300, 40).length, 1)
})

const size = { width: 700, height: 500 }

type Disc = [x: number, y: number, radius: number]

/** Discs that do not touch, anywhere in the image; some extend beyond its edge. */
function scene(count: number, radius: [number, number]): Disc[] {
  const next = randoms(4)
  const share = () => (next() + 1) / 2
  const discs: Disc[] = []
  for (let tries = 0; discs.length < count && tries < 1e5; tries++) {
    const r = radius[0] + share() * (radius[1] - radius[0])
    const disc: Disc = [share() * size.width, share() * size.height, r]
    if (discs.every(([x, y, other]) => Math.hypot(x - disc[0], y - disc[1]) > r + other + 2)) discs.push(disc)
  }
  return discs
}

/** The part of a disc that is in a region, `grow` pixels larger; null if there is none. */
function maskOf([cx, cy, radius]: Disc, region: Region, grow = 0): Mask | null {
  const { left, top, right, bottom } = region
  const { width, height } = regionSize(region)
  const data = new Uint8Array(width * height)
  for (let y = top, at = 0; y < bottom; y++)
    for (let x = left; x < right; x++) data[at++] = Math.hypot(x - cx, y - cy) <= radius + grow ? 1 : 0
  const mask = trimMask({ x0: left, y0: top, width, height, data })
  return mask.data.length ? mask : null
}

function candidateOf(disc: Disc, crop: Region, predictedIou: number, grow = 0): PackedCandidate | null {
  const mask = maskOf(disc, crop, grow)
  if (!mask) return null
  const area = mask.data.reduce((a, b) => a + b, 0)
  return {
    area,
    box: maskBox(mask),
    predictedIou,
    stability: 1,
    crop,
    token: 1,
    point: [disc[0], disc[1]],
    bits: packMask(mask),
  }
}

/** The masks of a perfect model: in each tile, every disc that contains a point of a grid with `spacing` in its core. */
function found(discs: readonly Disc[], tile: number, halo: number, spacing: number): PackedCandidate[] {
  const next = randoms(6)
  return tileRegions(size, tile, halo).flatMap(({ region, core }) =>
    discs.flatMap((disc) => {
      const [cx, cy, r] = disc
      let seen = false
      for (let y = core.top; y < core.bottom; y += spacing)
        for (let x = core.left; x < core.right; x += spacing) seen ||= Math.hypot(x - cx, y - cy) <= r
      // its radius differs between tiles by up to a third of a pixel
      const candidate = seen ? candidateOf(disc, region, 0.9 + 0.05 * next(), next() / 3) : null
      return candidate ? [candidate] : []
    }),
  )
}

const shareOf = (masks: readonly PackedCandidate[]) => (pairs: Uint32Array) => {
  const shared = new Uint32Array(pairs.length / 2)
  shared.forEach((_, i) => (shared[i] = sharedPixels(masks[pairs[2 * i]].bits, masks[pairs[2 * i + 1]].bits)))
  return shared
}

async function merged(candidates: PackedCandidate[]): Promise<PackedCandidate[]> {
  const one = mergeSeams(candidates, size, 3)
  return (await suppressDuplicates(one, 0.8, shareOf(one))).map((i) => one[i])
}

/** Each disc has exactly one mask, of its whole area. */
function checkAll(masks: readonly PackedCandidate[], discs: readonly Disc[], most: number): void {
  assert.is(masks.length, discs.length)
  for (const disc of discs) {
    const whole = candidateOf(disc, wholeRegion(size), 1)!
    const partners = masks.filter(({ bits, area }) => {
      const both = sharedPixels(bits, whole.bits)
      return both / (area + whole.area - both) > most
    })
    assert.is(partners.length, 1, `the disc of radius ${disc[2]} at ${disc[0]}, ${disc[1]}`)
    const { mask } = { mask: unpackMask(partners[0].bits, partners[0].box) }
    assert.is(
      partners[0].area,
      mask.data.reduce((a, b) => a + b, 0),
      'the area counts the pixels',
    )
    assert.equal(trimMask(mask), mask, 'the box is tight')
  }
}

test('particles smaller than the halo: one whole mask each', async () => {
  const discs = scene(60, [6, 30])
  assert.is(discs.length, 60)
  const candidates = found(discs, 260, 64, 8)
  assert.ok(candidates.length > 70, 'many are in several tiles')
  const cut = candidates.filter(
    ({ bits, box, crop, area }) => area && bits && (box.x0 === crop.left || box.x1 === crop.right - 1),
  )
  assert.ok(cut.length > 5, 'and some of those are cut')
  checkAll(await merged(candidates), discs, 0.85)
})

test('particles larger than the halo are united over two to four tiles', async () => {
  const discs: Disc[] = [
    [178, 90, 80],
    [350, 250, 110],
    [560, 420, 75],
    [90, 400, 85],
    [560, 100, 70],
  ]
  const candidates = found(discs, 260, 40, 8)
  const masks = await merged(candidates)
  checkAll(masks, discs, 0.9)
  assert.ok(
    masks.some(({ crop }) => crop.right - crop.left > 260),
    'a mask of several tiles',
  )
})

test('a cut mask without a partner is dropped; the edge of the image does not cut', () => {
  const disc: Disc = [100, 100, 30]
  const left = regionOf(0, 0, 110, 200)
  const alone = candidateOf(disc, left, 0.9)!
  assert.equal(mergeSeams([alone], size, 3), [])
  const atEdge = candidateOf([5, 100, 20], left, 0.9)!
  assert.equal(mergeSeams([atEdge], size, 3), [atEdge])
})

test('masks that disagree in the strip are not united', () => {
  const [left, right] = [regionOf(0, 0, 120, 200), regionOf(80, 0, 300, 200)]
  const a = candidateOf([80, 100, 45], left, 0.9)!
  const b = candidateOf([120, 140, 45], right, 0.9)!
  assert.equal(mergeSeams([a, b], size, 3), [])
  const same = candidateOf([80, 100, 45], right, 0.9)!
  const [one] = mergeSeams([a, same], size, 3)
  assert.equal(unpackMask(one.bits, one.box), maskOf([80, 100, 45], regionOf(0, 0, 700, 500)))
})

test.run()
