import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { augment } from '../../../../src/dataset/augment/augment'
import {
  boundMagnification,
  defaultMagnification,
  placeOnInstance,
} from '../../../../src/dataset/augment/magnification'
import type { Sample } from '../../../../src/dataset/sample'

/** Squares of `side` pixels, `across` of them in each direction, with labels from 1. */
function squares(width: number, height: number, side: number, across: number): Sample {
  const labels = new Uint16Array(width * height)
  for (let k = 0; k < across * across; k++) {
    const left = Math.round((((k % across) + 0.5) * width) / across - side / 2)
    const top = Math.round(((Math.floor(k / across) + 0.5) * height) / across - side / 2)
    for (let y = top; y < top + side; y++) labels.fill(k + 1, y * width + left, y * width + left + side)
  }
  return { width, height, rgb: new Uint8Array(3 * labels.length), labels }
}

const close = (got: readonly number[], expected: readonly number[]) =>
  got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${got} for ${expected}`))

test('the median particle stays between 12 pixels and half the input, pixels are enlarged fourfold at most', () => {
  const diameter = (side: number) => Math.sqrt((4 * side ** 2) / Math.PI)
  const bound = (sample: Sample, size: number, range: readonly [number, number] = defaultMagnification) =>
    boundMagnification(range, sample, size)
  close(bound(squares(500, 400, 30, 3), 500), [0.5, 4])
  close(bound(squares(500, 400, 15, 3), 500), [12 / diameter(15), 4])
  close(bound(squares(500, 400, 100, 3), 500), [0.5, 250 / diameter(100)])
  close(bound(squares(500, 400, 30, 3), 1000), [0.5, 2])
  // a whole image is allowed even if its particles are tiny or huge, and if it is small
  close(bound(squares(500, 400, 6, 3), 500), [1, 4])
  close(bound(squares(500, 400, 350, 1), 500), [0.5, 1])
  close(bound(squares(100, 80, 10, 2), 1000), [0.5, 1])
  // a given range is cut, not widened
  close(bound(squares(500, 400, 30, 3), 500, [1, 1.5]), [1, 1.5])
  close(bound(squares(500, 400, 100, 3), 500, [8, 20]), [250 / diameter(100), 250 / diameter(100)])
  close(bound(squares(50, 40, 3, 2), 500), [1, 1])
})

test('views are evenly distributed in the logarithm of their magnification, and each contains an instance', () => {
  // a single particle in a corner: most views placed at random would not show it
  const source = squares(160, 120, 20, 4)
  source.labels.forEach((id, i) => (source.labels[i] = id === 1 ? 7 : 0))
  const still = { flip: false, turn: false, brightness: 0, contrast: 0, gamma: 0, noise: 0 }
  const counts = [0, 0, 0]
  for (let seed = 0; seed < 300; seed++) {
    const view = augment(source, new Rng(seed), { ...still, magnification: [0.5, 4] })
    const pixels = view.labels.filter(Boolean).length
    assert.ok(pixels >= 16)
    const magnified = 160 / view.width
    if (magnified > 1) assert.ok(pixels === 400, `the whole particle, not ${pixels} pixels of it`)
    counts[magnified > 2 ? 2 : magnified > 1 ? 1 : 0]++
  }
  // thirds: zoomed out (a canvas of the same size), up to twice, up to four times
  for (const count of counts) assert.ok(count > 75 && count < 125, counts.join())
  assert.equal(
    augment(source, new Rng(3), { magnification: [1.5, 3] }),
    augment(source, new Rng(3), { magnification: [1.5, 3] }),
  )
})

test('a view is placed on an instance, inside it if it is larger, and never leaves the image', () => {
  const source = squares(100, 80, 10, 1)
  const wide = { id: 1, area: 1000, x0: 20, y0: 70, x1: 89, y1: 79 }
  for (let seed = 0; seed < 50; seed++) {
    const [left, top] = placeOnInstance(new Rng(seed), source, [wide], 30, 20)
    assert.ok(left >= 20 && left + 30 <= 90, `${left}`)
    assert.is(top, 60)
    assert.equal(placeOnInstance(new Rng(seed), source, [wide], 100, 80), [0, 0])
  }
})

test.run()
