import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { augment, augmentAll, augmentLimits, crop, flip, quarterTurn } from '../../../engine/augment/augment'
import { components } from '../../../engine/masks/components'
import { blurred, takeWindow } from '../../../engine/augment/resample'
import { zoomedOut } from '../../../engine/augment/zoom-out'
import { checkConfig } from '../../../src/training/config'
import { makeExample } from '../../../engine/finetune/examples'
import type { Sample } from '../../../engine/image/sample'

/** Labels 1.. in reading order and colours that follow them. */
function sample(width: number, height: number): Sample {
  const labels = Uint16Array.from({ length: width * height }, (_, i) => i + 1)
  const rgb = Uint8Array.from({ length: width * height * 3 }, (_, i) => (Math.floor(i / 3) + 1 + 50 * (i % 3)) & 255)
  return { width, height, rgb, labels }
}

const follows = ({ labels, rgb }: Sample) =>
  labels.every((id, i) => [0, 1, 2].every((c) => rgb[3 * i + c] === ((id + 50 * c) & 255)))

test('mirror, quarter turn and crop move labels and colours together', () => {
  const source = sample(3, 2)
  assert.equal([...flip(source).labels], [3, 2, 1, 6, 5, 4])
  const turned = quarterTurn(source)
  assert.equal([turned.width, turned.height, ...turned.labels], [2, 3, 4, 1, 5, 2, 6, 3])
  assert.equal([...crop(source, 1, 0, 2, 2).labels], [2, 3, 5, 6])
  for (const moved of [flip(source), turned, crop(source, 1, 0, 2, 2)]) assert.ok(follows(moved))
  assert.equal(flip(flip(source)), source)
  assert.equal(quarterTurn(quarterTurn(quarterTurn(turned))), source)
})

test('the same state gives the same variant, and the source is left alone', () => {
  const source = sample(40, 30)
  const copy = { ...source, rgb: source.rgb.slice(), labels: source.labels.slice() }
  assert.equal(augment(source, new Rng(1)), augment(source, new Rng(1)))
  assert.not.equal(augment(source, new Rng(1)).rgb, augment(source, new Rng(2)).rgb)
  assert.equal(source, copy)
})

test('labels are moved, never resampled, and crops keep their share', () => {
  const source = sample(40, 30)
  const still = { brightness: 0, contrast: 0, gamma: 0, noise: 0 }
  const blocks = { ...source, labels: source.labels.map((v) => 1 + Math.floor(v / 200)) }
  const shapes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const whole = augment(source, new Rng(seed), { ...still, crop: 1 })
    assert.ok(follows(whole))
    assert.equal(whole.labels.slice().sort(), source.labels)
    const { width, height, labels } = augment(blocks, new Rng(seed), still)
    assert.is(labels.length, width * height)
    assert.ok(Math.min(width, height) >= 15 && Math.max(width, height) <= 40)
    shapes.add(`${width}x${height}`)
  }
  assert.ok(shapes.size > 20)
})

test('tones change colours alone; nothing asked for changes nothing', () => {
  const source = sample(40, 30)
  const none = { flip: false, turn: false, crop: 1 }
  const changed = augment(source, new Rng(3), none)
  assert.equal(changed.labels, source.labels)
  assert.not.equal(changed.rgb, source.rgb)
  assert.equal(augment(source, new Rng(3), { ...none, brightness: 0, contrast: 0, gamma: 0, noise: 0 }), source)
  const gray = { ...source, rgb: source.rgb.map((_, i) => Math.floor(i / 3) & 255) }
  const noisy = augment(gray, new Rng(3), none).rgb
  for (let i = 0; i < noisy.length; i += 3) assert.ok(noisy[i] === noisy[i + 1] && noisy[i] === noisy[i + 2])
})

test('a crop keeps an instance, or the picture stays whole', () => {
  const rare = sample(60, 60)
  rare.labels.fill(0)
  for (let y = 0; y < 5; y++) for (let x = 0; x < 5; x++) rare.labels[y * 60 + x] = 7
  const tiny = { ...rare, labels: new Uint16Array(3600) }
  tiny.labels[5] = 1
  for (let seed = 0; seed < 40; seed++) {
    assert.ok(augment(rare, new Rng(seed)).labels.filter((v) => v === 7).length >= 16)
    assert.is(augment(tiny, new Rng(seed)).labels.length, 3600)
  }
  assert.is(augment(sample(1, 1), new Rng(1)).labels[0], 1)
})

test('a window is the picture itself, a shift of it, or half a turn; labels come from single pixels', () => {
  const source = sample(12, 8)
  const whole = { x: 6, y: 4, width: 12, height: 8, angle: 0, zoom: 1 }
  assert.equal(takeWindow(source, whole), source)
  assert.equal(takeWindow(source, { ...whole, x: 5, y: 3, width: 4, height: 2 }), crop(source, 3, 2, 4, 2))
  const half = takeWindow(source, { ...whole, angle: Math.PI })
  assert.equal(half, quarterTurn(quarterTurn(source)))
  const double = takeWindow(source, { ...whole, zoom: 2 })
  assert.equal([double.width, double.height], [24, 16])
  for (let y = 0; y < 16; y++)
    for (let x = 0; x < 24; x++) assert.is(double.labels[y * 24 + x], source.labels[(y >> 1) * 12 + (x >> 1)])
  // halfway between two pixels a quarter of one and three of the other
  assert.is(double.rgb[3 * (24 + 1)], Math.round((9 * 1 + 3 * 2 + 3 * 13 + 14) / 16))
})

