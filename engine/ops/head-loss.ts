/** @file The loss of a prompt head: weighted binary cross-entropy with soft targets on its three maps. */
import shader from '../../shaders/head-loss.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Cells that a workgroup sums, as in the shader. */
const PART = 4096
const MAPS = 3

/** A cell's weight in the mean over its map is 1 + emphasis · target, so that few cells of high targets are not outvoted. */
export type Emphasis = readonly [foreground: number, centre: number, distance: number]

export interface HeadLossInputs {
  /** (images·cells, 3), see PromptHead.record. */
  logits: Tensor
  /** (images·cells, 3) in [0, 1], or all three below 0 for cells without a target: see promptHeadTargets. */
  targets: Tensor
  images: number
  emphasis: Emphasis
}

/**
 * Loss (1): the mean over images and maps of each map's weighted mean cross-entropy over its cells. Cells without a target
 * contribute nothing to loss or gradient, even if their logits are NaN.
 * @throws Error if the sizes differ
 */
export function headLoss(g: Graph, { logits, targets, images, emphasis }: HeadLossInputs): Tensor {
  const cells = logits.size / MAPS / images
  if (!Number.isInteger(cells) || logits.columns !== MAPS || targets.size !== logits.size)
    throw new Error(
      `headLoss: logits [${logits.shape}] and targets [${targets.shape}] are not three maps of ${images} images`,
    )
  const parts = Math.ceil(cells / PART)
  const params = { images, cells, parts, accumulate: 0, emphasis: [...emphasis] }
  const sums = g.tensor('head loss: partial sums', [images, parts, 2 * MAPS], 'statistic')
  g.dispatch(shader, 'partials', { logits, targets, out: sums }, params, [parts, images])
  const weights = g.tensor('head loss: sums of weights', [images, 4], 'statistic')
  const loss = g.tensor('head loss', [1])
  g.dispatch(shader, 'totals', { parts: sums, weights_out: weights, out: loss }, params, [1])
  g.record([logits], loss, (upstream) => {
    const target = g.gradientTarget(logits)
    if (!target) return
    const { tensor: out, accumulate } = target
    const bindings = { logits, targets, weights, upstream, out }
    g.dispatch(shader, 'backward', bindings, { ...params, accumulate }, [Math.ceil((cells * MAPS) / 256), images])
  })
  return loss
}
