/**
 * @file Products split over k. A GPU needs hundreds of workgroups to be busy, and the gradient of a low-rank matrix has a
 * dozen tiles, each a sum over all tokens. So ranges of k are summed side by side, in place of heads, into an intermediate,
 * and a second pass adds them in order (no atomics: the bits repeat), scales, and accumulates.
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

/** Into how many ranges of k to split; 1 where there are workgroups enough, k is short, or C is more than alpha·A·B (+ C). */
export function rangesOf({ m, n, k, batches = 1, heads = 1, ...o }: Gemm): number {
  if (heads > 1 || o.bias || o.residual || o.pre || o.lora || (o.activation ?? 'none') !== 'none') return 1
  const tiles = Math.ceil(m / TILE) * Math.ceil(n / TILE) * batches
  return Math.max(1, Math.min(Math.floor(WANTED / tiles), Math.floor(k / LEAST)))
}

/** Records the same as `gemm` does, in so many ranges (2 or more). `record` is `gemm` in a form that does not split. */
export function gemmSplit(g: Recorder, o: Gemm, ranges: number, record: (g: Recorder, o: Gemm) => void): void {
  const { layout, m, n, k, batches = 1 } = o
  // ranges that begin at whole vectors; what k has beyond them is one more, a short one
  const terms = Math.floor(k / ranges / 4) * 4
  const rest = k - ranges * terms
  const size = batches * m * n
  const partial = g.tensor('partial products', [ranges + (rest ? 1 : 0), batches, m, n])
  const step = { a: layout === 'tn' ? o.a.stride : 1, b: layout === 'nt' ? 1 : o.b.stride }
  const from = (x: Operand, stride: number, first: number): Operand => ({
    ...x,
    offset: (x.offset ?? 0) + first * stride,
    head: terms * stride,
  })
  const part = (first: number, count: number, heads: number) =>
    record(g, {
      layout,
      m,
      n,
      k: count,
      batches,
      heads,
      a: from(o.a, step.a, first),
      b: from(o.b, step.b, first),
      c: { tensor: partial, offset: (first / terms) * size, stride: n, batch: m * n, head: size },
    })
  part(0, terms, ranges)
  if (rest) part(ranges * terms, rest, 1)
  const { tensor: c, stride: ldc, offset: c_offset = 0, batch: c_batch = 0 } = o.c
  g.dispatch(
    shader,
    'split_sum',
    { partial, c },
    {
      batches,
      m,
      n,
      ranges: ranges + (rest ? 1 : 0),
      ldc,
      c_offset,
      c_batch,
      accumulate: o.accumulate ?? 0,
      alpha: o.alpha ?? 1,
    },
    grid1d(size, 64),
  )
}
