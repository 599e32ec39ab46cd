/** @file The shapes by which the forms of kernels are chosen: those of each class that a training step has. */
import { type Layout, PRODUCT_CLASSES, type ProductClass, productClass } from '../engine/device/product-class'
import type { Tensor } from '../engine/graph/tensor'
import { gemm } from '../engine/ops/gemm'
import { type MicroCase, floats } from './case'
import { cases as attention } from './ops/attention'

export type TuneCases = { products: Record<ProductClass, MicroCase[]>; attention: MicroCase[] }

/** C (m, n), sums of k terms; `rank` extends it by LoRA on its first half of columns. */
interface Shape {
  layout: Layout
  m: number
  n: number
  k: number
  batches?: number
  rank?: number
}

/** What a step of so many tokens multiplies in its encoder, of this width, and in its decoder. */
function shapesOf(tokens: number, dim: number, pixels: number): Shape[] {
  const gradients = [4, 16, 64].flatMap((rank): Shape[] => [
    { layout: 'tn', m: 2 * rank, n: dim, k: tokens },
    { layout: 'tn', m: dim, n: rank, k: tokens },
  ])
  const lowRank = [4, 16].flatMap((rank): Shape[] => [
    { layout: 'nt', m: tokens, n: 2 * rank, k: dim },
    { layout: 'nn', m: tokens, n: rank, k: dim },
  ])
  return [
    { layout: 'nt', m: tokens, n: 4 * dim, k: dim },
    { layout: 'nt', m: tokens, n: 3 * dim, k: dim, rank: 16 },
    { layout: 'nn', m: tokens, n: dim, k: 4 * dim },
    { layout: 'nn', m: tokens, n: dim, k: 3 * dim, rank: 16 },
    { layout: 'tn', m: 4 * dim, n: dim, k: Math.min(tokens, 4 * dim) },
    ...gradients,
    ...lowRank,
    // the decoder: its tokens, LoRA on them, and the masks' products over all pixels
    { layout: 'nt', m: 64, n: 256, k: 256 },
    { layout: 'nn', m: 64, n: 256, k: 256 },
    { layout: 'tn', m: 32, n: 256, k: 448 },
    { layout: 'tn', m: pixels, n: 32, k: 4, batches: 8 },
    { layout: 'nn', m: 4, n: 32, k: pixels, batches: 8 },
    // a convolution of the neck, a part of its pixels
    { layout: 'nt', m: pixels / 16, n: 256, k: 2304 },
  ]
}

/** Shapes of ViT-B at 512, eight images, for a GPU, of TinyViT at 512, one image, for a software adapter. */
export function tuneCases(software: boolean): TuneCases {
  const shapes = software ? shapesOf(1024, 160, 4096) : shapesOf(8192, 768, 16384)
  const names = ['attention 32x32 window 14 heads 12', 'attention 32x32 window 32 heads 12']
  return {
    products: byClass(shapes),
    attention: attention.filter((one) => (software ? one.quick : names.some((name) => one.name.includes(name)))),
  }
}

function byClass(shapes: readonly Shape[]): Record<ProductClass, MicroCase[]> {
  const of = ({ layout, m, n, k }: Shape) => productClass(layout, m, n, k)
  return Object.fromEntries(
    PRODUCT_CLASSES.map((one) => [one, shapes.filter((shape) => of(shape) === one).map(productOf)]),
  ) as Record<ProductClass, MicroCase[]>
}

function productOf({ layout, m, n, k, batches = 1, rank = 0 }: Shape): MicroCase {
  const many = batches > 1 ? `${batches} of ` : ''
  return {
    name: `${many}${layout} ${m}x${n}x${k}${rank ? ` with LoRA of rank ${rank}` : ''}`,
    quick: true,
    record(bench) {
      const a = layout === 'tn' ? bench.operand('A', batches * k, m) : bench.operand('A', batches * m, k)
      const b = layout === 'nt' ? bench.operand('B', batches * n, k) : bench.operand('B', batches * k, n)
      const c = bench.g.tensor('C', [batches * m, n])
      const part = (tensor: Tensor) => ({ tensor, stride: tensor.columns, batch: tensor.size / batches })
      const end = layout === 'nt' ? Math.floor(n / 8) * 4 : n
      const lora = rank && {
        t: bench.operand('t', m, rank),
        tb: bench.operand('B of LoRA', end, rank),
        rank,
        scale: 1,
        extensions: [{ start: 0, end, column: 0, offset: 0 }],
      }
      gemm(bench.g, { layout, m, n, k, batches, a: part(a), b: part(b), c: part(c), lora: lora || null })
      const bytes = floats(batches * (m * k + k * n + m * n), rank * (m + end))
      return { output: null, forward: { flops: 2 * (batches * m * n * k + m * end * rank), bytes } }
    },
  }
}
