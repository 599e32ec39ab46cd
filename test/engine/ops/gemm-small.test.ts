/** Small tiles of matrix products: when they are used, and every layout against float64 at ragged sizes, batched. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout } from '../../../engine/device/matmul-class'
import { Graph } from '../../../engine/graph/graph'
import { gemm } from '../../../engine/ops/gemm'
import { suitsSmallTiles } from '../../../engine/ops/gemm-small'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'

const usual = engine.variants
test.after.each(() => void (engine.variants = usual))

test('small tiles are for few tiles of 64 and for narrow products', () => {
  const tensor = new Graph(engine).tensor('any', [1])
  const operand = { tensor, stride: 4 }
  const suits = (m: number, n: number, more = {}) =>
    suitsSmallTiles({ layout: 'nt', m, n, k: 256, a: operand, b: operand, c: operand, ...more })
  assert.ok(suits(448, 256), 'the tokens of 64 prompts')
  assert.ok(suits(65536, 32), 'half of each tile of 64 would be empty')
  assert.not(suits(4096, 256), '256 tiles')
  assert.not(suits(448, 256, { batches: 16 }))
})

for (const layout of LAYOUTS)
  test(`${layout}: against float64, one tile and several, sums that fill no panel, batches, and bits that repeat`, async () => {
    for (const [m, n, k, batches] of [
      [4, 4, 4, 1],
      [36, 100, 132, 2],
      [layout === 'tn' ? 8 : 7, 32, 64, 3],
      [68, 36, layout === 'tn' ? 197 : 196, 1],
    ]) {
      const { c, again } = await run(layout, m, n, k, batches)
      const name = `${layout} ${batches} of ${m}x${n}x${k}`
      assert.equal(c, again, name)
      const error = relativeError(c, reference(layout, m, n, k, batches))
      assert.ok(error < 1e-6, `${name}: ${error}`)
    }
  })

/** Twice, in poisoned memory. */
async function run(layout: Layout, m: number, n: number, k: number, batches: number) {
  engine.variants = { ...usual, matmul: allMatmuls('shared-small') }
  const g = new Graph(engine)
  const a = g.input('A', layout === 'tn' ? [batches * k, m] : [batches * m, k])
  const b = g.input('B', layout === 'nt' ? [batches * n, k] : [batches * k, n])
  const c = g.keep(g.tensor('C', [batches * m, n]))
  const part = (tensor: typeof a) => ({ tensor, stride: tensor.columns, batch: tensor.size / batches })
  gemm(g, { layout, m, n, k, batches, a: part(a), b: part(b), c: part(c) })
  assert.equal(
    g.dispatches.map(({ entry }) => entry),
    [`small_${layout}`],
  )
  const program = await g.compile()
  const results = []
  for (let i = 0; i < 2; i++) {
    program.poison()
    program.write(a, randomArray(1, a.size))
    program.write(b, randomArray(2, b.size))
    program.run()
    results.push(await program.read(c))
  }
  program.destroy()
  return { c: results[0], again: results[1] }
}

function reference(layout: Layout, m: number, n: number, k: number, batches: number): Float64Array {
  const [a, b] = [randomArray(1, batches * m * k), randomArray(2, batches * n * k)]
  const y = new Float64Array(batches * m * n)
  for (let e = 0; e < batches; e++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let l = 0; l < k; l++)
          y[(e * m + i) * n + j] +=
            a[e * m * k + (layout === 'tn' ? l * m + i : i * k + l)] *
            b[e * n * k + (layout === 'nt' ? j * k + l : l * n + j)]
  return y
}

test.run()
