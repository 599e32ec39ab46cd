/** @file Matrix products at the shapes of SAM's linear layers: forward (nt), gradient of the input (nn), of the weight (tn). */
import type { Tensor } from '../../engine/device/tensor'
import { type Gemm, gemm } from '../../engine/ops/gemm'
import { type MicroCase, type RecordedCase, type Workbench, floats } from '../micro-case'
import { inHigh } from '../precisions'

const shapes: { m: number; n: number; k: number; usage: string; quick: boolean; high?: boolean }[] = [
  { m: 4096, n: 2304, k: 768, usage: 'ViT-B 1024, qkv', quick: false },
  { m: 4096, n: 768, k: 768, usage: 'ViT-B 1024, proj', quick: false },
  { m: 4096, n: 3072, k: 768, usage: 'ViT-B 1024, lin1', quick: false },
  { m: 4096, n: 768, k: 3072, usage: 'ViT-B 1024, lin2', quick: false },
  { m: 4096, n: 5120, k: 1280, usage: 'ViT-H 1024, lin1', quick: false },
  { m: 8192, n: 3072, k: 768, usage: 'ViT-B 512, eight images, lin1', quick: false, high: true },
  { m: 4096, n: 4096, k: 4096, usage: 'square', quick: false, high: true },
  { m: 1024, n: 768, k: 768, usage: 'ViT-B 512, proj', quick: true },
  { m: 16384, n: 512, k: 128, usage: 'TinyViT 1024, stage 1, fc1', quick: false },
  { m: 4096, n: 480, k: 160, usage: 'TinyViT 1024, stage 2, qkv', quick: false },
  { m: 1024, n: 640, k: 160, usage: 'TinyViT 512, stage 2, fc1', quick: true },
  { m: 448, n: 256, k: 256, usage: 'decoder, 64 prompts, tokens', quick: false },
]

/** The matrix products of the forward pass, of the input's gradient and of the weight's gradient. */
const layouts = [
  { layout: 'nt', of: (m: number, n: number, k: number) => [m, n, k] },
  { layout: 'nn', of: (m: number, n: number, k: number) => [m, k, n] },
  { layout: 'tn', of: (m: number, n: number, k: number) => [n, k, m] },
] as const

export const gemmCases: MicroCase[] = shapes.flatMap(({ m, n, k, usage, quick, high }) =>
  layouts.flatMap(({ layout, of }) => {
    const one = matmulCase(layout, of(m, n, k), usage, quick)
    return high ? [one, inHigh(one, ', ')] : [one]
  }),
)

/** C (m, n), with sums over k terms. `rank` adds a LoRA update; for layout nt to the first half of the columns only. */
export interface MatmulShape {
  layout: Gemm['layout']
  m: number
  n: number
  k: number
  batches?: number
  rank?: number
}

export function recordMatmul(bench: Workbench, { layout, m, n, k, batches = 1, rank = 0 }: MatmulShape): RecordedCase {
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

/** The case of a matrix product with `shape` [m, n, k]. */
export function matmulCase(layout: Gemm['layout'], shape: number[], usage: string, quick: boolean): MicroCase {
  const [m, n, k] = shape
  return {
    name: `gemm ${layout} ${m}x${n}x${k} (${usage})`,
    quick,
    record: (bench) => recordMatmul(bench, { layout, m, n, k }),
  }
}
