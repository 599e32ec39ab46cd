/** Small tiles of matrix products: when they are used, and every layout against float64 at ragged sizes, batched. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allMatmuls } from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout } from '../../../engine/device/matmul-class'
import { Graph } from '../../../engine/graph/graph'
import { suitsSmallTiles } from '../../../engine/ops/gemm-small'
import { engine } from '../../support/engine'
import { productReference, productTwice } from '../../support/gemm-product'
import { relativeError } from '../../support/random'

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
      const error = relativeError(c, productReference(layout, m, n, k, batches))
      assert.ok(error < 1e-6, `${name}: ${error}`)
    }
  })

/** With small tiles. */
async function run(layout: Layout, m: number, n: number, k: number, batches: number) {
  engine.variants = { ...usual, matmul: allMatmuls('shared-small') }
  const product = await productTwice(layout, m, n, k, batches)
  assert.equal(product.entries, [`small_${layout}`])
  return product
}

test.run()
