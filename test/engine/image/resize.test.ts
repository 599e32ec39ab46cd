/** @file Resampling, against values of Pillow and PyTorch. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resizeBytes, resizePlane } from '../../../engine/image/resize'
import { Rng } from '../../../engine/rng'

const gradient = (width: number, height: number) =>
  Uint8Array.from({ length: width * height }, (_, i) => ((i % width) * 37 + Math.floor(i / width) * 91) & 255)

test('bytes resize as Pillow does', () => {
  // Image.resize(…, BILINEAR) of Pillow 9.4 on the 7x5 picture above
  const picture = gradient(7, 5)
  const small = [58, 116, 162, 137, 137, 88, 117, 132, 88, 146, 109, 126]
  const large = [
    0, 25, 53, 82, 111, 140, 169, 197, 222, 68, 93, 121, 150, 179, 208, 130, 73, 98, 144, 169, 131, 77, 106, 135, 104,
    85, 110, 113, 138, 100, 46, 75, 104, 133, 161, 186, 40, 65, 93, 122, 151, 130, 145, 173, 198, 108, 133, 161, 190,
    219, 49, 21, 49, 74,
  ]
  assert.equal([...resizeBytes(picture, 7, 5, 1, 4, 3)], small)
  assert.equal([...resizeBytes(picture, 7, 5, 1, 9, 6)], large)
  assert.equal(resizeBytes(picture, 7, 5, 1, 7, 5), picture)
})

test('channels do not mix', () => {
  const rng = new Rng(1)
  const planes = [0, 1, 2].map(() => Uint8Array.from({ length: 20 * 13 }, () => rng.int(256)))
  const together = Uint8Array.from({ length: 20 * 13 * 3 }, (_, i) => planes[i % 3][Math.floor(i / 3)])
  const resized = resizeBytes(together, 20, 13, 3, 7, 30)
  planes.forEach((plane, c) =>
    assert.equal(
      resizeBytes(plane, 20, 13, 1, 7, 30),
      resized.filter((_, i) => i % 3 === c),
    ),
  )
})

test('planes resize as interpolate(bilinear, align_corners = False)', () => {
  const plane = Float32Array.from([0, 1, 2, 3])
  const expected = [0, 0.25, 0.75, 1, 0.5, 0.75, 1.25, 1.5, 1.5, 1.75, 2.25, 2.5, 2, 2.25, 2.75, 3]
  assert.equal([...resizePlane(plane, 2, 2, 4, 4)], expected)
  assert.equal([...resizePlane(plane, 2, 2, 4, 4, 2, 3)], [0, 0.25, 0.5, 0.75, 1.5, 1.75])
  assert.equal([...resizePlane(Float32Array.of(5), 1, 1, 2, 2)], [5, 5, 5, 5])
})

test.run()
