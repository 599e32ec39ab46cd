import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../engine/train/rng'
import { augment, crop, flip, quarterTurn } from '../../src/data/augment'
import type { Sample } from '../../src/data/pixels'

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

test.run()
