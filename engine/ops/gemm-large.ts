/**
 * @file Which f32 products take the large tiles of shaders/gemm-large.wgsl and gemm-medium.wgsl, and into how many ranges of k
 * they are split. WebGPU says neither how many compute units a GPU has nor how many workgroups fit on one, so the choice is
 * by a model of the largest cards, with rates of an H100: a tile's rate at best, less what its last wave of workgroups leaves
 * idle. In a laboratory there the model agreed with the time of each tile at three shapes to 3 % (docs/performance.md). On
 * smaller GPUs there are more waves, and the tiles differ less.
 */
import large from '../../shaders/gemm-large.wgsl'
import medium from '../../shaders/gemm-medium.wgsl'
import { matmulClass } from '../device/matmul-class'
import type { LargeTile } from '../device/kernel-variants'
import type { Shader } from '../device/shader'
import { alignedThroughout, type GemmKernel, multiplesOf4 } from './gemm-dispatch'
import { type SplitRanges, canSplit, rangesOf, splitRanges } from './gemm-split'
import { suitsSmallTiles } from './gemm-small'
import type { Gemm } from './gemm-types'

/** An H100 has 132 compute units; with these tiles two and three workgroups fit on one. Rates in multiply-adds a microsecond. */
const TILES = {
  large: { shader: large, m: 128, n: 128, slots: 2 * 132, rate: 18.2e6 },
  medium: { shader: medium, m: 128, n: 64, slots: 3 * 132, rate: 17.1e6 },
} satisfies Record<LargeTile, { shader: Shader; m: number; n: number; slots: number; rate: number }>
/** Rates of the usual tiles of 64 x 64, and of 32 x 32 where there are too few of these. */
const [USUAL_RATE, SMALL_RATE] = [14e6, 7e6]
/** Elements of partial sums written or read in a microsecond, and the microseconds of one more dispatch. */
const [PARTIALS, DISPATCH] = [0.6e6, 5]
/** A split product must be faster by this factor: it needs memory for its partial sums. */
const SPLIT_GAIN = 1.05
/** Terms in a range of k, at least, and ranges at most. */
const [TERMS, RANGES] = [256, 32]

export interface LargeTiles {
  kernel: GemmKernel
  ranges: SplitRanges | null
}

/**
 * The large tiles for a product, or null if smaller ones are faster or its operands are not aligned.
 * @param forced the tile of every aligned product, split if it is deep: for tests and benchmarks
 */
export function largeTiles(o: Gemm, forced?: LargeTile): LargeTiles | null {
  if (!multiplesOf4(alignedThroughout(o))) return null
  const { layout, m, n, k, batches = 1, heads = 1 } = o
  if (forced) {
    const { m: rows, n: columns, slots } = TILES[forced]
    const deep = matmulClass(layout, m, n, k).endsWith('deep')
    const aim = { tile: { m: rows, n: columns }, workgroups: slots, terms: TERMS }
    return { kernel: kernelOf(forced, layout), ranges: deep ? splitRanges(o, aim) : null }
  }
  const many = batches * heads
  const most = canSplit(o) ? Math.min(RANGES, Math.floor(k / TERMS)) : 1
  let best: LargeTiles | null = null
  let time = usualTime(o)
  for (const name of Object.keys(TILES) as LargeTile[]) {
    const { m: rows, n: columns, slots, rate } = TILES[name]
    const blocks = Math.ceil(m / rows) * Math.ceil(n / columns) * many
    for (let count = 1; count <= Math.max(1, most); count++) {
      const ranges = count > 1 ? rangesOf(layout, k, count) : null
      const waves = Math.ceil((blocks * count) / slots)
      // every slot computes a block in a wave, whether there is one or not
      let needed = (waves * slots * rows * columns * (ranges?.terms ?? k)) / rate
      if (ranges) {
        needed += (2 * count * m * n * many) / PARTIALS + DISPATCH * (ranges.rest ? 2 : 1)
        needed *= SPLIT_GAIN
      }
      if (needed < time) {
        time = needed
        best = { kernel: kernelOf(name, layout), ranges }
      }
    }
  }
  return best
}

/** Microseconds of a product by the tiles of 64 x 64 or 32 x 32. A deep one is split, which is a dispatch more. */
function usualTime(o: Gemm): number {
  const { layout, m, n, k, batches = 1, heads = 1 } = o
  const deep = matmulClass(layout, m, n, k).endsWith('deep')
  const small = suitsSmallTiles(o) && !deep
  const side = small ? 32 : 64
  const computed = Math.ceil(m / side) * Math.ceil(n / side) * side ** 2 * batches * heads
  return (computed * k) / (small ? SMALL_RATE : USUAL_RATE) + (deep ? DISPATCH : 0)
}

function kernelOf(name: LargeTile, layout: Gemm['layout']): GemmKernel {
  const { shader, m, n } = TILES[name]
  return { shader, entry: `${name}_${layout}`, tile: { m, n } }
}
