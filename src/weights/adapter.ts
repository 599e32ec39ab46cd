/**
 * @file A LoRA adapter in memory.
 *
 * Targets are named by their paths in the reference implementation. A part of a fused qkv layer is named by its letter:
 * `image_encoder.blocks.3.attn.q` is the q of `image_encoder.blocks.3.attn.qkv` (TinyViT:
 * `image_encoder.layers.1.blocks.0.attn.q`). Every other target is a layer and has its path: `...attn.proj`,
 * `...mlp.lin1` and `lin2` (TinyViT: `fc1`, `fc2`), `mask_decoder.transformer...q_proj`. The rows of B of q, k and v
 * are ordered by head, also for TinyViT, whose checkpoint interleaves q, k and v in each head.
 */
import type { Architecture } from '../../engine/sam/architecture'
import { UserError } from '../host/errors'
import { expectedTensors } from './expected-tensors'
import { type TensorEntry, shapeText } from './tensor-file'

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

export interface AdapterTensors {
  /** By target. */
  targets: Map<string, LoraPair>
}

export interface AdapterConfig {
  /** Rank, the same for every target. */
  r: number
  lora_alpha: number
  /** Scale lora_alpha / sqrt(r) instead of lora_alpha / r. */
  use_rslora: boolean
  /** The model that the adapter belongs to, by name or path; null if the file does not say. */
  base_model_name_or_path: string | null
}

export interface Adapter {
  config: AdapterConfig
  tensors: AdapterTensors
}

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

/** @throws UserError that names `path` and the target if the adapter belongs to another model */
export const validateAdapter = (path: string, { tensors }: Adapter, architecture: Architecture): void =>
  validateTargets(path, tensors.targets, architecture)

/** The model of an adapter and the one that was asked for, by name or path, as far as they are known. */
export interface ModelNames {
  trained?: string | null
  asked?: string
}

/** validateAdapter for the shapes of the targets of either kind of adapter. @throws UserError as validateAdapter */
export function validateTargets(
  path: string,
  targets: ReadonlyMap<string, { inDim: number; outDim: number }>,
  architecture: Architecture,
  { trained, asked }: ModelNames = {},
): void {
  const shapes = expectedTensors(architecture)
  const other =
    trained && trained !== asked ? `it was trained on ${trained}${asked ? `, and ${asked} was asked for` : ''}: ` : ''
  for (const [target, { inDim, outDim }] of targets) {
    const part = partOf(target)
    const shape = shapes.get(`${part?.layer ?? target}.weight`)
    if (!shape) throw new UserError(`${path}: ${other}it adapts ${target}, which this model does not have`)
    const rows = part ? shape[0] / 3 : shape[0]
    if (outDim !== rows || inDim !== shape[1])
      throw new UserError(
        `${path}: ${other}${target} is of ${outDim} x ${inDim}, in this model of ${rows} x ${shape[1]}`,
      )
  }
}

/** Reads A and B of one target. @throws UserError if their shapes do not fit or a number is not finite */
export async function readPair(path: string, a: TensorEntry, b: TensorEntry): Promise<LoraPair> {
  if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== b.shape[1] || !a.shape[0])
    throw new UserError(
      `${path}: ${a.name} ${shapeText(a.shape)} and ${b.name} ${shapeText(b.shape)} are not a LoRA pair`,
    )
  const [A, B] = [await a.read(), await b.read()]
  for (const [entry, data] of [
    [a, A],
    [b, B],
  ] as const)
    if (!data.every(Number.isFinite))
      throw new UserError(`${path}: tensor ${entry.name} holds numbers that are not finite`)
  return { A, B, r: a.shape[0], inDim: a.shape[1], outDim: b.shape[0] }
}
