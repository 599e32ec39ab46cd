/**
 * @file Products split over k. A GPU needs hundreds of workgroups to be busy, and the gradient of a low-rank matrix has a
 * dozen tiles, each a sum over all tokens. So ranges of k are summed side by side, in place of heads, into an intermediate,
 * and a second pass adds them in order (no atomics: the bits repeat) and does what a product does after its sums.
 */
import shader from '../../shaders/split-sum.wgsl'
import type { Recorder } from '../graph/dispatch'
import { grid1d } from '../graph/grid'
import type { Gemm, Operand } from './gemm-types'

/** Outputs along a side of the tile by which workgroups are counted. */
const TILE = 64
/**
 * Workgroups that a split product is to have. WebGPU does not tell how many compute units there are; large GPUs have 60 to 140,
 * and a workgroup of these kernels is two to four of the dozens of subgroups that a unit can hold: four a unit on the largest.
 */
const WANTED = 512
/** Terms of a range, at least: with fewer, writing and reading the partial sums costs as much as what they are summed from. */
const LEAST = 128
/** Ranges, at most: one invocation of the second pass adds all of an output's. */
const MOST = 128

export interface Ranges {
  count: number
  /** Of k in each range. */
  terms: number
  /** Of k beyond them, less than `count` (four times as many where ranges begin at vectors): a range of its own. */
  rest: number
}

/**
 * How to split a product over k; null where it has workgroups enough, k is short, or C is more than the second pass does.
 * Somewhat fewer ranges are taken where that leaves no rest.
 */
export function rangesOf({ layout, m, n, k, batches = 1, heads = 1, ...o }: Gemm): Ranges | null {
  if (heads > 1 || o.pre || o.lora || (o.activation ?? 'none') !== 'none') return null
  const tiles = Math.ceil(m / TILE) * Math.ceil(n / TILE) * batches
  const most = Math.min(Math.floor(WANTED / tiles), Math.floor(k / LEAST), MOST)
  if (most < 2) return null
  // where k runs along a row, ranges begin at whole vectors
  const unit = layout === 'tn' ? 1 : 4
  const of = (count: number): Ranges => {
    const terms = Math.floor(k / count / unit) * unit
    return { count, terms, rest: k - count * terms }
  }
  for (let count = most; count >= 2 && count >= 0.75 * most; count--) if (!of(count).rest) return of(count)
  return of(most)
}

/** Records the same as `gemm` does, in ranges. `record` is `gemm` in a form that does not split. */
export function gemmSplit(g: Recorder, o: Gemm, ranges: Ranges, record: (g: Recorder, o: Gemm) => void): void {
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
