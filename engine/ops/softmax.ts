/** @file Softmax over rows, optionally with a different number of valid columns in each row. */
import shader from '../../shaders/softmax.wgsl'
import { type Graph, type GradientTarget, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Rows of up to this length are processed by one lane each, longer ones by one workgroup each. */
const SHORT = 64
const LANES = 64
/**
 * With at least this many rows, a software adapter processes rows of any length by one lane each: there reading eight separate
 * addresses costs no more than reading eight neighbours.
 */
const MANY = 8 * LANES

export interface SoftmaxOptions {
  /** The number of columns that count (u32), one entry for each `rowsPerCount` rows. By default all columns count. */
  keys?: Tensor
  rowsPerCount?: number
}

/**
 * Probabilities (rows, n) of the logits `x` (rows, n): each row's softmax over its first `count` columns; the other columns
 * have probability 0 and gradient 0. A row whose count is 0 is all zeros.
 * @throws Error if the number of counts does not fit the rows
 */
export function softmax(g: Graph, x: Tensor, { keys, rowsPerCount = 1 }: SoftmaxOptions = {}): Tensor {
  const { rows } = x
  if (keys && keys.size * rowsPerCount !== rows)
    throw new Error(
      `softmax: ${keys.size} counts for ${rowsPerCount} rows each do not make the ${rows} rows of ${x.label}`,
    )
  const { kind, grid, params } = dispatchOf(g.engine.software, x, keys, rowsPerCount)
  const y = g.tensor(`softmax of ${x.label}`, x.shape)
  g.dispatch(shader, `${kind}_forward`, { x, counts: keys ?? null, out: y }, { ...params, accumulate: 0 }, grid)
  g.record([x], y, (dy) => {
    const target = g.gradientTarget(x)
    if (target) softmaxBackward(g, y, dy, target, { keys, rowsPerCount })
  })
  return y
}

/** target (+)= y (dy - sum(y dy)) for each row, from the probabilities y and their gradient dy. */
export function softmaxBackward(
  g: Graph,
  y: Tensor,
  dy: Tensor,
  { tensor: out, accumulate }: GradientTarget,
  { keys, rowsPerCount = 1 }: SoftmaxOptions = {},
): void {
  const { kind, grid, params } = dispatchOf(g.engine.software, y, keys, rowsPerCount)
  g.dispatch(shader, `${kind}_backward`, { x: y, dy, counts: keys ?? null, out }, { ...params, accumulate }, grid)
}

function dispatchOf(software: boolean, { rows, columns: n }: Tensor, keys: Tensor | undefined, rowsPerCount: number) {
  const short = n <= SHORT || (software && rows >= MANY)
  const params = { rows, n, masked: keys ? 1 : 0, rows_per_count: rowsPerCount }
  return { kind: short ? 'short' : 'long', grid: grid1d(rows, short ? LANES : 1), params }
}
