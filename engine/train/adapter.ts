/**
 * @file An adapter on the host: LoRA matrices, or differences of fully fine-tuned matrices.
 *
 * Targets are named by their paths in the reference implementation. A part of a fused qkv layer is named by its letter:
 * `image_encoder.blocks.3.attn.q` is the q of `image_encoder.blocks.3.attn.qkv` (TinyViT:
 * `image_encoder.layers.1.blocks.0.attn.q`). Every other target is a layer and has its path: `...attn.proj`,
 * `...mlp.lin1` and `lin2` (TinyViT: `fc1`, `fc2`), `mask_decoder.transformer...q_proj`. The rows of B of q, k and v
 * are ordered by head, also for TinyViT, whose checkpoint interleaves q, k and v in each head.
 */

/** The matrices of one target. Their product B·A, scaled, is added to the target's weight (outDim, inDim). */
export interface LoraPair {
  /** (r, inDim), row-major. */
  A: Float32Array
  /** (outDim, r), row-major. */
  B: Float32Array
  /** Rank. */
  r: number
  inDim: number
  outDim: number
}

/** The matrices of a LoRA adapter. */
export interface AdapterTensors {
  /** By target. */
  targets: Map<string, LoraPair>
}

/** The scale of a LoRA adapter, by the names that PEFT uses. */
export interface AdapterConfig {
  /** Rank, the same for every target. */
  r: number
  lora_alpha: number
  /** Scale lora_alpha / sqrt(r) instead of lora_alpha / r. */
  use_rslora: boolean
  /** The model that the adapter belongs to, by name or path; null if it is not known. */
  base_model_name_or_path: string | null
}

/** A LoRA adapter. */
export interface Adapter {
  config: AdapterConfig
  tensors: AdapterTensors
  /** The number of blocks that its model must have: of files that only count the blocks and do not name them. */
  blocks?: number
}

/** The difference that is added to a matrix, or to q, k or v of a fused one. */
export interface Difference {
  /** (outDim, inDim), row-major; the rows of q, k and v are ordered by head, as those of B in LoRA. */
  D: Float32Array
  inDim: number
  outDim: number
}

/** Fully fine-tuned matrices, as differences from those of the base model. */
export interface FullAdapter {
  config: { base_model_name_or_path: string | null }
  /** By target. */
  differences: Map<string, Difference>
}

/** An adapter of either kind. */
export type AnyAdapter = Adapter | FullAdapter

export const isDifference = (adapter: AnyAdapter): adapter is FullAdapter => 'differences' in adapter

/** The shapes of an adapter's targets. */
export const targetsOf = (adapter: AnyAdapter): ReadonlyMap<string, { inDim: number; outDim: number }> =>
  isDifference(adapter) ? adapter.differences : adapter.tensors.targets

/** The factor of B·A. */
export const scaleOf = ({
  r,
  lora_alpha,
  use_rslora,
}: Pick<AdapterConfig, 'r' | 'lora_alpha' | 'use_rslora'>): number => lora_alpha / (use_rslora ? Math.sqrt(r) : r)

const PART = /^(.*\.attn)\.([qkv])$/

/** `...attn.q` as the path of its fused layer and the letter; undefined if the target is a layer itself. */
export function partOf(target: string): { layer: string; part: 'q' | 'k' | 'v' } | undefined {
  const match = PART.exec(target)
  return match ? { layer: `${match[1]}.qkv`, part: match[2] as 'q' | 'k' | 'v' } : undefined
}
