/** @file SAM's prompt encoder: points and boxes to sparse tokens, low-resolution masks to a dense embedding. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { patchConv } from '../ops/patches'
import { promptTokens } from '../ops/prompt'
import type { Norm, WeightLoader } from './weights'

export interface PromptEncoder {
  /** Random frequencies of the position encoding (2, D/2). */
  gaussian: Tensor
  /** (4, D): background, foreground, first and second box corner. */
  pointEmbeddings: Tensor
  notAPoint: Tensor
  noMask: Tensor
  downscaling: { conv1: Linear; norm1: Norm; conv2: Linear; norm2: Norm; conv3: Linear }
}

const root = 'prompt_encoder'

export async function loadPromptEncoder(loader: WeightLoader, dim: number): Promise<PromptEncoder> {
  const mask = `${root}.mask_downscaling`
  const conv = (i: number) => loader.convolution(`${mask}.${i}`)
  return {
    gaussian: await loader.tensor(`${root}.pe_layer.positional_encoding_gaussian_matrix`),
    pointEmbeddings: await loader.concat(
      [0, 1, 2, 3].map((i) => `${root}.point_embeddings.${i}.weight`),
      [4, dim],
    ),
    notAPoint: await loader.tensor(`${root}.not_a_point_embed.weight`),
    noMask: await loader.tensor(`${root}.no_mask_embed.weight`),
    downscaling: {
      conv1: await conv(0),
      norm1: await loader.norm(`${mask}.1`),
      conv2: await conv(3),
      norm2: await loader.norm(`${mask}.4`),
      conv3: await loader.linear(`${mask}.6`),
    },
  }
}

/** coords (P, N, 2) in input pixels and labels (P, N) i32 to tokens (P, N, D). */
export function encodePoints(g: Graph, e: PromptEncoder, coords: Tensor, labels: Tensor, inputSize: number): Tensor {
  const { gaussian, pointEmbeddings, notAPoint } = e
  return promptTokens(g, { coords, labels, inputSize, gaussian, pointEmbeddings, notAPoint })
}

/** Mask logits (P, side, side), where side is `SamModel.maskSide`, to a dense embedding (P·(side/4)², D). */
export function encodeMasks(g: Graph, e: PromptEncoder, masks: Tensor, prompts: number, side: number): Tensor {
  const { conv1, norm1, conv2, norm2, conv3 } = e.downscaling
  const down = (x: Tensor, size: number, channels: number, conv: Linear, norm: Norm) => {
    const y = patchConv(g, x, { batch: prompts, height: size, width: size, channels }, 2, conv)
    return layerNorm(g, y, norm.gamma, norm.beta, { eps: 1e-6, activation: 'gelu' })
  }
  const a = down(masks, side, 1, conv1, norm1)
  const b = down(a, side / 2, conv1.weight.shape[0], conv2, norm2)
  return linear(g, b, conv3)
}
