/** @file Prompts sampled from label maps: their kinds, where points and boxes are, small and thin instances. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { promptSlots, samplePrompts } from '../../../engine/train/sample-prompts'
import type { InstanceBox } from '../../../engine/image/label-map'
import { Rng } from '../../../engine/rng'

/** Three rectangles and a speck on 100 x 80. */
function scene() {
  const labels = { width: 100, height: 80, data: new Uint16Array(8000) }
  const instances: InstanceBox[] = []
  const draw = (id: number, x0: number, y0: number, x1: number, y1: number) => {
    for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) labels.data[y * 100 + x] = id
    instances.push({ id, area: (x1 - x0 + 1) * (y1 - y0 + 1), x0, y0, x1, y1 })
  }
  draw(1, 0, 0, 29, 19)
  draw(500, 40, 10, 69, 49)
  draw(65535, 80, 60, 99, 79)
  draw(7, 5, 70, 6, 71)
  return { labels, instances }
}
const { labels, instances } = scene()

test('the same generator state gives the same prompts', () => {
  const draw = () => samplePrompts(labels, instances, new Rng(3), { count: 20, size: 200 })
  assert.equal(draw(), draw())
  assert.not.equal(draw().coords, samplePrompts(labels, instances, new Rng(4), { count: 20, size: 200 }).coords)
})

test('each kind has its labels; points are inside the instance, boxes close to its own', () => {
  const size = 200
  const mix = { point: 1, box: 1, both: 1 }
  const p = samplePrompts(labels, instances, new Rng(1), { count: 300, size, mix, minArea: 0 })
  assert.is(p.slots, 3)
  const wanted = { point: [1, -1, -2], box: [2, 3, -2], both: [1, 2, 3] }
  for (const kind of ['point', 'box', 'both'] as const)
    assert.ok(p.kinds.filter((k) => k === kind).length > 60, `${kind} occurs`)
  for (let i = 0; i < p.count; i++) {
    assert.equal([...p.labels.subarray(i * 3, i * 3 + 3)], wanted[p.kinds[i]])
    const box = instances.find(({ id }) => id === p.ids[i])!
    for (let s = 0; s < 3; s++) {
      const [x, y] = p.coords.subarray((i * 3 + s) * 2, (i * 3 + s) * 2 + 2)
      const what = p.labels[i * 3 + s]
      if (what === promptLabel.foreground) assert.is(labels.data[Math.round(y / 2) * 100 + Math.round(x / 2)], box.id)
      if (what < 0) assert.equal([x, y], [0, 0])
      if (what === promptLabel.boxStart) assert.ok(Math.abs(x - box.x0 * 2) <= 4 && Math.abs(y - box.y0 * 2) <= 4)
      if (what === promptLabel.boxEnd) {
        assert.ok(Math.abs(x - box.x1 * 2) <= 4 && Math.abs(y - box.y1 * 2) <= 4)
        assert.ok(x >= p.coords[(i * 3 + s - 1) * 2] && y >= p.coords[(i * 3 + s - 1) * 2 + 1], 'corners in order')
      }
      assert.ok(x >= 0 && y >= 0 && x <= 199 && y <= 159)
    }
  }
})

test('instances are sampled without replacement until all have been prompted', () => {
  const p = samplePrompts(labels, instances, new Rng(1), { count: 8, size: 100, minArea: 0 })
  assert.is(new Set(p.ids.subarray(0, 4)).size, 4)
  assert.is(new Set(p.ids.subarray(4)).size, 4)
})

test('small instances are skipped and counted, in input pixels', () => {
  const at = (size: number) => samplePrompts(labels, instances, new Rng(1), { count: 50, size, minArea: 16 })
  assert.is(at(100).skipped, 1) // 4 pixels
  assert.not.ok(at(100).ids.includes(7))
  assert.is(at(200).skipped, 0) // 16 input pixels
  const tiny = samplePrompts(labels, instances, new Rng(1), { count: 5, size: 100, minArea: 1e6 })
  assert.equal([...new Set(tiny.ids)], [500])
})

test('a mix without both needs two slots, and shares of zero never occur', () => {
  const mix = { point: 1, box: 0, both: 0 }
  assert.is(promptSlots(mix), 2)
  const p = samplePrompts(labels, instances, new Rng(1), { count: 200, size: 100, mix })
  assert.ok(p.kinds.every((k) => k === 'point'))
  for (const bad of [
    { point: 0, box: 0, both: 0 },
    { point: NaN, box: 1, both: 1 },
    { point: -1, box: 2, both: 0 },
  ])
    assert.throws(() => samplePrompts(labels, instances, new Rng(1), { count: 1, size: 64, mix: bad }), /shares/)
  assert.throws(() => samplePrompts(labels, [], new Rng(1), { count: 1, size: 64 }), /without instances/)
})

test('more candidates move points towards the middle', () => {
  const mean = (candidates: number) => {
    const mix = { point: 1, box: 0, both: 0 }
    const p = samplePrompts(labels, [instances[1]], new Rng(2), { count: 400, size: 100, mix, candidates })
    let sum = 0
    for (let i = 0; i < 400; i++) sum += Math.abs(p.coords[i * 4] - 54.5)
    return sum / 400
  }
  assert.ok(mean(4) < mean(1) - 0.5)
})

test('a thin diagonal, a one-pixel instance and a one-pixel image work', () => {
  const thin = { width: 300, height: 300, data: new Uint16Array(90000) }
  for (let i = 0; i < 300; i++) thin.data[i * 301] = 2
  const box = { id: 2, area: 300, x0: 0, y0: 0, x1: 299, y1: 299 }
  const mix = { point: 1, box: 0, both: 0 }
  const p = samplePrompts(thin, [box], new Rng(1), { count: 50, size: 300, mix })
  for (let i = 0; i < 50; i++) assert.is(p.coords[i * 4], p.coords[i * 4 + 1])
  const one = { width: 1, height: 1, data: Uint16Array.of(9) }
  const q = samplePrompts(one, [{ id: 9, area: 1, x0: 0, y0: 0, x1: 0, y1: 0 }], new Rng(1), { count: 9, size: 64 })
  assert.ok(q.coords.every((v) => v >= 0 && v < 64))
  assert.throws(
    () => samplePrompts(one, [{ id: 8, area: 1, x0: 0, y0: 0, x1: 0, y1: 0 }], new Rng(1), { count: 40, size: 64 }),
    /fewer/,
  )
})

test.run()
