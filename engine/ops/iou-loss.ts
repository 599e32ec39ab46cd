/** @file The loss of the IoU head: squared error against the IoU that the masks really have. */
import shader from '../../shaders/iou-loss.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

export interface IouLossInputs {
  /** (P, T): the head's predictions. */
  predicted: Tensor
  /** (P, T, 4): `maskStatistics` of the same masks. */
  perMask: Tensor
  /** (P, T); where it is 0 a mask has no part in loss or gradient, whatever its prediction is. */
  weights: Tensor
  coefficient: number
}

/** Loss (1): coefficient · Σ weights · (predicted − IoU)². The gradient flows to the predictions only. */
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
