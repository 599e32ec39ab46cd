/** @file Weights that raise the cross-entropy of mask pixels near the outline of their target. */
import shader from '../../shaders/boundary-weights.wgsl'
import type { Tensor } from '../device/tensor'
import type { Graph } from '../graph/graph'

/**
 * Pixel weights (P, N) from targets (P, N = side²) in [0, 1]: (1 + boundary·b) / mean(1 + boundary·b), where b is 1 on the
 * target's outline and falls to 0 about four pixels away. The mean weight of each mask is 1. Not differentiable.
 * @throws Error if the targets are not square, or `boundary` is not above 0
 */
export function boundaryWeights(g: Graph, { targets, boundary }: { targets: Tensor; boundary: number }): Tensor {
  const [prompts, pixels] = targets.shape
  const side = Math.sqrt(pixels)
  if (targets.shape.length !== 2 || !Number.isInteger(side))
    throw new Error(`boundary weights: targets [${targets.shape}] are not (P, side²)`)
  if (!(boundary > 0 && boundary < Infinity)) throw new Error(`boundary weights: ${boundary} must be above 0`)
  const params = { side, boundary }
  const rows = g.tensor('boundary weights: blurred rows', targets.shape, 'statistic')
  g.dispatch(shader, 'across', { targets, out: rows }, params, [Math.ceil(pixels / 256), prompts])
  const out = g.tensor('boundary weights', targets.shape, 'statistic')
  g.dispatch(shader, 'weigh', { rows, out }, params, [prompts])
  return out
}
