/** @file Matrix products at the shapes of SAM's linear layers: forward (nt), their inputs' gradients (nn), weights' (tn). */
import type { Tensor } from '../../engine/graph/tensor'
import { type Gemm, gemm } from '../../engine/ops/gemm'
import { type MicroCase, floats } from '../case'

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

/** C (m, n) of a product over k. */
export function productCase(layout: Gemm['layout'], shape: number[], what: string, quick: boolean): MicroCase {
  const [m, n, k] = shape
  return {
    name: `gemm ${layout} ${m}x${n}x${k} (${what})`,
    quick,
    record(bench) {
      const a = layout === 'tn' ? bench.operand('A', k, m) : bench.operand('A', m, k)
      const b = layout === 'nt' ? bench.operand('B', n, k) : bench.operand('B', k, n)
      const c = bench.g.tensor('C', [m, n])
      const whole = (tensor: Tensor) => ({ tensor, stride: tensor.columns })
      gemm(bench.g, { layout, m, n, k, a: whole(a), b: whole(b), c: whole(c) })
      return { output: null, forward: { flops: 2 * m * n * k, bytes: floats(m * k, n * k, m * n) } }
    },
  }
}
