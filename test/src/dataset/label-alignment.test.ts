/** @file Labels beside the particles of their image are noticed, and sound ones are not. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { misplaced } from '../../../src/dataset/label-alignment'
import { Rng } from '../../../engine/rng'

const side = 200

/** Bright discs on a dark ground with noise, and their labels moved by (dx, dy). */
function scene(dx: number, dy: number, contrast = 60) {
  const rng = new Rng(1, 2)
  const gray = Uint8Array.from({ length: side * side }, () => 80 + Math.floor(20 * rng.next()))
  const data = new Uint16Array(side * side)
  for (let id = 1; id <= 40; id++) {
    const [cx, cy, r] = [20 + 160 * rng.next(), 20 + 160 * rng.next(), 5 + 6 * rng.next()]
    for (let y = Math.floor(cy - r); y <= cy + r; y++)
      for (let x = Math.floor(cx - r); x <= cx + r; x++)
        if (Math.hypot(x - cx, y - cy) < r) {
          gray[y * side + x] = 80 + contrast + ((x * 7 + y * 13) % 20)
          const at = (y + dy) * side + x + dx
          if (x + dx >= 0 && x + dx < side && y + dy >= 0 && y + dy < side) data[at] = id
        }
  }
  return [{ width: side, height: side, data }, gray] as const
}

test('labels that were moved are found, with the way back', () => {
  assert.match(misplaced(...scene(8, 0)), /moved by 8 to the left/)
  assert.match(misplaced(...scene(-6, 7)), /moved by 6 to the right and 7 up/)
})

test('labels in their place, a little inside or outside, or of an image without contrast are not reported', () => {
  for (const [dx, dy] of [[0, 0], [2, -1], [-2, 2]]) assert.is(misplaced(...scene(dx, dy)), '') // prettier-ignore
  assert.is(misplaced(...scene(8, 0, 0)), '')
  const [labels] = scene(0, 0)
  assert.is(misplaced(labels, new Uint8Array(side * side)), '')
  assert.is(misplaced({ width: 4, height: 4, data: new Uint16Array(16) }, new Uint8Array(16)), '')
})

test.run()
