/** @file Names and shapes of all tensors of a model. */
import type { Architecture, TinyVitArchitecture, VitArchitecture } from './architecture'

const MASK_TOKENS = 4
/** Channels between the convolutions that embed a mask prompt. */
const MASK_CHANNELS = [4, 16]

type TensorShapes = Map<string, number[]>

/**
 * The shape of every tensor of a model, by name.
 * @param rows returns the first dimension of the tensors whose width the architecture leaves open (hidden layers); where it
 *   returns undefined, the width is that of the public models
 */
export function expectedTensors(
  a: Architecture,
  rows: (name: string) => number | undefined = () => undefined,
): TensorShapes {
  const out: TensorShapes = new Map()
  if (a.kind === 'vit') vit(out, a)
  else tinyVit(out, a, rows)
  const last = a.kind === 'vit' ? a.dim : a.dims[a.dims.length - 1]
  const neck = 'image_encoder.neck'
  out.set(`${neck}.0.weight`, [a.outChannels, last, 1, 1])
  norm(out, `${neck}.1`, a.outChannels)
  out.set(`${neck}.2.weight`, [a.outChannels, a.outChannels, 3, 3])
  norm(out, `${neck}.3`, a.outChannels)
  promptEncoder(out, a.decoder.dim)
  maskDecoder(out, a, rows)
  return out
}

/** Adds weight and bias of a linear layer or convolution. */
function layer(out: TensorShapes, path: string, ...shape: number[]): void {
  out.set(`${path}.weight`, shape)
  out.set(`${path}.bias`, shape.slice(0, 1))
}

const norm = (out: TensorShapes, path: string, width: number) => layer(out, path, width)

function vit(out: TensorShapes, a: VitArchitecture): void {
  const grid = a.imageSize / a.patch
  out.set('image_encoder.pos_embed', [1, grid, grid, a.dim])
  layer(out, 'image_encoder.patch_embed.proj', a.dim, 3, a.patch, a.patch)
  for (let i = 0; i < a.depth; i++) {
    const path = `image_encoder.blocks.${i}`
    const side = a.globalBlocks.includes(i) ? grid : a.window
    norm(out, `${path}.norm1`, a.dim)
    for (const axis of 'hw') out.set(`${path}.attn.rel_pos_${axis}`, [2 * side - 1, a.dim / a.heads])
    layer(out, `${path}.attn.qkv`, 3 * a.dim, a.dim)
    layer(out, `${path}.attn.proj`, a.dim, a.dim)
    norm(out, `${path}.norm2`, a.dim)
    layer(out, `${path}.mlp.lin1`, a.mlpDim, a.dim)
    layer(out, `${path}.mlp.lin2`, a.dim, a.mlpDim)
  }
}

function tinyVit(out: TensorShapes, a: TinyVitArchitecture, rows: (name: string) => number | undefined): void {
  const kernel = a.stemStride === 1 ? 1 : 3
  layer(out, 'image_encoder.patch_embed.seq.0', a.dims[0] / 2, 3, kernel, kernel)
  layer(out, 'image_encoder.patch_embed.seq.2', a.dims[0], a.dims[0] / 2, kernel, kernel)
  a.dims.forEach((dim, s) => {
    const stage = `image_encoder.layers.${s}`
    for (let i = 0; i < a.depths[s]; i++) {
      const path = `${stage}.blocks.${i}`
      if (s === 0) bottleneck(out, path, dim, rows(`${path}.conv1.weight`) ?? 4 * dim, dim)
      else tinyBlock(out, path, dim, rows(`${path}.mlp.fc1.weight`) ?? 4 * dim, a.heads[s], a.windows[s])
    }
    if (s + 1 < a.dims.length) bottleneck(out, `${stage}.downsample`, dim, a.dims[s + 1], a.dims[s + 1])
  })
}

/** Convolutions 1x1, depthwise 3x3, 1x1. */
function bottleneck(out: TensorShapes, path: string, from: number, inner: number, to: number): void {
  layer(out, `${path}.conv1`, inner, from, 1, 1)
  layer(out, `${path}.conv2`, inner, 1, 3, 3)
  layer(out, `${path}.conv3`, to, inner, 1, 1)
}

