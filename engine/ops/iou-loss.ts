/** @file The loss of the IoU head: squared error of the predicted IoU against the true IoU of the predicted masks. */
import shader from '../../shaders/iou-loss.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

export interface IouLossInputs {
  /** (P, T): the predicted IoU of T masks for each of P prompts. */
  predicted: Tensor
  /** (P, T, 4): `maskStatistics` of the same masks. */
  perMask: Tensor
  /** (P, T). A mask of weight 0 contributes nothing to loss or gradient, even if its prediction is NaN. */
  weights: Tensor
  coefficient: number
}

/** Loss (1): coefficient · Σ weights · (predicted − IoU)². The gradient flows to the predictions only. @throws Error if sizes differ */
export function iouLoss(g: Graph, { predicted, perMask, weights, coefficient }: IouLossInputs): Tensor {
  const count = predicted.size
  if (weights.size !== count || perMask.size !== 4 * count)
    throw new Error(
      `iouLoss: weights [${weights.shape}] and statistics [${perMask.shape}] do not fit predictions [${predicted.shape}]`,
    )
  const params = { count, accumulate: 0, factor: coefficient }
  const loss = g.tensor('IoU loss', [1])
  g.dispatch(shader, 'forward', { predicted, per_mask: perMask, weights, out: loss }, params, [1])
  g.record([predicted], loss, (upstream) => {
    const target = g.gradientTarget(predicted)
    if (!target) return
    const { tensor: out, accumulate } = target
    const bindings = { predicted, per_mask: perMask, weights, upstream, out }
    g.dispatch(shader, 'backward', bindings, { ...params, accumulate }, [Math.ceil(count / 256)])
  })
  return loss
}