test('a rotated crop is inside the image: a disc keeps its place, its size and its label', () => {
  const [width, height] = [90, 70]
  const labels = Uint16Array.from({ length: width * height }, (_, i) =>
    ((i % width) - 44.5) ** 2 + (Math.floor(i / width) - 34.5) ** 2 < 15 ** 2 ? 9 : 0,
  )
  const rgb = Uint8Array.from({ length: 3 * labels.length }, (_, i) => (labels[Math.floor(i / 3)] ? 200 : 50))
  const source = { width, height, rgb, labels }
  const still = { flip: false, turn: false, brightness: 0, contrast: 0, gamma: 0, noise: 0, blur: 0 }
  const area = labels.filter((id) => id === 9).length
  const sizes = new Set<number>()
  for (let seed = 0; seed < 40; seed++) {
    const turned = augment(source, new Rng(seed), { ...still, crop: 1, rotate: 20, scale: 0 })
    assert.equal([...new Set(turned.labels)].sort(), [0, 9])
    const found = turned.labels.filter((id) => id === 9).length
    assert.ok(Math.abs(found / area - 1) < 0.03, `${found} pixels of ${area}`)
    assert.ok(turned.width <= width && turned.height <= height)
    sizes.add(turned.width)
    // the nearest of four pixels has a quarter of the weight or more
    turned.labels.forEach((id, i) => {
      const gray = turned.rgb[3 * i]
      assert.ok(id ? gray >= 87 : gray <= 163, `label ${id} is on gray ${gray}`)
    })
    const scaled = augment(source, new Rng(seed), { ...still, crop: 1, scale: 0.5 })
    const grown = Math.sqrt(scaled.labels.filter((id) => id === 9).length / area)
    assert.ok(grown > 0.6 && grown < 1.55, `${grown}`)
    assert.ok(Math.abs(grown - scaled.width / width) < 0.05)
  }
  assert.ok(sizes.size > 10)
})

/** Bright discs with labels 1, 2 … on dark ground. */
function discs(width: number, height: number, list: [x: number, y: number, radius: number][]): Sample {
  const labels = Uint16Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return 1 + list.findIndex(([cx, cy, radius]) => (x - cx) ** 2 + (y - cy) ** 2 < radius ** 2)
  })
  const rgb = Uint8Array.from({ length: 3 * labels.length }, (_, i) => (labels[Math.floor(i / 3)] ? 200 : 50))
  return { width, height, rgb, labels }
}

test('zoomed out, particles are smaller and more numerous, each with its own label', () => {
  const source = discs(120, 80, [
    [60, 40, 20],
    [20, 60, 10],
  ])
  const counts = new Set<number>()
  for (let seed = 0; seed < 20; seed++) {
    const far = zoomedOut(source, new Rng(seed), 2)
    assert.equal([far.width, far.height], [120, 80])
    far.labels.forEach((id, i) => {
      const gray = far.rgb[3 * i]
      // a label is that of one of the pixels that a gray value is mixed of
      assert.ok(id ? gray >= 80 : gray <= 170, `label ${id} is on gray ${gray}`)
    })
    const parts = components(
      far.labels.map((id) => +(id > 0)),
      120,
      80,
    )
    const ids = new Set(far.labels)
    ids.delete(0)
    assert.is(ids.size, parts.areas.length, 'a label a disc')
    counts.add(ids.size)
    // those that the canvas does not cut are a quarter as large
    const whole = parts.areas.filter((_, i) => {
      const touches = (at: number) => parts.labels[at] === i + 1
      for (let x = 0; x < 120; x++) if (touches(x) || touches(79 * 120 + x)) return false
      for (let y = 0; y < 80; y++) if (touches(120 * y) || touches(120 * y + 119)) return false
      return true
    })
    assert.ok(whole.length >= 2)
    for (const area of whole) {
      const expected = (Math.PI * (area > 200 ? 20 : 10) ** 2) / 4
      assert.ok(Math.abs(area / expected - 1) < 0.1, `${area} pixels, not ${expected}`)
    }
  }
  assert.ok(Math.min(...counts) >= 4 && Math.max(...counts) <= 18, [...counts].join())
})

