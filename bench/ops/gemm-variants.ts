/**
 * @file Matrix products by each kernel variant for GPUs, whatever the engine would choose: how far apart f32, f16 operands and
 * f32 accuracy on matrix units are, and from which size on the units win.
 */
import { type LargeTile, type MatmulVariant, allMatmuls } from '../../engine/device/kernel-variants'
import type { MicroCase } from '../micro-case'
import { type MatmulShape, recordMatmul } from './gemm'

const shapes: MatmulShape[] = [
  { layout: 'nt', m: 4096, n: 4096, k: 4096 },
  { layout: 'nt', m: 8192, n: 3072, k: 768 },
  { layout: 'nn', m: 8192, n: 768, k: 3072 },
  { layout: 'tn', m: 3072, n: 768, k: 8192 },
  // LoRA of rank 512: forward, and the gradient of B
  { layout: 'nt', m: 8192, n: 2304, k: 768, rank: 512 },
  { layout: 'tn', m: 768, n: 512, k: 8192 },
  // few rows: where the f32 kernels may be faster
  { layout: 'nt', m: 1024, n: 768, k: 768 },
  { layout: 'nt', m: 448, n: 256, k: 256 },
]

/** Names of the rows, and what is recorded. `large` and `medium` are the two tiles that `shared-large` chooses from. */
const variants: Record<string, { matmul: MatmulVariant; largeTile?: LargeTile }> = {
  shared: { matmul: 'shared' },
  large: { matmul: 'shared-large', largeTile: 'large' },
  medium: { matmul: 'shared-large', largeTile: 'medium' },
  matrix: { matmul: 'matrix' },
  'matrix-split3': { matmul: 'matrix-split3' },
}

export const gemmVariantCases: MicroCase[] = Object.entries(variants).flatMap(([name, { matmul, largeTile }]) =>
  shapes.map((shape): MicroCase => {
    const { layout, m, n, k, rank } = shape
    return {
      name: `gemm ${layout} ${m}x${n}x${k}${rank ? ` with LoRA of rank ${rank}` : ''} by ${name}`,
      quick: false,
      record(bench) {
        const { engine } = bench
        if (matmul.startsWith('matrix') && !engine.matrixUnits)
          throw new Error('this adapter has no matrix units to use')
        const usual = engine.variants
        engine.variants = { ...usual, matmul: allMatmuls(matmul), largeTile, matrixWork: 0 }
        try {
          return recordMatmul(bench, shape)
        } finally {
          engine.variants = usual
        }
      },
    }
  }),
)
