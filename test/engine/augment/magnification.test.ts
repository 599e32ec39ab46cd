import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../engine/rng'
import { augment } from '../../../engine/augment/augment'
import {
  autoMagnification,
  describeMagnification,
  type MeasuredImage,
  sizeRange,
} from '../../../engine/augment/auto-magnification'
import { boundMagnification, particleStatistics, placeOnInstance } from '../../../engine/augment/magnification'
import { boxes } from '../../../engine/masks/instances'
import type { Sample } from '../../../engine/image/sample'

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
  const bound = (sample: Sample, size: number, range: readonly [number, number] = [0.5, 4]) => {
    const { width, height, labels } = sample
    const { particles, diameter } = particleStatistics(boxes({ width, height, data: labels }))
    assert.is(particles > 0, diameter > 0)
    return boundMagnification(range, sample, diameter, size)
  }
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

/** An image of 500x400 with particles of this median diameter. */
const measured = (diameter: number, particles = 100): MeasuredImage => ({
  width: 500,
  height: 400,
  particles,
  diameter,
})

test('usual sizes leave out exceptional images, and are those at the input', () => {
  const images = [10, 20, 20, 20, 20, 20, 20, 20, 20, 30, 200].map((diameter) => measured(diameter))
  close(sizeRange(images, 500)!, [20, 30])
  close(sizeRange(images, 1000)!, [40, 60])
  close(sizeRange([measured(24)], 500)!, [24, 24])
  close(sizeRange([measured(24), { ...measured(0), particles: 0 }], 500)!, [24, 24])
  assert.is(sizeRange([{ ...measured(0), particles: 0 }], 500), null)
})

test('each image is magnified to the sizes that occur in the data, within half and eightfold', () => {
  // images of alike sizes: hardly at all
  close(autoMagnification(measured(40), 500, [40, 40]), [1 / 1.25, 1.25])
  close(autoMagnification(measured(40), 500, null), [1 / 1.25, 1.25])
  const sizes = [20, 60] as const
  close(
    autoMagnification(measured(40), 500, sizes),
    [0.5 / 1.25, 1.5 * 1.25].map((m) => Math.max(0.5, m)),
  )
  close(autoMagnification(measured(20), 500, sizes), [1 / 1.25, 3 * 1.25])
  close(autoMagnification(measured(60), 500, sizes), [0.5, 1.25])
  // an exception is brought to the usual sizes as far as the bounds allow
  close(autoMagnification(measured(90), 500, sizes), [0.5, (60 / 90) * 1.25])
  close(autoMagnification(measured(13), 500, [100, 120]), [4, 4])
  close(autoMagnification({ ...measured(40, 400), width: 2000 }, 500, [100, 120]), [8, 8])
  // of few particles a crop would show one only
  close(autoMagnification(measured(20, 16), 500, sizes), [1 / 1.25, 2])
  close(autoMagnification(measured(20, 2), 500, sizes), [1 / 1.25, 1])
  // the bounds of all magnifications hold: 12 pixels, four input pixels for one of the image
  close(autoMagnification(measured(13), 500, [6, 60]), [12 / 13, 4])
  close(autoMagnification(measured(20), 1000, [30, 200]), [0.75 / 1.25, 2])
  close(autoMagnification({ ...measured(0), particles: 0 }, 500, sizes), [1, 1])
})

test('the choice is described over all images', () => {
  const text = describeMagnification(
    [20, 20, 40, 40].map((diameter) => measured(diameter)),
    500,
  )
  assert.match(text, /20 to 40 px at the input/)
  assert.match(text, /by 0\.50 to 2\.50; 25 % of the views are whole/)
  assert.is(describeMagnification([{ ...measured(0), particles: 0 }], 500), 'views: whole images')
  // a training at a quarter of the model's own input shows particles as large as there, and whole images
  const small = describeMagnification([measured(20), measured(20)], 125, 500)
  assert.match(small, /20 to 20 px at the model's own input of 500 .* by 3\.20 to 5\.00; 25 % of the views are whole/)
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
