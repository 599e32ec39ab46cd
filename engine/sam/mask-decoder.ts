/** @file SAM's mask decoder: mask logits and IoU predictions of all four mask tokens, for every prompt. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'
import { layerNorm } from '../ops/layernorm'
import { type Linear, linear } from '../ops/linear'
import { add } from '../ops/pointwise'
import { concatColumns, gatherRows, takeColumns } from '../ops/rows'
import { maskLogits } from '../ops/mask-logits'
import { toTransposeWeight } from '../ops/upscale'
import type { DecoderArchitecture } from './architecture'
import { type TwoWayTransformer, loadTwoWay, twoWay } from './two-way-transformer'
import type { Norm, WeightLoader } from './weights'

/** Number of mask tokens. Token 0 is for unambiguous prompts, 1 to 3 are the alternatives for an ambiguous one. */
export const MASK_TOKENS = 4

export interface MaskDecoder {
  /** (1 + MASK_TOKENS, D): the IoU token, then the mask tokens. */
  outputTokens: Tensor
  transformer: TwoWayTransformer
  upscaling: { conv1: Linear; norm: Norm; conv2: Linear }
  /** The layers of each mask token's MLP. */
  hypernetworks: Linear[][]
  /** The layers of the MLP that predicts the masks' IoU. */
  iouHead: Linear[]
}

const root = 'mask_decoder'

export async function loadMaskDecoder(loader: WeightLoader, a: DecoderArchitecture): Promise<MaskDecoder> {
  const transpose = (i: number) =>
    loader.linear(`${root}.output_upscaling.${i}`, (data, shape) =>
      shape.length === 1
        ? { data: repeat(data, 4), shape: [4 * shape[0]] }
        : { data: toTransposeWeight(data, shape), shape: [4 * shape[1], shape[0]] },
    )
  const mlp = async (path: string) => {
    const layers: Linear[] = []
    while (loader.has(`${path}.layers.${layers.length}.weight`)) {
      layers.push(await loader.linear(`${path}.layers.${layers.length}`))
    }
    return layers
  }
  const hypernetworks: Linear[][] = []
  for (let i = 0; i < MASK_TOKENS; i++) hypernetworks.push(await mlp(`${root}.output_hypernetworks_mlps.${i}`))
  return {
    outputTokens: await loader.concat(
      [`${root}.iou_token.weight`, `${root}.mask_tokens.weight`],
      [1 + MASK_TOKENS, a.dim],
    ),
    transformer: await loadTwoWay(loader, a.depth, a.heads),
    upscaling: {
      conv1: await transpose(0),
      norm: await loader.norm(`${root}.output_upscaling.1`),
      conv2: await transpose(3),
    },
    hypernetworks,
    iouHead: await mlp(`${root}.iou_prediction_head`),
  }
}

export interface DecoderInputs {
  /** Image embedding (images·side², D). */
  embedding: Tensor
  /** u32 (P): index of each prompt's image. */
  imageIndex: Tensor
  /** Sparse tokens (P, N, D). */
  sparse: Tensor
  /** Dense embedding: (1, D) if prompts have no mask, else (P·side², D). */
  dense: Tensor
  /** u32 (P): 1 + MASK_TOKENS + the number of sparse tokens that are present; null if all are. */
  counts: Tensor | null
  /** Position encoding of the embedding's grid (side², D). */
  position: Tensor
  images: number
  /** Side of the image embedding, cells. */
  side: number
}

export interface DecoderOutputs {
  /** (P, MASK_TOKENS, maskSide²), see SamModel.maskSide. */
  logits: Tensor
  /** The masks' predicted IoU (P, MASK_TOKENS). */
  iou: Tensor
}

/** Records the decoder on P prompts, each with N sparse tokens. */
export function decodeMasks(g: Graph, decoder: MaskDecoder, inputs: DecoderInputs): DecoderOutputs {
  const { embedding, imageIndex, sparse, dense, counts, position, images, side } = inputs
  const dim = embedding.columns
  const cells = side * side
  const [prompts, points] = sparse.shape
  const tokens = 1 + MASK_TOKENS + points

  const fixed = decoder.outputTokens
  const parts = [fixed.reshape(1, fixed.size), sparse.reshape(prompts, points * dim)]
  const all = concatColumns(g, 'decoder tokens', parts).reshape(prompts * tokens, dim)
  const shape = { prompts, tokens, cells, counts }
  // a dense embedding of each prompt makes the image's cells different for each
  const repeated = () => gatherRows(g, embedding.reshape(images, cells * dim), imageIndex).reshape(prompts * cells, dim)
  const attended =
    dense.rows === 1
      ? twoWay(g, decoder.transformer, all, add(g, embedding, dense), position, shape, imageIndex)
      : twoWay(g, decoder.transformer, all, add(g, repeated(), dense), position, shape, null)

  const byPrompt = attended.tokens.reshape(prompts, tokens * dim)
  const token = (i: number) => takeColumns(g, byPrompt, i * dim, (i + 1) * dim)
  const [upscaled] = g.segment('decoder.upscaling', () => [upscale(g, decoder, attended.source)])
  const hyper = concatColumns(
    g,
    'hypernetworks',
    decoder.hypernetworks.map((layers, i) => reluMlp(g, layers, token(1 + i))),
  )
  return { logits: maskLogits(g, hyper, upscaled, { prompts, side }), iou: reluMlp(g, decoder.iouHead, token(0)) }
}

/**
 * source (P·side², D) to (P·(4·side)², D/8), in the order of maskLogits: each of two transposed convolutions of kernel 2 and
 * stride 2 is a linear layer that makes four rows of one, and what lies between treats all rows alike.
 */
function upscale(g: Graph, { upscaling }: MaskDecoder, source: Tensor): Tensor {
  const { conv1, norm, conv2 } = upscaling
  const x1 = fourRows(linear(g, source, conv1))
  const x2 = layerNorm(g, x1, norm.gamma, norm.beta, { eps: 1e-6, activation: 'gelu' })
  return fourRows(linear(g, x2, conv2, { activation: 'gelu' }))
}

const fourRows = (x: Tensor) => x.reshape(4 * x.rows, x.columns / 4)

function reluMlp(g: Graph, layers: Linear[], x: Tensor): Tensor {
  return layers.reduce((y, layer, i) => linear(g, y, layer, { activation: i + 1 < layers.length ? 'relu' : 'none' }), x)
}

function repeat(data: Float32Array, times: number): Float32Array {
  const out = new Float32Array(data.length * times)
  for (let i = 0; i < times; i++) out.set(data, i * data.length)
  return out
}
