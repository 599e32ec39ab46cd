/** @file Convolutions whose stride equals their kernel size: patches are unfolded into rows, then a linear layer follows. */
import shader from '../../shaders/unfold.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { type LinearOptions, linear } from './linear'
import { add } from './pointwise'

export interface ImageShape {
  batch: number
  height: number
  width: number
  channels: number
}

/**
 * x (B, H, W, C), in any shape of this size, to its patches (B * H/patch * W/patch, patch * patch * C), columns in order
 * (ky, kx, c).
 * @throws Error if x has another size, or H or W is no multiple of `patch`
 */
export function unfoldPatches(
  g: Graph,
  x: Tensor,
  { batch, height, width, channels }: ImageShape,
  patch: number,
): Tensor {
  if (x.size !== batch * height * width * channels)
    throw new Error(`${x.label} [${x.shape}] is not ${batch} x ${height} x ${width} x ${channels}`)
  if (height % patch || width % patch)
    throw new Error(`${x.label}: ${height} x ${width} does not divide into patches of ${patch}`)
  const row = width * channels
  const params = { height, row, size: patch, segment: patch * channels, accumulate: 0 }
  const grid = [Math.ceil(row / 256), height, batch] as const
  const rows = (batch * height * width) / (patch * patch)
  const y = g.tensor(`${x.label}: patches`, [rows, patch * patch * channels])
  g.dispatch(shader, 'unfold', { a: x, out: y }, params, grid)
  g.record([x], y, (dy) => {
    const dx = g.gradientTarget(x)
    if (dx) g.dispatch(shader, 'fold', { a: dy, out: dx.tensor }, { ...params, accumulate: dx.accumulate }, grid)
  })
  return y
}

export interface PatchConvolution {
  /** (cout, patch * patch * C), columns in order (ky, kx, c): see `toConvWeight`. */
  weight: Tensor
  bias?: Tensor | null
}

/** A convolution with kernel and stride `patch` and no padding: (B, H, W, C) to (B * H/patch * W/patch, cout). */
export function patchConv(
  g: Graph,
  x: Tensor,
  shape: ImageShape,
  patch: number,
  layer: PatchConvolution,
  options: LinearOptions = {},
): Tensor {
  return linear(g, unfoldPatches(g, x, shape, patch), layer, options)
}

export interface PatchEmbed extends PatchConvolution {
  /** Side of the square input, in pixels. */
  size: number
  patch: number
  /** (tokens, dim), added to the tokens of each image; it must be constant if the batch is more than one image. */
  position?: Tensor | null
}

/** Image (B, size, size, 3) to tokens (B * (size/patch)², dim). */
export function patchEmbed(g: Graph, image: Tensor, { size, patch, weight, bias, position }: PatchEmbed): Tensor {
  const batch = image.size / (size * size * 3)
  const tokens = patchConv(g, image, { batch, height: size, width: size, channels: 3 }, patch, { weight, bias })
  return position ? add(g, tokens, position) : tokens
}

/** Converts a convolution's weight from (cout, cin, kh, kw), as in checkpoints, to (cout, kh * kw * cin). */
export function toConvWeight(
  data: Float32Array,
  [cout, cin, kh, kw]: readonly [number, number, number, number],
): Float32Array {
  if (data.length !== cout * cin * kh * kw)
    throw new Error(`a convolution weight [${[cout, cin, kh, kw]}] does not have ${data.length} values`)
  const taps = kh * kw
  const out = new Float32Array(data.length)
  for (let o = 0; o < cout; o++)
    for (let c = 0; c < cin; c++)
      for (let tap = 0; tap < taps; tap++) out[(o * taps + tap) * cin + c] = data[(o * cin + c) * taps + tap]
  return out
}

/** The reverse of `toConvWeight`: from (cout, kh * kw * cin) to (cout, cin, kh, kw), whose dimensions are given. */
export function fromConvWeight(
  data: Float32Array,
  [cout, cin, kh, kw]: readonly [number, number, number, number],
): Float32Array {
  const taps = kh * kw
  const out = new Float32Array(data.length)
  for (let o = 0; o < cout; o++)
    for (let c = 0; c < cin; c++)
      for (let tap = 0; tap < taps; tap++) out[(o * cin + c) * taps + tap] = data[(o * taps + tap) * cin + c]
  return out
}
