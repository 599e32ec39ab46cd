/** Large tiles of matrix products: when they are used, and every layout against float64 at ragged sizes, batched, with LoRA. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type LargeTile, allMatmuls } from '../../../engine/device/kernel-variants'
import { LAYOUTS, type Layout } from '../../../engine/device/matmul-class'
import { Graph } from '../../../engine/graph/graph'
import type { Gemm } from '../../../engine/ops/gemm'
import { largeTiles } from '../../../engine/ops/gemm-large'
import { linear } from '../../../engine/ops/linear'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { productReference, productTwice } from '../../support/gemm-product'
import { relativeError } from '../../support/random'
import { gelu } from '../../support/reference'

const usual = engine.variants
test.after.each(() => void (engine.variants = usual))
const TILES: LargeTile[] = ['large', 'medium']
const use = (largeTile?: LargeTile) => {
  engine.variants = { ...usual, matmul: allMatmuls('shared-large'), largeTile }
}

test('the tile with the fewest idle compute units, and k split where there are few blocks', () => {
  const tensor = new Graph(engine).tensor('any', [1])
  const operand = { tensor, stride: 4 }
  const chosen = (layout: Layout, m: number, n: number, k: number, more: Partial<Gemm> = {}) => {
    const found = largeTiles({ layout, m, n, k, a: operand, b: operand, c: operand, ...more })
    return found && `${found.kernel.entry} ${found.ranges?.count ?? 1}`
  }
  // 1024 and 1536 blocks of 128 x 128 fill 3.9 and 5.8 waves of 264; 384 would fill 1.5, and are 768 of 128 x 64
  assert.is(chosen('nt', 4096, 4096, 4096), 'large_nt 1')
  assert.is(chosen('nt', 8192, 3072, 768), 'large_nt 1')
  assert.is(chosen('nn', 8192, 768, 3072), 'medium_nn 1')
  // one image of ViT-B at 512: 96 blocks of 128 x 64, in four ranges 384 of 396
  assert.is(chosen('nt', 1024, 768, 3072), 'medium_nt 4')
  // the gradients of LoRA's matrices at rank 512
  assert.match(chosen('tn', 768, 512, 8192)!, /^(large|medium)_tn \d+$/)
  assert.not.match(chosen('tn', 768, 512, 8192)!, / 1$/)
  // what the second pass cannot do is not split
  assert.is(chosen('nt', 1024, 768, 3072, { activation: 'gelu' }), null)
  assert.is(chosen('nt', 448, 256, 256), null, 'the tokens of 64 prompts')
  assert.is(chosen('nt', 8192, 32, 768), null, 'a low rank')
  assert.is(chosen('nt', 8190, 3072, 767), null, 'not aligned')
  assert.is(chosen('nt', 8190, 3072, 768), 'large_nt 1', 'rows may be of any number')
})

for (const layout of LAYOUTS)
  for (const tile of TILES)
    test(`${tile} ${layout}: against float64, one block and several, sums that fill no panel, batches, and bits that repeat`, async () => {
      for (const [m, n, k, batches] of [
        [4, 4, 4, 1],
        [layout === 'tn' ? 132 : 131, 68, layout === 'tn' ? 37 : 36, 2],
        // more rows of blocks than run together
        [tile === 'medium' ? 1156 : 260, 196, 20, 1],
      ]) {
        const { c, again } = await run(layout, tile, m, n, k, batches)
        const name = `${layout} ${batches} of ${m}x${n}x${k}`
        assert.equal(c, again, name)
        const error = relativeError(c, productReference(layout, m, n, k, batches))
        assert.ok(error < 1e-6, `${name}: ${error}`)
      }
    })

test('a deep product is split, with what its ranges leave', async () => {
  for (const layout of LAYOUTS)
    for (const tile of TILES) {
      const { c, again, entries } = await run(layout, tile, 8, 12, 1028, 1)
      // one k of each 257 that are not whole vec4 makes a rest, but not where k is a step
      const rest = layout === 'tn' ? 0 : 1
      assert.equal(entries, [...Array(1 + rest).fill(`${tile}_${layout}`), 'split_sum'])
      assert.equal(c, again)
      assert.ok(relativeError(c, productReference(layout, 8, 12, 1028, 1)) < 1e-6)
    }
})

for (const tile of TILES)
  test(`${tile}: LoRA on ranges of columns, bias, GELU, residual, and all gradients`, async () => {
    const [m, n, k, rank] = [131, 96, 20, 8]
    const ranges = [
      { start: 4, end: 36 },
      { start: 60, end: 92 },
    ]
    use(tile)
    const activation = tile === 'large' ? 'gelu' : 'none'
    await checkOp({
      inputs: {
        x: { shape: [m, k], grad: true },
        weight: { shape: [n, k], grad: true },
        bias: { shape: [n], grad: true },
        residual: { shape: [m, n], grad: true },
        a: { shape: [2 * rank, k], grad: true },
        b: { shape: [64, rank], grad: true },
      },
      build: (g, { x, weight, bias, residual, a, b }) => {
        const lora = { rank, scale: 0.5, a, b, ranges }
        const y = linear(g, x, { weight, bias, lora }, { residual, activation })
        assert.is(g.dispatches.at(-1)!.entry, `${tile}_nt`)
        return y
      },
      reference: ({ x, weight, bias, residual, a, b }) => {
        const y = new Float64Array(m * n)
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            y[i * n + j] = bias[j]
            for (let l = 0; l < k; l++) y[i * n + j] += x[i * k + l] * weight[j * k + l]
          }
          ranges.forEach(({ start }, target) => {
            for (let r = 0; r < rank; r++) {
              let t = 0
              for (let l = 0; l < k; l++) t += x[i * k + l] * a[(target * rank + r) * k + l]
              for (let j = 0; j < 32; j++) y[i * n + start + j] += 0.5 * t * b[(target * 32 + j) * rank + r]
            }
          })
        }
        return y.map((v, i) => (activation === 'gelu' ? gelu(v) : v) + residual[i])
      },
      samples: 6,
      epsilon: 1e-6,
      gradientTolerance: 2e-5,
    })
  })

/** With a tile of that size. */
async function run(layout: Layout, tile: LargeTile, m: number, n: number, k: number, batches: number) {
  use(tile)
  const product = await productTwice(layout, m, n, k, batches)
  assert.is(product.entries[0], `${tile}_${layout}`)
  return product
}

test.run()