function tinyBlock(out: TensorShapes, path: string, dim: number, hidden: number, heads: number, window: number): void {
  out.set(`${path}.attn.attention_bias_table`, [heads, window * window])
  norm(out, `${path}.attn.norm`, dim)
  layer(out, `${path}.attn.qkv`, 3 * dim, dim)
  layer(out, `${path}.attn.proj`, dim, dim)
  norm(out, `${path}.mlp.norm`, dim)
  layer(out, `${path}.mlp.fc1`, hidden, dim)
  layer(out, `${path}.mlp.fc2`, dim, hidden)
  layer(out, `${path}.local_conv`, dim, 1, 3, 3)
}

function promptEncoder(out: TensorShapes, dim: number): void {
  const [c1, c2] = MASK_CHANNELS
  const path = 'prompt_encoder'
  out.set(`${path}.pe_layer.positional_encoding_gaussian_matrix`, [2, dim / 2])
  for (let i = 0; i < 4; i++) out.set(`${path}.point_embeddings.${i}.weight`, [1, dim])
  for (const name of ['not_a_point_embed', 'no_mask_embed']) out.set(`${path}.${name}.weight`, [1, dim])
  layer(out, `${path}.mask_downscaling.0`, c1, 1, 2, 2)
  norm(out, `${path}.mask_downscaling.1`, c1)
  layer(out, `${path}.mask_downscaling.3`, c2, c1, 2, 2)
  norm(out, `${path}.mask_downscaling.4`, c2)
  layer(out, `${path}.mask_downscaling.6`, dim, c2, 1, 1)
}

function maskDecoder(out: TensorShapes, { decoder }: Architecture, rows: (name: string) => number | undefined): void {
  const { dim, depth, mlpDim } = decoder
  const path = 'mask_decoder'
  out.set(`${path}.iou_token.weight`, [1, dim])
  out.set(`${path}.mask_tokens.weight`, [MASK_TOKENS, dim])
  const attention = (name: string, inner: number) => {
    for (const part of 'qkv') layer(out, `${name}.${part}_proj`, inner, dim)
    layer(out, `${name}.out_proj`, dim, inner)
  }
  const transformer = `${path}.transformer`
  for (let i = 0; i < depth; i++) {
    const block = `${transformer}.layers.${i}`
    attention(`${block}.self_attn`, dim)
    attention(`${block}.cross_attn_token_to_image`, dim / 2)
    attention(`${block}.cross_attn_image_to_token`, dim / 2)
    for (let n = 1; n <= 4; n++) norm(out, `${block}.norm${n}`, dim)
    layer(out, `${block}.mlp.lin1`, mlpDim, dim)
    layer(out, `${block}.mlp.lin2`, dim, mlpDim)
  }
  attention(`${transformer}.final_attn_token_to_image`, dim / 2)
  norm(out, `${transformer}.norm_final_attn`, dim)
  // transposed convolutions: (in, out, 2, 2)
  out.set(`${path}.output_upscaling.0.weight`, [dim, dim / 4, 2, 2])
  out.set(`${path}.output_upscaling.0.bias`, [dim / 4])
  norm(out, `${path}.output_upscaling.1`, dim / 4)
  out.set(`${path}.output_upscaling.3.weight`, [dim / 4, dim / 8, 2, 2])
  out.set(`${path}.output_upscaling.3.bias`, [dim / 8])
  const mlp = (name: string, hidden: number, to: number) => {
    layer(out, `${name}.layers.0`, hidden, dim)
    layer(out, `${name}.layers.1`, hidden, hidden)
    layer(out, `${name}.layers.2`, to, hidden)
  }
  for (let i = 0; i < MASK_TOKENS; i++) mlp(`${path}.output_hypernetworks_mlps.${i}`, dim, dim / 8)
  const iou = `${path}.iou_prediction_head`
  mlp(iou, rows(`${iou}.layers.0.weight`) ?? dim, MASK_TOKENS)
}
