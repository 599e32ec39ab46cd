/** @file Depthwise 3x3 convolution of NHWC tensors. */
import shader from '../../shaders/depthwise.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Consecutive pixels of a line that each lane computes on a software adapter, and on a GPU with enough lanes to share. */
const ROUNDS = { software: 16, gpu: 4, lanes: 2 ** 17 } as const

export interface DepthwiseConv {
  batch: number
  height: number
  width: number
  stride: 1 | 2
  /** (9, C), rows by (ky, kx). */
  weight: Tensor
  bias?: Tensor | null
}

/**
 * x (B·H·W, C) to (B·Ho·Wo, C) with padding 1 and Ho = ceil(H / stride). Weight and bias are frozen.
 * @throws Error if x has another size, C is no multiple of 4, or the weight or bias requires a gradient
 */
export function depthwiseConv3x3(g: Graph, x: Tensor, o: DepthwiseConv): Tensor {
  const { batch, height, width, stride, weight } = o
  const channels = weight.columns
  const zeros = () => g.constant(`${channels} zeros`, [channels], () => new Float32Array(channels))
  const bias = o.bias ?? zeros()
  if (x.size !== batch * height * width * channels)
    throw new Error(`${weight.label}: x [${x.shape}] is not ${batch}x${height}x${width}x${channels}`)
  if (channels % 4)
    throw new Error(`${weight.label}: a depthwise convolution needs a multiple of 4 channels, not ${channels}`)
  if (weight.requiresGrad || bias.requiresGrad)
    throw new Error(`${weight.label}: a depthwise convolution's weights do not train`)
  const outHeight = Math.ceil(height / stride)
  const outWidth = Math.ceil(width / stride)
  const share = Math.max(1, Math.floor((batch * outHeight * outWidth * channels) / 4 / ROUNDS.lanes))
  const rounds = Math.min(g.engine.software ? ROUNDS.software : Math.min(ROUNDS.gpu, share), outWidth)
  const params = {
    height,
    width,
    channels: channels / 4,
    stride,
    rounds,
    mirrored: 0,
    out_height: outHeight,
    out_width: outWidth,
    accumulate: 0,
  }
  const blocks = (pixels: number) => Math.ceil((pixels * channels) / 256)
  const y = g.tensor(`${weight.label}: y`, [batch * outHeight * outWidth, channels])
  const grid: [number, number, number] = [blocks(Math.ceil(outWidth / rounds)), outHeight, batch]
  g.dispatch(shader, 'forward', { x, weight, bias, y }, params, grid)
  g.record([x], y, (dy) => {
    const target = g.gradientTarget(x)
    if (!target) return
    const { tensor: dx, accumulate } = target
    const values = { ...params, accumulate }
    if (stride === 1)
      g.dispatch(shader, 'forward', { x: dy, weight, bias: zeros(), y: dx }, { ...values, mirrored: 1 }, grid)
    else g.dispatch(shader, 'backward', { weight, dy, dx }, values, [blocks(width), height, batch])
  })
  return y
}

/** Converts a weight from (C, 1, 3, 3), as in checkpoints, to (9, C). */
export function toDepthwiseWeight(data: Float32Array, shape: readonly number[]): Float32Array {
  const [channels] = shape
  const out = new Float32Array(data.length)
  for (let c = 0; c < channels; c++) for (let k = 0; k < 9; k++) out[k * channels + c] = data[c * 9 + k]
  return out
}
