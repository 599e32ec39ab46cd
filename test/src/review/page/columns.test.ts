/** @file The columns of the list of masks, the colours of neighbours, and gestures of two fingers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { layoutColumns } from '../../../../src/review/page/panels/mask-columns'
import { MaskColours } from '../../../../src/review/page/image/mask-colours'
import { numbersReadable } from '../../../../src/review/page/canvas/readable'
import { pinch } from '../../../../src/review/page/canvas/pinch'

const widths = (template: string) => (template.match(/[\d.]+px/g) ?? []).map((text) => Number(text.slice(0, -2)))

test('columns of the list are as wide as their longest numbers, and fit into the list', () => {
  for (const width of [150, 190, 230, 272, 400])
    for (const [number, size] of [
      [1, 3],
      [4, 5],
      [5, 9],
    ]) {
      const { template, shown } = layoutColumns(width, number, size)
      const all = widths(template)
      assert.is(all.length, 3 + shown.length)
      // a digit at 13 px is over 7 px wide
      assert.ok(all[1] >= 7 * number && all[2] >= 7 * size, template)
      if (shown.length) assert.ok(all.reduce((a, b) => a + b) + 8 * (all.length - 1) <= width, `${width}: ${template}`)
    }
})

test('where there is little room, stability is hidden first', () => {
  assert.equal(layoutColumns(300, 4, 7).shown, ['iou', 'stability'])
  assert.equal(layoutColumns(210, 4, 7).shown, ['iou'])
  assert.equal(layoutColumns(150, 4, 7).shown, [])
})

const box = (x0: number, y0: number) => ({ x0, y0, width: 10, height: 10, data: new Uint8Array(100).fill(1) })
const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((v, i) => v - b[i]))

test('neighbours have colours that are far apart', () => {
  const colours = new MaskColours()
  const side = 12
  for (let i = 0; i < side * side; i++) colours.add(i + 1, box((i % side) * 12, Math.floor(i / side) * 12))
  let nearest = Infinity
  for (let i = 0; i < side * side; i++)
    for (const step of [1, side]) {
      if (i + step >= side * side || (step === 1 && (i + 1) % side === 0)) continue
      nearest = Math.min(nearest, distance(colours.of(i + 1), colours.of(i + 1 + step)))
    }
  assert.ok(nearest > 80, `${nearest}`)
})

test('a mask that comes back has its earlier colour, whatever is beside it now', () => {
  const colours = new MaskColours()
  colours.add(1, box(0, 0))
  const before = colours.of(1)
  colours.remove(1)
  for (let id = 2; id < 9; id++) colours.add(id, box(id, id))
  colours.add(1, box(0, 0))
  assert.equal(colours.of(1), before)
})

test('numbers are drawn while they can be read', () => {
  assert.ok(numbersReadable(178, 846 * 835))
  assert.not(numbersReadable(1000, 846 * 835))
  assert.ok(numbersReadable(3, 100))
})

test('two fingers that move apart magnify; moving together moves the view', () => {
  assert.equal(pinch([[0, 0], [10, 0]], [[0, 0], [20, 0]]), { factor: 2, move: [5, 0] }) // prettier-ignore
  assert.equal(pinch([[0, 0], [10, 0]], [[3, 4], [13, 4]]), { factor: 1, move: [3, 4] }) // prettier-ignore
  assert.is(pinch([[1, 1], [1, 1]], [[1, 1], [5, 1]]).factor, 1) // prettier-ignore
})

test.run()
