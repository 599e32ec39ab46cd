/** @file Which matrix products take the small tiles of shaders/gemm-small.wgsl. */
import type { Gemm } from './gemm-types'

/** Side of a tile of the usual kernels, and of the small ones. */
const [TILE, SMALL] = [64, 32]
/** With fewer tiles of the usual size, compute units of a large GPU are idle (see gemm-split.ts). */
const FEW_TILES = 256

/** True if tiles of 32 x 32 suit a product better: too few tiles of 64 x 64, or only half of each needed. */
export function suitsSmallTiles({ m, n, batches = 1, heads = 1 }: Gemm): boolean {
  if (Math.min(m, n) <= SMALL) return true
  return Math.ceil(m / TILE) * Math.ceil(n / TILE) * batches * heads < FEW_TILES
}
