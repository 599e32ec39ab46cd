/** @file Gathers rows by index, concatenates tensors by columns, and copies ranges of rows and columns. */
import rows1 from '../../shaders/rows.wgsl'
import rows4 from '../../shaders/rows4.wgsl'
import type { Graph, GradientTarget } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'

/** Parameters of the kernels of shaders/lib/rows.wgsl, which copy from a tensor `a`; in elements unless they count rows. */
interface RowCopy {
  /** Rows to write, and the length of each. */
  rows: number
  length: number
  /** Rows of `a`. */
  aRows: number
  aStride: number
  aOffset?: number
  outStride: number
  outOffset?: number
  /** The rows of `a` summed for each output row: this many, `step` rows apart. */
  repeats?: number
  step?: number
  accumulate?: 0 | 1
}

function recordCopy(
  g: Graph,
  entry: 'gather' | 'collect' | 'copy' | 'spread',
  bindings: Record<string, Tensor>,
  o: RowCopy,
): void {
  const { length, aStride, aOffset = 0, outStride, outOffset = 0 } = o
  const width = [length, aStride, aOffset, outStride, outOffset].every((n) => n % 4 === 0) ? 4 : 1
  const { rounds, grid } = elementwiseGrid(g.engine, length / width, o.rows)
  const params = {
    rounds,
    rows: o.rows,
    length: length / width,
    a_rows: o.aRows,
    a_stride: aStride / width,
    a_offset: aOffset / width,
    out_stride: outStride / width,
    out_offset: outOffset / width,
    repeats: o.repeats ?? 1,
    step: o.step ?? 0,
    accumulate: o.accumulate ?? 0,
  }
  const [x, z] = grid
  g.dispatch(width === 4 ? rows4 : rows1, entry, bindings, params, [x, o.rows, z])
}

/**
 * out[m] = x[index[m]] for x (N, ...) and index (M) of u32: returns (M, ...). Rows may be of any length, for example whole
 * image embeddings. An index of N or more returns zeros and receives no gradient. The backward pass compares all M indices
 * with each row of x, so M should be a few hundred at most.
 */
export function gatherRows(g: Graph, x: Tensor, index: Tensor): Tensor {
  const [n, ...rest] = x.shape
  const m = index.size
  const length = x.size / n
  const sizes = { length, aStride: length, outStride: length }
  const y = g.tensor(`${x.label}: rows by ${index.label}`, [m, ...rest])
  recordCopy(g, 'gather', { a: x, index, out: y }, { ...sizes, rows: m, aRows: n })
  g.record([x], y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx) collectRows(g, dy, index, dx)
  })
  return y
}

/** The reverse of `gatherRows`: row n of the target (+)= the sum of the rows m of dy with index[m] = n, in ascending order. */
export function collectRows(g: Graph, dy: Tensor, index: Tensor, { tensor: out, accumulate }: GradientTarget): void {
  const aRows = index.size
  const length = dy.size / aRows
  const rows = out.size / length
  const sizes = { rows, length, aRows, aStride: length, outStride: length, accumulate }
  recordCopy(g, 'collect', { a: dy, index, out }, sizes)
}

/** The range of a tensor that `copyInto` writes. */
export interface RowRange {
  /** Rows of the target to write; a multiple of the source's rows, which are repeated. */
  rows: number
  /** Elements between the starts of the target's rows. */
  targetStride: number
  /** The first element to write. */
  targetOffset: number
}

/**
 * Copies source (S, length) into a range of an existing tensor: row p of the range gets source row p % S, so a single row is
 * broadcast. The gradient of a repeated row is the sum over its copies, in ascending order. Call this before anything reads
 * the target; ranges must not overlap.
 * @throws Error if the source does not fit
 */
export function copyInto(
  g: Graph,
  source: Tensor,
  target: Tensor,
  { rows, targetStride, targetOffset }: RowRange,
): void {
  const sourceRows = source.rows
  const length = source.columns
  if (rows % sourceRows) throw new Error(`${source.label}: ${sourceRows} rows do not repeat into ${rows}`)
  if ((rows - 1) * targetStride + targetOffset + length > target.size || (rows > 1 && length > targetStride))
    throw new Error(
      `${source.label} [${source.shape}] does not fit into ${target.label} [${target.shape}] at ${targetOffset}`,
    )
  recordCopy(
    g,
    'copy',
    { a: source, out: target },
    { rows, length, aRows: sourceRows, aStride: length, outStride: targetStride, outOffset: targetOffset },
  )
  g.record([source], target, (gradient) => {
    const d = g.gradientTarget(source)
    if (!d) return
    recordCopy(
      g,
      'copy',
      { a: gradient, out: d.tensor },
      {
        rows: sourceRows,
        length,
        aRows: rows,
        aStride: targetStride,
        aOffset: targetOffset,
        outStride: length,
        repeats: rows / sourceRows,
        step: sourceRows,
        accumulate: d.accumulate,
      },
    )
  })
}

/**
 * Concatenates the sources by columns: (P, a), (P, b), ... to (P, a + b + ...). P is the maximum number of rows; sources with
 * fewer rows are repeated (tokens that all prompts share).
 */
export function concatColumns(g: Graph, label: string, sources: readonly Tensor[]): Tensor {
  const rows = Math.max(...sources.map((s) => s.rows))
  const targetStride = sources.reduce((sum, s) => sum + s.columns, 0)
  const target = g.tensor(label, [rows, targetStride])
  let targetOffset = 0
  for (const source of sources) {
    copyInto(g, source, target, { rows, targetStride, targetOffset })
    targetOffset += source.columns
  }
  return target
}

/** Columns start..end (exclusive) of x (rows, length): returns (rows, end - start). @throws Error if out of range */
export function takeColumns(g: Graph, x: Tensor, start: number, end: number): Tensor {
  const { rows, columns } = x
  if (!(start >= 0 && start < end && end <= columns))
    throw new Error(`${x.label} [${x.shape}] has no columns ${start} to ${end}`)
  const taken = end - start
  const y = g.tensor(`${x.label}: columns ${start} to ${end}`, [rows, taken])
  recordCopy(
    g,
    'copy',
    { a: x, out: y },
    { rows, length: taken, aRows: rows, aStride: columns, aOffset: start, outStride: taken },
  )
  g.record([x], y, (dy) => {
    const dx = g.gradientTarget(x)
    if (!dx) return
    const [a, out] = [dy, dx.tensor]
    const sizes = { rows, aRows: rows, aStride: taken, outStride: columns, outOffset: start }
    // the first contribution writes zeros to all other columns; later ones add to the range only
    if (dx.accumulate) recordCopy(g, 'copy', { a, out }, { ...sizes, length: taken, accumulate: 1 })
    else recordCopy(g, 'spread', { a, out }, { ...sizes, length: columns })
  })
  return y
}
