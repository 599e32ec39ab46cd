/** @file Prompts from maps: recall and boxes on dense scenes of touching discs, and maps that no particle would give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findLearnedPrompts, type LearnedPrompt } from '../../../engine/generate/learned-prompts'
import type { LabelMap } from '../../../engine/image/label-map'
import { Rng } from '../../../engine/rng'
import type { PromptMaps } from '../../../engine/sam/prompt-maps'
import { perfectMaps } from '../../support/prompt-maps'

interface Disc {
  x: number
  y: number
  r: number
}

/** Discs with diameters spread evenly in their logarithm; each touches one placed before and overlaps none. */
function touchingScene(seed: number, { width, height }: { width: number; height: number }, diameters: number[]) {
  const rng = new Rng(seed)
  const [least, most] = diameters
  const sizes = Array.from({ length: 400 }, () => (least * (most / least) ** rng.next()) / 2).sort((a, b) => b - a)
  const discs: Disc[] = [{ x: width / 2, y: height / 2, r: sizes[0] }]
  for (const r of sizes.slice(1))
    for (let attempt = 0; attempt < 60; attempt++) {
      const beside = discs[rng.int(discs.length)]
      const angle = 2 * Math.PI * rng.next()
      const [x, y] = [beside.x + (beside.r + r) * Math.cos(angle), beside.y + (beside.r + r) * Math.sin(angle)]
      const inside = x > r && y > r && x < width - r && y < height - r
      if (!inside || discs.some((d) => Math.hypot(d.x - x, d.y - y) < d.r + r - 0.01)) continue
      discs.push({ x, y, r })
      break
    }
  return { discs, labels: drawDiscs(discs, width, height) }
}

function drawDiscs(discs: readonly Disc[], width: number, height: number): LabelMap {
  const data = new Uint16Array(width * height)
  discs.forEach(({ x, y, r }, i) => {
    for (let py = Math.max(0, Math.floor(y - r)); py < Math.min(height, y + r); py++)
      for (let px = Math.max(0, Math.floor(x - r)); px < Math.min(width, x + r); px++)
        if (Math.hypot(px + 0.5 - x, py + 0.5 - y) <= r) data[py * width + px] = i + 1
  })
  return { width, height, data }
}

/** The IoU of a prompt's box and a disc's. */
function boxIou({ box }: LearnedPrompt, { x, y, r }: Disc): number {
  const w = Math.min(box.right, x + r) - Math.max(box.left, x - r)
  const h = Math.min(box.bottom, y + r) - Math.max(box.top, y - r)
  const both = Math.max(0, w) * Math.max(0, h)
  return both / ((box.right - box.left) * (box.bottom - box.top) + 4 * r * r - both)
}

/** The discs' prompts, those whose point is in the disc. */
const promptsOf = (discs: readonly Disc[], prompts: readonly LearnedPrompt[]) =>
  discs.map(({ x, y, r }) => prompts.filter(({ point }) => Math.hypot(point[0] - x, point[1] - y) <= r))

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

const size = { width: 1024, height: 768 }
const scenes = [1, 2, 3].map((seed) => touchingScene(seed, size, [8, 200]))

test('touching particles of 8 to 200 pixels have one prompt each, with boxes that fit', () => {
  const found = scenes.flatMap(({ discs, labels }) => {
    const { prompts } = findLearnedPrompts(perfectMaps(labels, 1024), size)
    return promptsOf(discs, prompts).map((own, i) => ({ disc: discs[i], own, of: prompts.length / discs.length }))
  })
  assert.ok(found.length > 600, `${found.length} particles`)
  const recall = mean(found.map(({ own }) => +(own.length > 0)))
  const twice = mean(found.map(({ own }) => +(own.length > 1)))
  assert.ok(recall >= 0.95, `recall ${recall}`)
  assert.ok(twice <= 0.01, `${twice} have two prompts`)
  assert.ok(
    found.every(({ of }) => of < 1.01),
    'no prompts beside particles',
  )
  const ious = (least: number, most: number) =>
    mean(found.flatMap(({ disc, own: [p] }) => (p && disc.r >= least / 2 && disc.r < most / 2 ? boxIou(p, disc) : [])))
  for (const [least, most, bound] of [
    [8, 16, 0.6],
    [16, 50, 0.82],
    [50, 200, 0.95],
  ])
    assert.ok(ious(least, most) > bound, `boxes of ${least} to ${most} pixels: mean IoU ${ious(least, most)}`)
})

