/**
 * @file Matrix products split over k (split-k). A GPU needs hundreds of workgroups to be busy, but the gradient of a low-rank
 * matrix has only a dozen tiles, each a sum over all tokens. So ranges of k are summed in parallel into an intermediate,
 * using the kernels' head dimension, and a second pass adds the partial sums in a fixed order (without atomics, so results
 * repeat to the bit) and applies the epilogue.
 */
import shader from '../../shaders/split-sum.wgsl'
import type { Recorder } from '../graph/dispatch'
import { grid1d } from '../device/grid'
import type { Gemm, Operand } from './gemm-types'

/** What decides into how many ranges a kernel's products are split. */
export interface SplitAim {
  /** Rows and columns of outputs that one workgroup computes. */
  tile: { m: number; n: number }
  /** Number of workgroups that a split product should have. WebGPU does not report the number of compute units. */
  workgroups: number
  /** Minimum terms in a range: with fewer, writing and reading the partial sums costs as much as reading the operands. */
  terms: number
}

/**
 * For the f32 kernels. Large GPUs have 60 to 140 compute units; a workgroup takes two to four of the dozens of subgroups that
 * a unit can hold, so 512 is about four workgroups a unit on the largest GPUs.
 */
const F32_AIM: SplitAim = { tile: { m: 64, n: 64 }, workgroups: 512, terms: 128 }
/** Maximum number of ranges: one invocation of the second pass adds all partial sums of an output. */
const MAX_RANGES = 128

export interface SplitRanges {
  count: number
  /** Terms of k in each range. */
  terms: number
  /** Terms of k after the last range, which form one more range; fewer than `count`, or than 4 * `count` for vec4 ranges. */
  rest: number
}

/**
 * How to split a product over k. null if it has enough workgroups already, k is short, or the epilogue is not one of those
 * that the second pass supports. Up to a quarter fewer ranges are used if that leaves no rest.
 */
export function splitRanges(o: Gemm, aim: SplitAim = F32_AIM): SplitRanges | null {
  if (!canSplit(o)) return null
  const { layout, m, n, k, batches = 1 } = o
  const tiles = Math.ceil(m / aim.tile.m) * Math.ceil(n / aim.tile.n) * batches
  const most = Math.min(Math.floor(aim.workgroups / tiles), Math.floor(k / aim.terms), MAX_RANGES)
  if (most < 2) return null
  for (let count = most; count >= 2 && count >= 0.75 * most; count--) {
    const ranges = rangesOf(layout, k, count)
    if (!ranges.rest) return ranges
  }
  return rangesOf(layout, k, most)
}

/** True if the second pass supports the product's epilogue, and the dimension of heads is free for the ranges. */
export function canSplit({ heads = 1, pre, slope, lora, activation = 'none' }: Gemm): boolean {
  return heads === 1 && !pre && !slope && !lora && activation === 'none'
}

/** k in `count` ranges and a rest. */
export function rangesOf(layout: Gemm['layout'], k: number, count: number): SplitRanges {
  // if k runs along a row, ranges begin at whole vec4
  const unit = layout === 'tn' ? 1 : 4
  const terms = Math.floor(k / count / unit) * unit
  return { count, terms, rest: k - count * terms }
}

/** Records the product `o` in ranges of k. `record` records a product by a variant that does not split. */
export function gemmSplit(g: Recorder, o: Gemm, ranges: SplitRanges, record: (g: Recorder, o: Gemm) => void): void {
  const { layout, m, n, batches = 1, bias = null, residual = null } = o
  const { count, terms, rest } = ranges
  const size = batches * m * n
  const all = count + (rest ? 1 : 0)
  const partial = g.tensor('partial products', [all, batches, m, n])
  const along = { a: layout === 'tn' ? o.a.stride : 1, b: layout === 'nt' ? 1 : o.b.stride }
  const from = (x: Operand, stride: number, range: number): Operand => ({
    ...x,
    offset: (x.offset ?? 0) + range * terms * stride,
    head: terms * stride,
  })
  const part = (range: number, heads: number, k: number) =>
    record(g, {
      layout,
      m,
      n,
      k,
      batches,
      heads,
      a: from(o.a, along.a, range),
      b: from(o.b, along.b, range),
      c: { tensor: partial, offset: range * size, stride: n, batch: m * n, head: size },
    })
  part(0, count, terms)
  if (rest) part(count, 1, rest)
  const params = {
    batches,
    m,
    n,
    ranges: all,
    ldc: o.c.stride,
    c_offset: o.c.offset ?? 0,
    c_batch: o.c.batch ?? 0,
    bias: bias ? 1 : 0,
    residual: residual ? 1 : 0,
    accumulate: o.accumulate ?? 0,
    alpha: o.alpha ?? 1,
  }
  const bindings = { partial, c: o.c.tensor, bias_values: bias, residual_values: residual }
  g.dispatch(shader, 'split_sum', bindings, params, grid1d(size, 64))
}
