/** @file ConvTranspose of kernel 2 and stride 2: a product to four times the channels, then a pixel shuffle. */
import shader from '../../shaders/upscale.wgsl'
import type { Graph } from '../graph/graph'
import { elementwiseGrid } from '../graph/lane-rounds'
import type { Tensor } from '../device/tensor'
import { type Linear, linear } from './linear'

export interface ConvTranspose extends Linear {
  batch: number
  /** Of the input. */
  height: number
  width: number
}

/** x (B·H·W, in) to (B·2H·2W, out). weight (4·out, in) by toTransposeWeight, bias (4·out): the layer's, four times over. */
export function convTranspose2x2(g: Graph, x: Tensor, { batch, height, width, ...layer }: ConvTranspose): Tensor {
  const channels = layer.weight.shape[0] / 4
  if (x.rows !== batch * height * width)
    throw new Error(`${layer.weight.label}: x [${x.shape}] is not ${batch}x${height}x${width}`)
  const wide = linear(g, x, layer)
  if (channels % 4) throw new Error(`${layer.weight.label}: channels go by four, not ${channels}`)
  const pair = channels / 2
  const { rounds, groups } = elementwiseGrid(g.engine, width * pair, 2 * batch * height)
  const params = { width, pair, rounds }
  const lines: [number, number, number] = [groups, 2 * height, batch]
  const y = g.tensor(`${layer.weight.label}: upscaled`, [4 * x.rows, channels])
  g.dispatch(shader, 'shuffle', { x: wide, y }, params, lines)
  g.record([wide], y, (dy) => {
    // the product's result has this one consumer, so its gradient is written whole
    const target = g.gradientTarget(wide)
    if (target) g.dispatch(shader, 'unshuffle', { x: dy, y: target.tensor }, params, lines)
  })
  return y
}

/** (in, out, 2, 2) as checkpoints hold it to (4·out, in), rows by (ky, kx, out). */
export function toTransposeWeight(data: Float32Array, shape: readonly number[]): Float32Array {
  const [inputs, outputs] = shape
  const out = new Float32Array(data.length)
  for (let i = 0; i < inputs; i++)
    for (let o = 0; o < outputs; o++)
      for (let k = 0; k < 4; k++) out[(k * outputs + o) * inputs + i] = data[(i * outputs + o) * 4 + k]
  return out
}