test('errors of the head, up to a tenth, divide few particles and lose few', () => {
  const { discs, labels } = scenes[0]
  const maps = perfectMaps(labels, 1024)
  const rng = new Rng(4)
  for (const map of [maps.foreground, maps.centre, maps.distance])
    for (let i = 0; i < map.length; i++) map[i] = Math.max(0, Math.min(1, map[i] + 0.1 * (2 * rng.next() - 1)))
  const { prompts } = findLearnedPrompts(maps, size)
  const sure = prompts.filter(({ weak }) => !weak)
  assert.ok(sure.length < 1.05 * discs.length, `${sure.length} prompts of ${discs.length} particles`)
  const own = promptsOf(discs, sure)
  assert.ok(mean(own.map(({ length }) => +(length > 0))) >= 0.95)
  assert.ok(mean(own.map(({ length }) => +(length > 1))) <= 0.02)
})

test('an isolated particle: the point is its middle, the box its extent to a fraction of a cell', () => {
  for (const disc of [
    { x: 100.5, y: 61.2, r: 33.3 },
    { x: 41, y: 90, r: 10.4 },
    { x: 150, y: 30, r: 6 },
  ]) {
    const { prompts } = findLearnedPrompts(perfectMaps(drawDiscs([disc], 192, 128), 192), { width: 192, height: 128 })
    assert.is(prompts.length, 1)
    const [{ point, box, weak }] = prompts
    assert.not(weak)
    assert.ok(Math.hypot(point[0] - disc.x, point[1] - disc.y) < 4)
    const off = [
      box.left - disc.x + disc.r,
      box.top - disc.y + disc.r,
      box.right - disc.x - disc.r,
      box.bottom - disc.y - disc.r,
    ]
    assert.ok(
      off.every((d) => Math.abs(d) < 1.6),
      `sides are off by ${off}`,
    )
  }
})

const flat = (side: number, value: number): PromptMaps => {
  const map = new Float32Array(side * side).fill(value)
  return { side, foreground: map, centre: map, distance: map }
}

test('empty maps have no prompt, full ones have one that is the image', () => {
  assert.equal(findLearnedPrompts(flat(32, 0), { width: 128, height: 96 }).prompts, [])
  const { prompts, regions } = findLearnedPrompts(flat(32, 1), { width: 127, height: 93 })
  assert.is(prompts.length, 1)
  assert.equal(prompts[0].box, { left: 0, top: 0, right: 127, bottom: 93 })
  assert.ok(prompts[0].point[0] < 127 && prompts[0].point[1] < 93)
  // beyond the image there are no regions
  assert.ok(regions.every((of, at) => of === +(Math.floor(at / 32) < 23)))
})

test('foreground without a centre is a weak prompt, a speck of it none', () => {
  const maps = { ...flat(16, 0), foreground: new Float32Array(256), distance: new Float32Array(256) }
  for (const at of [34, 35, 50, 51, 52, 120, 121]) [maps.foreground[at], maps.distance[at]] = [0.9, 0.2]
  const { prompts, regions } = findLearnedPrompts(maps, { width: 64, height: 64 })
  assert.equal(
    prompts.map(({ weak }) => weak),
    [true],
  )
  assert.is(regions[120], 0)
})

test('thousands of seeds: one prompt each, in reading order, the same each time', () => {
  const side = 256
  const maps = flat(side, 1)
  maps.centre = Float32Array.from(
    { length: side * side },
    (_, at) => +(at % 3 === 1 && Math.floor(at / side) % 3 === 1),
  )
  maps.distance = maps.centre
  maps.foreground = Float32Array.from(maps.centre, (value) => 0.6 + 0.4 * value)
  const { prompts } = findLearnedPrompts(maps, { width: 1024, height: 1024 })
  assert.ok(prompts.length > 7000, `${prompts.length} prompts`)
  assert.equal(findLearnedPrompts(maps, { width: 1024, height: 1024 }).prompts, prompts)
})

test('maps of a wrong size, and values that are no probabilities, are refused', () => {
  const valid = { width: 32, height: 32 }
  assert.throws(
    () => findLearnedPrompts({ ...flat(8, 0), centre: new Float32Array(7) }, valid),
    /centre map .* 64 values, not 7/,
  )
  for (const value of [NaN, -1, 2, Infinity])
    assert.throws(
      () => findLearnedPrompts({ ...flat(8, 0), distance: new Float32Array(64).fill(value) }, valid),
      /distance map/,
    )
})

test.run()
