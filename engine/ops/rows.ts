/** @file Rows by index, and tensors put together from others column range by column range. */
import shader from '../../shaders/rows.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'

interface Copy {
  rows: number
  length: number
  aRows: number
  aStride: number
  aOffset?: number
  outStride: number
  outOffset?: number
  repeats?: number
  step?: number
  accumulate?: 0 | 1
}

function move(
  g: Graph,
  entry: 'gather' | 'collect' | 'copy' | 'spread',
  bindings: Record<string, Tensor>,
  o: Copy,
): void {
  const { rounds, grid } = elementwiseGrid(g.engine, o.length, o.rows)
  const params = {
    rounds,
    rows: o.rows,
    length: o.length,
    a_rows: o.aRows,
    a_stride: o.aStride,
    a_offset: o.aOffset ?? 0,
    out_stride: o.outStride,
    out_offset: o.outOffset ?? 0,
    repeats: o.repeats ?? 1,
    step: o.step ?? 0,
    accumulate: o.accumulate ?? 0,
  }
  const [x, z] = grid
  g.dispatch(shader, entry, bindings, params, [x, o.rows, z])
}

/**
 * out[m] = x[index[m]] for x (N, ...) and index (M) of u32: gives (M, ...). A row may be as long as wanted (the image
 * embedding of each prompt). An index from N on gives zeros and sends no gradient. The backward pass looks at all M
 * indices for every row of x, so M is meant to be some hundreds at most.
 */
export function gatherRows(g: Graph, x: Tensor, index: Tensor): Tensor {
  const [n, ...rest] = x.shape
  const m = index.size
  const length = x.size / n
  const sizes = { length, aStride: length, outStride: length }
  const y = g.tensor(`${x.label}: rows by ${index.label}`, [m, ...rest])
  move(g, 'gather', { a: x, index, out: y }, { ...sizes, rows: m, aRows: n })
  g.record([x], y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx)
      move(g, 'collect', { a: dy, index, out: dx.tensor }, { ...sizes, rows: n, aRows: m, accumulate: dx.accumulate })
  })
  return y
}

export interface Place {
  /** Rows of the target to write; a multiple of the source's, which repeat. */
  rows: number
  /** Elements between the target's rows. */
  targetStride: number
  /** First element of the target's first row to write. */
  targetOffset: number
}

/**
 * Copies source (S, length) into ranges of an existing tensor: row p of the range gets source row p % S, so one row is
 * broadcast and its gradient is the sum over the rows in ascending order. Call it before anything reads the target, for
 * ranges that do not overlap.
 */
export function copyInto(g: Graph, source: Tensor, target: Tensor, { rows, targetStride, targetOffset }: Place): void {
  const sourceRows = source.rows
  const length = source.columns
  if (rows % sourceRows) throw new Error(`${source.label}: ${sourceRows} rows do not repeat into ${rows}`)
  if ((rows - 1) * targetStride + targetOffset + length > target.size || (rows > 1 && length > targetStride))
    throw new Error(
      `${source.label} [${source.shape}] does not fit into ${target.label} [${target.shape}] at ${targetOffset}`,
    )
  move(
    g,
    'copy',
    { a: source, out: target },
    { rows, length, aRows: sourceRows, aStride: length, outStride: targetStride, outOffset: targetOffset },
  )
  g.record([source], target, (gradient) => {
    const d = g.gradientTarget(source)
    if (!d) return
    move(
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
 * The sources side by side: (P, a), (P, b), ... to (P, a + b + ...), where P is the most rows of any of them and shorter
 * ones repeat (tokens that all prompts share).
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

/** Columns start..end of x (rows, length): gives (rows, end - start). */
export function takeColumns(g: Graph, x: Tensor, start: number, end: number): Tensor {
  const { rows, columns } = x
  if (!(start >= 0 && start < end && end <= columns))
    throw new Error(`${x.label} [${x.shape}] has no columns ${start} to ${end}`)
  const taken = end - start
  const y = g.tensor(`${x.label}: columns ${start} to ${end}`, [rows, taken])
  move(
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
    // the first contribution writes the columns beside the range too; later ones add to the range alone
    if (dx.accumulate) move(g, 'copy', { a, out }, { ...sizes, length: taken, accumulate: 1 })
    else move(g, 'spread', { a, out }, { ...sizes, length: columns })
  })
  return y
}
