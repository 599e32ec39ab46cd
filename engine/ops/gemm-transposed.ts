/**
 * @file Matrix products that transpose A first. On a software adapter the speed of a GEMM is limited by its loads. The TN
 * kernel has few loads, all of vec4, and is about twice as fast as the others, while transposing A (and B, for NT) costs
 * only a few percent of the product's time.
 */
import shader from '../../shaders/gemm-direct4.wgsl'
import type { Recorder } from '../graph/dispatch'
import type { Tensor } from '../device/tensor'
import { tilesOfRows } from './gemm-dispatch'
import type { Gemm, Operand } from './gemm-types'

/** Products with a smaller side gain nothing by it. */
const MIN = { m: 128, n: 32, k: 16 }

const multipleOf4 = (n: number) => n % 4 === 0

/**
 * True if the product can be computed this way: a single matrix (no batches or heads), aligned to vec4, and no activation if
 * it has LoRA, whose terms are added to C afterwards.
 */
export function fitsTransposed(o: Gemm): boolean {
  if (o.layout === 'tn' || (o.heads ?? 1) * (o.batches ?? 1) > 1) return false
  if (o.m < MIN.m || o.n < MIN.n || o.k < MIN.k || !multipleOf4(o.n) || !multipleOf4(o.k)) return false
  if (o.lora && (o.pre || (o.activation ?? 'none') !== 'none')) return false
  return [o.a, o.b, o.c].every(({ stride, offset = 0 }) => multipleOf4(stride) && multipleOf4(offset))
}

/**
 * Records the product `o` by `record`, in parts: all rows of A but the last m % 4 as a TN product, the remaining rows, and
 * the LoRA extensions.
 */
export function gemmTransposed(g: Recorder, o: Gemm, record: (g: Recorder, o: Gemm) => void): void {
  const { m, n, k, lora } = o
  const bulk = m - (m % 4)
  const a = transpose(g, o.a, bulk, k)
  const b = o.layout === 'nt' ? transpose(g, o.b, n, k) : o.b
  const plain: Gemm = { ...o, lora: null }
  record(g, { ...plain, layout: 'tn', m: bulk, a, b })
  if (bulk < m) {
    const below = (x: Operand): Operand => ({ ...x, offset: (x.offset ?? 0) + bulk * x.stride })
    record(g, { ...plain, m: m - bulk, a: below(o.a), c: below(o.c) })
  }
  for (const { start, end, column, offset } of lora?.extensions ?? []) {
    const { left, right, rank, scale } = lora!
    const down = { tensor: left, stride: left.columns, offset: column }
    const target = { ...o.c, offset: (o.c.offset ?? 0) + start }
    const size = { m, n: end - start, k: rank, a: down, c: target, alpha: scale, accumulate: 1 } as const
    if (o.layout === 'nt') record(g, { ...size, layout: 'nt', b: { tensor: right, stride: rank, offset } })
    else record(g, { ...size, layout: 'nn', b: { tensor: right, stride: n, offset } })
  }
}

/** x (rows, columns) to (columns, rows); rows and columns are multiples of 4. */
function transpose(g: Recorder, x: Operand, rows: number, columns: number): Operand {
  const tensor: Tensor = g.tensor(`${x.tensor.label}: transposed`, [columns, rows])
  const nothing = { lda: 0, ldb: 0, ldc: 0, ld_left: 0, a_offset: 0, b_offset: 0, c_offset: 0 }
  const single = { a_batch: 0, b_batch: 0, c_batch: 0, a_head: 0, b_head: 0, c_head: 0 }
  const plain = {
    bias: 0,
    activation: 0,
    residual: 0,
    accumulate: 0,
    keep_pre: 0,
    extensions: 0,
    rank: 0,
    ext_scale: 0,
  }
  const params = { m: rows, n: 0, k: columns, heads: 1, alpha: 1, ext: [], ...nothing, ...single, ...plain }
  const most = 32 * tilesOfRows(g)
  for (let start = 0; start < rows; start += most) {
    const m = Math.min(most, rows - start)
    const place = { lda: x.stride, ldc: rows, a_offset: (x.offset ?? 0) + start * x.stride, c_offset: start }
    const grid = [Math.ceil(columns / 32), Math.ceil(m / 32)] as const
    g.dispatch(shader, 'direct4_transpose', { a: x.tensor, c: tensor }, { ...params, m, ...place }, grid)
  }
  return { tensor, stride: rows }
}
