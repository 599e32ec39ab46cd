/** @file Holes filled and islands dropped on a mask's part of the image, compared with the same on the whole image. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mask } from '../../../engine/masks/mask'
import { dropIslands, fillHoles } from '../../../engine/masks/holes-islands'
import { trimMask } from '../../../engine/masks/mask-algebra'
import { randoms } from '../../support/random'

/** Flips the 8-connected components of a value in a whole image for which `turn` returns true. */
function turned(whole: Uint8Array, width: number, value: number, turn: (area: number, areas: number[]) => boolean) {
  const height = whole.length / width
  const region = new Int32Array(whole.length).fill(-1)
  const areas: number[] = []
  for (let start = 0; start < whole.length; start++) {
    if (whole[start] !== value || region[start] >= 0) continue
    const open = [start]
    region[start] = areas.push(0) - 1
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      areas[region[start]]++
      for (const dy of [-1, 0, 1])
        for (const dx of [-1, 0, 1]) {
          const x: number = (at % width) + dx
          const y: number = Math.floor(at / width) + dy
          const next = y * width + x
          if (x < 0 || y < 0 || x >= width || y >= height || whole[next] !== value || region[next] >= 0) continue
          region[next] = region[start]
          open.push(next)
        }
    }
  }
  const first = areas.indexOf(Math.max(...areas))
  return whole.map((v, i) => {
    if (v !== value) return v
    const largestStays = value === 1 && areas.every((area) => turn(area, areas)) && region[i] === first
    return turn(areas[region[i]], areas) && !largestStays ? 1 - v : v
  })
}

/** True if the mask of a whole image has a component of fewer pixels. */
function smallParts(whole: Uint8Array, width: number, area: number): boolean {
  let small = false
  turned(whole, width, 1, (a) => {
    if (a < area) small = true
    return false
  })
  return small
}

const wholeOf = (mask: Mask, width: number, height: number): Uint8Array => {
  const whole = new Uint8Array(width * height)
  for (let y = 0; y < mask.height; y++)
    whole.set(mask.data.subarray(y * mask.width, (y + 1) * mask.width), (mask.y0 + y) * width + mask.x0)
  return whole
}

test('random masks anywhere, at every edge', () => {
  const next = randoms(1)
  const whole = (most: number) => Math.min(most, Math.floor(((next() + 1) / 2) * (most + 1)))
  let [filled, dropped] = [0, 0]
  for (let i = 0; i < 600; i++) {
    const size = { width: 1 + whole(15), height: 1 + whole(15) }
    const [width, height] = [1 + whole(size.width - 1), 1 + whole(size.height - 1)]
    const share = next()
    const data = Uint8Array.from({ length: width * height }, () => (next() < share ? 1 : 0))
    const raw = { x0: whole(size.width - width), y0: whole(size.height - height), width, height, data }
    const mask = trimMask(raw)
    assert.equal(
      wholeOf(mask, size.width, size.height),
      wholeOf(raw, size.width, size.height),
      'trimming keeps the pixels',
    )
    if (!mask.data.length) continue
    for (const area of [1, 2, 5, 20, 1000]) {
      const holes = fillHoles(mask, size, area)
      const before = wholeOf(mask, size.width, size.height)
      const expected = turned(before, size.width, 0, (a) => a < area)
      assert.equal(wholeOf(holes, size.width, size.height), expected, `holes under ${area} of mask ${i}`)
      assert.is(
        holes === mask,
        expected.every((v, k) => v === before[k]),
      )
      const islands = dropIslands(mask, area)
      const left = turned(before, size.width, 1, (a) => a < area)
      assert.equal(wholeOf(islands, size.width, size.height), left, `islands under ${area} of mask ${i}`)
      assert.is(islands === mask, !smallParts(before, size.width, area), 'the same object unless a component is small')
      assert.equal(trimMask(islands), islands, 'no empty edge is left')
      if (holes !== mask) filled++
      if (islands !== mask) dropped++
    }
  }
  assert.ok(filled > 100 && dropped > 100)
})

test('0 is off, and an empty mask stays empty', () => {
  const mask: Mask = { x0: 0, y0: 0, width: 2, height: 1, data: Uint8Array.of(1, 0) }
  assert.is(fillHoles(mask, { width: 3, height: 3 }, 0), mask)
  assert.is(dropIslands(mask, 0), mask)
  const empty: Mask = { x0: 0, y0: 0, width: 0, height: 0, data: new Uint8Array(0) }
  assert.is(fillHoles(empty, { width: 3, height: 3 }, 5), empty)
  assert.is(dropIslands(empty, 5), empty)
})

test.run()
