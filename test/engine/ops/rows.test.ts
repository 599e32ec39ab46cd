import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { concatColumns, copyInto, gatherRows, takeColumns } from '../../../engine/ops/rows'
import { checkOp } from '../../support/check-op'

test('rows by index: repeated, unused and out of range', async () => {
  const [n, length] = [5, 700]
  const index = Uint32Array.of(2, 0, 2, 4, 4, 2, 9, 0)
  await checkOp({
    inputs: { x: { shape: [n, 7, 100], grad: true }, index: { shape: [index.length], data: index } },
    build: (g, { x, index }) => gatherRows(g, x, index),
    reference: ({ x }) => [...index].flatMap((i) => Array.from({ length }, (_, c) => (i < n ? x[i * length + c] : 0))),
  })
})

test('tokens concatenated by columns: one row for all, one per group, one for each', async () => {
  const rows = 6
  await checkOp({
    inputs: {
      shared: { shape: [1, 40], grad: true },
      some: { shape: [3, 7], grad: true },
      own: { shape: [rows, 300], grad: true },
    },
    build: (g, { shared, some, own }) => concatColumns(g, 'tokens', [shared, some, own]),
    reference: ({ shared, some, own }) => {
      const y: number[] = []
      for (let p = 0; p < rows; p++)
        y.push(...shared, ...some.subarray((p % 3) * 7, (p % 3) * 7 + 7), ...own.subarray(p * 300, (p + 1) * 300))
      return y
    },
  })
})

test('a frozen source beside one that requires a gradient', () =>
  checkOp({
    inputs: { a: { shape: [4, 9] }, b: { shape: [4, 5], grad: true } },
    build: (g, { a, b }) => concatColumns(g, 'tokens', [a, b]),
    reference: ({ a, b }) =>
      [0, 1, 2, 3].flatMap((p) => [...a.subarray(p * 9, p * 9 + 9), ...b.subarray(p * 5, p * 5 + 5)]),
  }))

test('a range of columns; the gradient of the other columns is zero', () =>
  checkOp({
    inputs: { x: { shape: [5, 333], grad: true } },
    build: (g, { x }) => takeColumns(g, x, 30, 300),
    reference: ({ x }) => [0, 1, 2, 3, 4].flatMap((r) => [...x.subarray(r * 333 + 30, r * 333 + 300)]),
  }))

test('two ranges of one tensor', () =>
  checkOp({
    inputs: { x: { shape: [3, 20], grad: true } },
    build: (g, { x }) => concatColumns(g, 'swapped', [takeColumns(g, x, 12, 20), takeColumns(g, x, 0, 15)]),
    reference: ({ x }) =>
      [0, 1, 2].flatMap((r) => [...x.subarray(r * 20 + 12, r * 20 + 20), ...x.subarray(r * 20, r * 20 + 15)]),
  }))

test('what does not fit is refused', () => {
  const g = new Graph({ maxBinding: 1e6 } as never)
  const source = g.tensor('source', [2, 8])
  const target = g.tensor('target', [4, 10])
  const place = { rows: 4, targetStride: 10, targetOffset: 3 }
  assert.throws(() => copyInto(g, source, target, place), /source \[2,8\] does not fit into target \[4,10\] at 3/)
  assert.throws(() => copyInto(g, source, target, { ...place, rows: 3 }), /2 rows do not repeat into 3/)
  assert.throws(() => takeColumns(g, source, 4, 9), /has no columns 4 to 9/)
})

test.run()
