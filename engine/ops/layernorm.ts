/** @file LayerNorm over the last dimension. On NHWC tensors it is also SAM's LayerNorm2d. */
import shader from '../../shaders/layernorm.wgsl'
import { type Graph, grid1d } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { noteLargest, usesScales } from './operand-scale'

export interface LayerNormOptions {
  eps: number
  /**
   * Appends one row for the padded positions of windows: zeros if the model pads after the norm, or beta, which is the norm
   * of zeros, if it pads before.
   */
  padRow?: 'zero' | 'beta'
  activation?: 'none' | 'gelu'
}

const PAD = { none: 0, zero: 1, beta: 2 } as const
/** Maximum number of row chunks over which the gradients of gamma and beta are summed in parallel. */
const CHUNKS = 64

/**
 * The number of lanes that share a row. Each reads four columns at once, so 8 lanes read 128 bytes together. On a software
 * adapter they are few, because every lane adds the partial results of all lanes of its row, which saves barriers but costs
 * time with each lane. On a GPU, which needs many lanes to be busy, each reads two to six times.
 */
const lanesFor = (software: boolean, columns: number): number => {
  if (software) return columns <= 64 ? 2 : columns <= 256 ? 4 : 8
  return columns <= 128 ? 8 : columns <= 384 ? 16 : 32
}

/**
 * act((x - mean) / sqrt(variance + eps) * gamma + beta) for each row of x (rows, C), with the biased variance. Returns
 * (rows, C), or (rows + 1, C) with `padRow`. Gradients of gamma and beta are computed only if they require them.
 * @throws Error if the shapes do not fit, C is no multiple of 4, or both `padRow` and an activation are given
 */
export function layerNorm(g: Graph, x: Tensor, gamma: Tensor, beta: Tensor, options: LayerNormOptions): Tensor {
  const columns = gamma.size
  const rows = x.size / columns
  const { eps, padRow, activation = 'none' } = options
  if (x.columns !== columns || beta.size !== columns)
    throw new Error(
      `${gamma.label} [${gamma.shape}] and ${beta.label} [${beta.shape}] do not fit ${x.label} [${x.shape}]`,
    )
  if (columns % 4) throw new Error(`${gamma.label}: LayerNorm needs a multiple of 4 columns, not ${columns}`)
  if (padRow && activation !== 'none')
    throw new Error(`${gamma.label}: a padded row cannot be combined with an activation`)
  const inputs = [x, gamma, beta]
  const keep = g.training && inputs.some((t) => t.requiresGrad)
  const stats = keep ? g.tensor(`${gamma.label}: mean and rstd`, [rows, 2], 'statistic') : null
  const y = g.tensor(`${gamma.label}: y`, [padRow ? rows + 1 : rows, columns])
  const lanes = lanesFor(g.engine.software, columns)
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
  const constants = usesScales(g.engine) ? { measured: 1 } : undefined
  /** Records a kernel that writes rows of `out`, and the largest magnitudes of them where products will look for these. */
  const run = (entry: string, bindings: Record<string, Tensor | null>, values: typeof params, out: Tensor) => {
    const grid = grid1d(out.rows, 256 / lanes)
    const largest = constants ? g.tensor(`${out.label}: largest`, [grid[0] * grid[1]], 'statistic') : null
    g.dispatch(shader, entry, { ...bindings, largest }, values, grid, constants)
    if (largest) noteLargest(g, out, largest)
  }
  run('forward', { x, gamma, beta, y, stats_out: stats }, params, y)

  g.record(inputs, y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx) {
      const { tensor, accumulate } = dx
      run(
        'backward',
        { x, gamma, beta, stats, dy, dx: tensor },
        { ...params, accumulate },
        tensor.reshape(rows, columns),
      )
    }
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
    // the kernel writes both gradients: one that is not required goes to memory that nothing reads
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
