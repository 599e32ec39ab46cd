/** @file Transposed convolution with kernel 2 and stride 2: a linear layer to four times the channels, then a pixel shuffle. */
import shader from '../../shaders/upscale.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'
import { type Linear, linear } from './linear'

export interface ConvTranspose extends Linear {
  batch: number
  /** Height and width of the input. */
  height: number
  width: number
}

/**
 * x (B·H·W, in) to (B·2H·2W, out). The weight (4·out, in) is that of `toTransposeWeight`, the bias (4·out) the layer's bias
 * repeated four times.
 * @throws Error if x has another size, or the number of output channels is no multiple of 4
 */
export function convTranspose2x2(g: Graph, x: Tensor, { batch, height, width, ...layer }: ConvTranspose): Tensor {
  const channels = layer.weight.shape[0] / 4
  if (x.rows !== batch * height * width)
    throw new Error(`${layer.weight.label}: x [${x.shape}] is not ${batch}x${height}x${width}`)
  const wide = linear(g, x, layer)
  if (channels % 4)
    throw new Error(`${layer.weight.label}: the number of channels must be a multiple of 4, not ${channels}`)
  const pair = channels / 2
  const { rounds, groups } = elementwiseGrid(g.engine, width * pair, 2 * batch * height)
  const params = { width, pair, rounds }
  const lines: [number, number, number] = [groups, 2 * height, batch]
  const y = g.tensor(`${layer.weight.label}: upscaled`, [4 * x.rows, channels])
  g.dispatch(shader, 'shuffle', { x: wide, y }, params, lines)
  g.record([wide], y, (dy) => {
    // `wide` has no other consumer, so its gradient is never accumulated
    const target = g.gradientTarget(wide)
    if (target) g.dispatch(shader, 'unshuffle', { x: dy, y: target.tensor }, params, lines)
  })
  return y
}

/** Converts a weight from (in, out, 2, 2), as in checkpoints, to (4·out, in), rows in order (ky, kx, out). */
export function toTransposeWeight(data: Float32Array, shape: readonly number[]): Float32Array {
  const [inputs, outputs] = shape
  const out = new Float32Array(data.length)
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++)
      for (let k = 0; k < 4; k++) out[(k * outputs + o) * inputs + i] = data[(i * outputs + o) * 4 + k]
  return out
}

/** The reverse of `toTransposeWeight`: from (4·out, in) to (in, out, 2, 2), whose dimensions are given. */
export function fromTransposeWeight(data: Float32Array, shape: readonly number[]): Float32Array {
  const [inputs, outputs] = shape
  const out = new Float32Array(data.length)
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++)
      for (let k = 0; k < 4; k++) out[(i * outputs + o) * 4 + k] = data[(k * outputs + o) * inputs + i]
  return out
}