test('a particle that a seam cuts has no label there; one that the canvas cuts keeps it', () => {
  const source = discs(100, 100, [
    [0, 50, 24],
    [60, 50, 12],
  ])
  assert.equal(zoomedOut(source, new Rng(1), 1), source, 'there is no seam')
  let seams = 0
  for (let seed = 0; seed < 30; seed++) {
    const far = zoomedOut(source, new Rng(seed), 2)
    const bright = Uint8Array.from({ length: 10_000 }, (_, i) => +(far.rgb[3 * i] > 125))
    const parts = components(bright, 100, 100)
    parts.areas.forEach((area, i) => {
      const ids = new Set(far.labels.filter((id, at) => id && parts.labels[at] === i + 1))
      assert.ok(ids.size <= 1, 'a part has one label, or none')
      // half a disc of 12 pixels at most, unless its mirror image is there as well
      const grown = area > 250
      if (grown) assert.is(ids.size, 0)
      seams += +grown
    })
  }
  assert.ok(seams >= 20, `${seams}`)
})

test('zooming in and out give every size between; without it nothing is drawn otherwise', () => {
  const source = discs(120, 80, [[60, 40, 20]])
  assert.equal(augment(source, new Rng(5), { zoomOut: 0 }), augment(source, new Rng(5)))
  const still = { flip: false, turn: false, brightness: 0, contrast: 0, gamma: 0, noise: 0 }
  const sizes: number[] = []
  for (let seed = 0; seed < 200; seed++) {
    const seen = augment(source, new Rng(seed), { ...still, crop: 0.5, zoomOut: 1 })
    const [largest] = [...new Set(seen.labels)]
      .filter(Boolean)
      .map((id) => seen.labels.filter((other) => other === id).length)
      .sort((a, b) => b - a)
    // the model's resize brings every view to the same width
    sizes.push(Math.sqrt(largest / 1256) * (120 / seen.width))
  }
  assert.ok(Math.min(...sizes) > 0.2 && Math.max(...sizes) < 2.1)
  const smaller = sizes.filter((size) => size < 0.97).length
  assert.ok(smaller > 70 && smaller < 140, `${smaller} of 200 are smaller`)
  assert.is(zoomedOut(discs(3, 3, [[1, 1, 1]]), new Rng(1), 4).labels.length, 9)
})

test('blur keeps means, flat pictures and labels, and smooths as its deviation says', () => {
  const point = { width: 21, height: 21, rgb: new Uint8Array(21 * 21 * 3), labels: new Uint16Array(441) }
  point.rgb.fill(255, 3 * 220, 3 * 221)
  const spread = blurred(point, 1.5)
  assert.is(spread.labels, point.labels)
  const at = (x: number, y: number) => spread.rgb[3 * (y * 21 + x)]
  for (const [x, y] of [
    [10, 10],
    [11, 10],
    [10, 8],
    [12, 12],
  ]) {
    const expected = (255 / (2 * Math.PI * 2.25)) * Math.exp(-((x - 10) ** 2 + (y - 10) ** 2) / 4.5)
    assert.ok(Math.abs(at(x, y) - expected) < 1, `${at(x, y)} at ${x}, ${y}, not ${expected}`)
  }
  const flat = { ...point, rgb: new Uint8Array(point.rgb.length).fill(77) }
  assert.equal(blurred(flat, 3).rgb, flat.rgb)
  assert.is(blurred(point, 0.1), point)
  const coloured = { ...flat, rgb: flat.rgb.map((_, i) => [10, 90, 200][i % 3]) }
  assert.equal(blurred(coloured, 2).rgb, coloured.rgb)
})

test('all of it together: the same again from the same seed, without what is switched off', () => {
  const source = sample(40, 30)
  assert.equal(augment(source, new Rng(4), augmentAll), augment(source, new Rng(4), augmentAll))
  const known = new Set(source.labels)
  for (let seed = 0; seed < 20; seed++)
    assert.ok(augment(source, new Rng(seed), augmentAll).labels.every((id) => known.has(id)))
})

test('training takes an object of strengths, and checks it', () => {
  const config = (augment: unknown) => checkConfig({ data: ['x'], size: 64, augment }, 'test')
  const source = sample(64, 64)
  source.labels.forEach((_, i) => (source.labels[i] = 1 + +(i > 2000)))
  const image = (augment: unknown) => makeExample(source, new Rng(3), config(augment)).image
  const none = Object.fromEntries(Object.keys(augmentAll).map((name) => [name, 0]))
  assert.equal(image({ ...none, flip: false, turn: false, crop: 1 }), image(false))
  assert.equal(image({}), image(true))
  const still = { ...none, flip: false, turn: false, crop: 1 }
  for (const name of Object.keys(augmentLimits)) {
    const [low, high] = augmentLimits[name as keyof typeof augmentLimits]
    // a change of scale is undone by the resize, and particles that all touch the edge cannot be seen from further away
    if (name !== 'scale' && name !== 'zoomOut')
      assert.not.equal(image({ ...still, [name]: name === 'crop' ? 0.5 : high / 4 }), image(false), name)
    assert.throws(() => config({ [name]: high + 1 }), /augment/)
    assert.throws(() => config({ [name]: low - 1 }), /augment/)
  }
  for (const wrong of [{ rotat: 3 }, { flip: 1 }, 'yes', 3]) assert.throws(() => config(wrong), /augment/)
})

test.run()
