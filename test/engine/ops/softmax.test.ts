import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { softmax } from '../../../engine/ops/softmax'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

function reference(x: Float64Array, n: number, count: (row: number) => number): Float64Array {
  const y = new Float64Array(x.length)
  for (let row = 0; row < x.length / n; row++) {
    const valid = x.subarray(row * n, row * n + Math.min(n, count(row)))
    const top = Math.max(...valid)
    const sum = valid.reduce((s, v) => s + Math.exp(v - top), 0)
    valid.forEach((v, i) => (y[row * n + i] = Math.exp(v - top) / sum))
  }
  return y
}

test('softmax of narrow and of wide rows', async () => {
  for (const shape of [
    [130, 7],
    [3, 64],
    [3, 65],
    [2, 2, 300],
    [5, 1],
    // enough rows that a software adapter processes each by one lane
    [515, 66],
  ])
    await checkOp({
      inputs: {
        x: {
          shape,
          grad: true,
          data: randomArray(
            5,
            shape.reduce((a, b) => a * b),
            4,
          ),
        },
      },
      build: (g, { x }) => softmax(g, x),
      reference: ({ x }) => reference(x, shape[shape.length - 1], () => Infinity),
    })
})

test('columns beyond the count have no probability and no gradient; a count of 0 gives zeros', async () => {
  for (const [n, rowsPerCount, samples] of [
    [9, 3, 1000],
    [80, 3, 1000],
    [80, 130, 100],
  ]) {
    const data = Uint32Array.of(n, 3, 0, 1)
    await checkOp({
      inputs: { x: { shape: [4 * rowsPerCount, n], grad: true }, keys: { shape: [4], data } },
      build: (g, { x, keys }) => softmax(g, x, { keys, rowsPerCount }),
      reference: ({ x }) => reference(x, n, (row) => data[Math.floor(row / rowsPerCount)]),
      samples,
    })
  }
})

test('logits of any size do not overflow', async () => {
  for (const n of [5, 100]) {
    const g = new Graph(engine)
    const x = g.input('x', [1, n])
    const y = g.keep(softmax(g, x))
    const program = await g.compile()
    program.write(x, new Float32Array(n).fill(-1e30).fill(1e30, 0, 2))
    program.run()
    assert.equal([...(await program.read(y))].slice(0, 3), [0.5, 0.5, 0])
    program.destroy()
  }
})

test('counts that do not fit the rows are refused', () => {
  const g = new Graph(engine)
  const options = { keys: g.input('keys', [4]), rowsPerCount: 2 }
  assert.throws(() => softmax(g, g.input('x', [6, 5]), options), /4 counts for 2 rows each do not make the 6 rows/)
})

test.run()
