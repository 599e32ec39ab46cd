/**
 * @file The mask decoder's last product: each pixel's channels with the vectors of the four masks. It also puts the pixels in
 * order, which two transposed convolutions leave cell by cell, so that these need not shuffle them.
 */
import shader from '../../shaders/mask-logits.wgsl'
import splitSum from '../../shaders/split-sum.wgsl'
import { grid1d } from '../device/grid'
import type { Tensor } from '../device/tensor'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'

/** Masks of a prompt, as in the shader. */
const MASKS = 4
/** Lanes of a workgroup. */
const LANES = 64
/** Workgroups that the sum over pixels should have (see gemm-split.ts), and the fewest blocks of pixels that make a part. */
const [WORKGROUPS, MIN_BLOCKS] = [1024, 32]

export interface MaskLogits {
  prompts: number
  /** Side of the image embedding, cells. The masks have four times as many pixels a side. */
  side: number
}

/**
 * vectors (P, 4·C) and pixels (P·16·side², C) to logits (P, 4, 16·side²). The pixels of a prompt are ordered by cell of the
 * embedding, then by quarter of the cell (top left, top right, bottom left, bottom right), then by quarter of the quarter:
 * the order of rows after two linear layers that each make four pixels of one. FLOPs: 8·P·16·side²·C.
 * @throws Error if the sizes do not fit, or C is no multiple of 4 up to 256
 */
export function maskLogits(g: Graph, vectors: Tensor, pixels: Tensor, { prompts, side }: MaskLogits): Tensor {
  const channels = pixels.columns
  const blocks = 4 * side * side
  const c4 = channels / 4
  if (vectors.size !== prompts * MASKS * channels || pixels.rows !== prompts * 4 * blocks)
    throw new Error(
      `mask logits: [${vectors.shape}] and [${pixels.shape}] are not the masks and pixels of ${prompts} prompts`,
    )
  if (!Number.isInteger(c4) || c4 > LANES)
    throw new Error(`mask logits: the number of channels must be a multiple of 4 up to ${4 * LANES}, not ${channels}`)
  const params = { side, blocks, c4, chunk: 0, rounds: 1, accumulate: 0 }
  const logits = g.tensor('mask logits', [prompts, MASKS, 4 * blocks])
  const lanes = (count: number) => elementwiseGrid(g.engine, count, prompts)
  const { groups, rounds } = lanes(blocks)
  g.dispatch(shader, 'forward', { h: vectors, u: pixels, logits }, { ...params, rounds }, [groups, prompts])
  g.record([vectors, pixels], logits, (dlogits) => {
    const du = g.gradientTarget(pixels)
    if (du) {
      const { groups, rounds } = lanes(blocks * c4)
      const { tensor, accumulate } = du
      const bindings = { h: vectors, dlogits, du: tensor }
      g.dispatch(shader, 'backward_u', bindings, { ...params, rounds, accumulate }, [groups, prompts])
    }
    const dh = g.gradientTarget(vectors)
    if (!dh) return
    const step = Math.floor(LANES / c4)
    const chunks = Math.max(1, Math.min(Math.ceil(WORKGROUPS / prompts), Math.floor(blocks / (step * MIN_BLOCKS))))
    const chunk = Math.ceil(blocks / chunks)
    const ranges = chunks * step
    const partial = g.tensor('mask logits: partial sums', [ranges, prompts, MASKS, channels], 'statistic')
    g.dispatch(shader, 'backward_h', { u: pixels, dlogits, partial }, { ...params, chunk }, [chunks, prompts])
    const [n, batch] = [channels, MASKS * channels]
    const sizes = { batches: prompts, m: MASKS, n, ranges, ldc: n, c_offset: 0, c_batch: batch }
    const epilogue = { bias: 0, residual: 0, accumulate: dh.accumulate, alpha: 1 }
    const bindings = { partial, c: dh.tensor, bias_values: null, residual_values: null }
    g.dispatch(splitSum, 'split_sum', bindings, { ...sizes, ...epilogue }, grid1d(prompts * batch, LANES))
  })
  return logits
}
