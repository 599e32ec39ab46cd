/** @file LayerNorm over the last dimension; on NHWC rows it is also the LayerNorm2d of SAM's convolutions. */
import shader from '../../shaders/layernorm.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'

export interface LayerNormOptions {
  eps: number
  /**
   * Appends one row that stands for every padded window position: zeros where padding follows the norm, beta where the
   * norm follows the padding (the norm of zeros).
   */
  padRow?: 'zero' | 'beta'
  activation?: 'none' | 'gelu'
}

const PAD = { none: 0, zero: 1, beta: 2 } as const
/** The gradients of gamma and beta are summed over at most this many chunks of rows. */
const CHUNKS = 64

/**
 * Lanes that share a row, each reading four columns at once: 8 lanes read 128 bytes together. Few, because every lane
 * sums the partial results of its row itself, which saves barriers but grows with their number.
 */
const lanesFor = (columns: number): number => (columns <= 64 ? 2 : columns <= 256 ? 4 : 8)

/**
 * act((x - mean) / sqrt(variance + eps) * gamma + beta) for every row of x (rows, C), with the biased variance.
 * C must be a multiple of 4. Gives (rows, C), or (rows + 1, C) with `padRow`. Gradients of gamma and beta are computed only where wanted.
 */
export function layerNorm(g: Graph, x: Tensor, gamma: Tensor, beta: Tensor, options: LayerNormOptions): Tensor {
  const columns = gamma.size
  const rows = x.size / columns
  const { eps, padRow, activation = 'none' } = options
  if (x.columns !== columns || beta.size !== columns)
    throw new Error(
      `${gamma.label} [${gamma.shape}] and ${beta.label} [${beta.shape}] do not fit ${x.label} [${x.shape}]`,
    )
  if (columns % 4) throw new Error(`${gamma.label}: LayerNorm takes a multiple of 4 columns, not ${columns}`)
  if (padRow && activation !== 'none')
    throw new Error(`${gamma.label}: a padded row and an activation do not go together`)
  const inputs = [x, gamma, beta]
  const keep = g.training && inputs.some((t) => t.requiresGrad)
  const stats = keep ? g.tensor(`${gamma.label}: mean and rstd`, [rows, 2], 'statistic') : null
  const y = g.tensor(`${gamma.label}: y`, [padRow ? rows + 1 : rows, columns])
  const lanes = lanesFor(columns)
  const params = {
    rows,
    columns: columns / 4,
    lanes,
    pad: PAD[padRow ?? 'none'],
    activation: activation === 'gelu' ? 1 : 0,
    keep: keep ? 1 : 0,
    accumulate: 0,
    chunk: Math.ceil(rows / CHUNKS),
    eps,
  }
  const grid = (count: number) => grid1d(count, 256 / lanes)
  g.dispatch(shader, 'forward', { x, gamma, beta, y, stats_out: stats }, params, grid(y.rows))

  g.record(inputs, y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx)
      g.dispatch(
        shader,
        'backward',
        { x, gamma, beta, stats, dy, dx: dx.tensor },
        { ...params, accumulate: dx.accumulate },
        grid(rows),
      )
    const dgamma = g.gradientTarget(gamma)
    const dbeta = g.gradientTarget(beta)
    if (!dgamma && !dbeta) return
    const chunks = Math.ceil(rows / params.chunk)
    const partials = g.tensor(`${gamma.label}: partial gradients`, [chunks, columns, 2], 'gradient')
    const columnGroups = Math.ceil(columns / 256)
    g.dispatch(shader, 'weight_partials', { x, gamma, beta, stats, dy, partials_out: partials }, params, [
      columnGroups,
      chunks,
    ])
    // what is not wanted is written to memory that nothing reads
    const unwanted = () => g.tensor('unwanted gradient', [columns], 'gradient')
    g.dispatch(
      shader,
      'weight_gradients',
      { partials, dy, dgamma: dgamma?.tensor ?? unwanted(), dbeta: dbeta?.tensor ?? unwanted() },
      { ...params, accumulate: (dgamma?.accumulate ?? 0) + 2 * (dbeta?.accumulate ?? 0), chunk: chunks },
      [columnGroups],
    )
  })
  return y
}
