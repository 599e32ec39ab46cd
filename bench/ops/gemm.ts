/** @file Matrix products at the shapes of SAM's linear layers: forward (nt), their inputs' gradients (nn), weights' (tn). */
import type { Tensor } from '../../engine/device/tensor'
import { type Gemm, gemm } from '../../engine/ops/gemm'
import { type MicroCase, type Recorded, type Workbench, floats } from '../micro-case'

const shapes = [
  { m: 4096, n: 2304, k: 768, what: 'ViT-B 1024, qkv', quick: false },
  { m: 4096, n: 768, k: 768, what: 'ViT-B 1024, proj', quick: false },
  { m: 4096, n: 3072, k: 768, what: 'ViT-B 1024, lin1', quick: false },
  { m: 4096, n: 768, k: 3072, what: 'ViT-B 1024, lin2', quick: false },
  { m: 4096, n: 5120, k: 1280, what: 'ViT-H 1024, lin1', quick: false },
  { m: 8192, n: 3072, k: 768, what: 'ViT-B 512, eight images, lin1', quick: false },
  { m: 1024, n: 768, k: 768, what: 'ViT-B 512, proj', quick: true },
  { m: 16384, n: 512, k: 128, what: 'TinyViT 1024, stage 1, fc1', quick: false },
  { m: 4096, n: 480, k: 160, what: 'TinyViT 1024, stage 2, qkv', quick: false },
  { m: 1024, n: 640, k: 160, what: 'TinyViT 512, stage 2, fc1', quick: true },
  { m: 448, n: 256, k: 256, what: 'decoder, 64 prompts, tokens', quick: false },
]

/** The product of the forward, of the input's gradient and of the weight's. */
const products = [
  { layout: 'nt', of: (m: number, n: number, k: number) => [m, n, k] },
  { layout: 'nn', of: (m: number, n: number, k: number) => [m, k, n] },
  { layout: 'tn', of: (m: number, n: number, k: number) => [n, k, m] },
] as const

export const cases: MicroCase[] = shapes.flatMap(({ m, n, k, what, quick }) =>
  products.map(({ layout, of }) => productCase(layout, of(m, n, k), what, quick)),
)

/** C (m, n), sums of k terms; `rank` extends it by LoRA, on the first half of the columns of an nt. */
export interface Product {
  layout: Gemm['layout']
  m: number
  n: number
  k: number
  batches?: number
  rank?: number
}

export function recordProduct(bench: Workbench, { layout, m, n, k, batches = 1, rank = 0 }: Product): Recorded {
  const a = layout === 'tn' ? bench.operand('A', batches * k, m) : bench.operand('A', batches * m, k)
  const b = layout === 'nt' ? bench.operand('B', batches * n, k) : bench.operand('B', batches * k, n)
  const c = bench.g.tensor('C', [batches * m, n])
  const part = (tensor: Tensor) => ({ tensor, stride: tensor.columns, batch: tensor.size / batches })
  const end = layout === 'nt' ? Math.floor(n / 8) * 4 : n
  const lora = rank
    ? {
        left: bench.operand('left of LoRA', m, rank),
        right: bench.operand('right of LoRA', end, rank),
        rank,
        scale: 1,
        extensions: [{ start: 0, end, column: 0, offset: 0 }],
      }
    : null
  gemm(bench.g, { layout, m, n, k, batches, a: part(a), b: part(b), c: part(c), lora })
  const bytes = floats(batches * (m * k + k * n + m * n), rank * (m + end))
  return { output: null, forward: { flops: 2 * (batches * m * n * k + m * end * rank), bytes } }
}

/** C (m, n) of a product over k. */
export function productCase(layout: Gemm['layout'], shape: number[], what: string, quick: boolean): MicroCase {
  const [m, n, k] = shape
  return {
    name: `gemm ${layout} ${m}x${n}x${k} (${what})`,
    quick,
    record: (bench) => recordProduct(bench, { layout, m, n, k }),
  }
}
