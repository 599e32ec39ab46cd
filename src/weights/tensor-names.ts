/**
 * @file Names of tensors. wgsam uses those of the reference implementation (`image_encoder.blocks.0.attn.qkv.weight`; for
 * TinyViT those of MobileSAM); the names of Hugging Face transformers are converted when a file is read.
 */

/** Parts of names [reference implementation, transformers] that are replaced, by the submodel that contains them. */
const nameParts: Record<string, [string, string][]> = {
  image_encoder: [
    // before the norms of the blocks, whose names are substrings of these
    ['neck.0.', 'neck.conv1.'],
    ['neck.1.', 'neck.layer_norm1.'],
    ['neck.2.', 'neck.conv2.'],
    ['neck.3.', 'neck.layer_norm2.'],
    ['blocks.', 'layers.'],
    ['patch_embed.proj.', 'patch_embed.projection.'],
    ['.norm1.', '.layer_norm1.'],
    ['.norm2.', '.layer_norm2.'],
  ],
  prompt_encoder: [
    ['mask_downscaling.0.', 'mask_embed.conv1.'],
    ['mask_downscaling.1.', 'mask_embed.layer_norm1.'],
    ['mask_downscaling.3.', 'mask_embed.conv2.'],
    ['mask_downscaling.4.', 'mask_embed.layer_norm2.'],
    ['mask_downscaling.6.', 'mask_embed.conv3.'],
    ['prompt_encoder.point_embeddings.', 'prompt_encoder.point_embed.'],
    ['pe_layer.positional_encoding_gaussian_matrix', 'shared_embedding.positional_embedding'],
  ],
  mask_decoder: [
    ['.norm1.', '.layer_norm1.'],
    ['.norm2.', '.layer_norm2.'],
    ['.norm3.', '.layer_norm3.'],
    ['.norm4.', '.layer_norm4.'],
    ['.norm_final_attn.', '.layer_norm_final_attn.'],
    ['output_upscaling.0.', 'upscale_conv1.'],
    ['output_upscaling.1.', 'upscale_layer_norm.'],
    ['output_upscaling.3.', 'upscale_conv2.'],
  ],
}

const GAUSSIAN = 'prompt_encoder.pe_layer.positional_encoding_gaussian_matrix'
const SHARED = 'shared_image_embedding.positional_embedding'
/** MLPs of three layers, which transformers names proj_in, layers.0 and proj_out. */
const mlps = /^(mask_decoder\.(?:output_hypernetworks_mlps\.\d+|iou_prediction_head)\.)(layers\.\d+|proj_in|proj_out)\./

/** Converts a name of transformers to that of the reference implementation; any other name is returned unchanged. */
export function fromTransformers(name: string): string {
  if (name === SHARED) return GAUSSIAN
  const inner = { proj_in: 'layers.0', 'layers.0': 'layers.1', proj_out: 'layers.2' } as Record<string, string>
  const own = name
    .replace(/^vision_encoder\./, 'image_encoder.')
    .replace(mlps, (_, path, layer) => `${path}${inner[layer] ?? layer}.`)
  return replaceParts(own, 1, 0)
}

/** The names of a tensor in transformers: two for the positional matrix, which its files contain twice. */
export function toTransformers(name: string): string[] {
  if (name === GAUSSIAN) return [SHARED, replaceParts(name, 0, 1)]
  const inner = { 'layers.0': 'proj_in', 'layers.1': 'layers.0', 'layers.2': 'proj_out' } as Record<string, string>
  const own = name.replace(mlps, (_, path, layer) => `${path}${inner[layer] ?? layer}.`)
  return [replaceParts(own, 0, 1).replace(/^image_encoder\./, 'vision_encoder.')]
}

function replaceParts(name: string, from: 0 | 1, to: 0 | 1): string {
  let out = name
  for (const part of nameParts[name.split('.', 1)[0]] ?? []) out = out.replace(part[from], part[to])
  return out
}

/** True if the names are those of transformers. */
export const isTransformers = (names: Iterable<string>): boolean =>
  [...names].some((name) => name.startsWith('vision_encoder.') || name === SHARED)
