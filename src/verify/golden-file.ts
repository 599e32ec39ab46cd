/** @file What is in a golden file (reference inputs and outputs), in the forms that the engine takes. It runs in any host. */
import { promptLabel } from '../../engine/sam/prompt-labels'
import type { StorageType } from '../../engine/device/tensor'
import type { SamModel } from '../../engine/sam/sam-model'
import { UserError } from '../host/errors'

export interface NamedTensor {
  shape: number[]
  data: Float32Array
}

export interface GoldenFile {
  model: SamModel
  lora: { r: number; alpha: number }
  tensors: Map<string, NamedTensor>
  /** The storage type of the model's weights and of the activations kept for the backward pass. */
  storage: StorageType
}

/** Stores a result under its name; a result that the golden file does not contain is dropped. */
export type Put = (name: string, shape: number[], data: Float32Array) => void

/** An input of the golden file. @throws UserError if it is missing */
export function input(golden: Pick<GoldenFile, 'tensors'>, name: string): NamedTensor {
  const tensor = golden.tensors.get(name)
  if (!tensor) throw new UserError(`the golden file lacks the input ${name}`)
  return tensor
}

/** Image `i` of `images` (b, 3, S, S) in the layout of the model's input: (S, S, 3). */
export function imageOf(golden: GoldenFile, i: number): Float32Array {
  const { shape, data } = input(golden, 'images')
  const [, channels, height, width] = shape
  const size = golden.model.inputSize
  if (channels !== 3 || height !== size || width !== size)
    throw new UserError(`images (${shape.join(', ')}): the model runs at ${size}`)
  const plane = size * size
  const out = new Float32Array(3 * plane)
  for (let c = 0; c < 3; c++) for (let p = 0; p < plane; p++) out[p * 3 + c] = data[(i * 3 + c) * plane + p]
  return out
}

export interface Prompts {
  count: number
  slots: number
  coords: Float32Array
  labels: Int32Array
  masks?: Float32Array
}

/** The prompts of a kind ('points', 'boxes', 'all'). Like the reference implementation, prompts without a box get a padding point. */
export function promptsOf(golden: GoldenFile, kind: string, entries?: number): Prompts {
  const points = kind === 'boxes' ? null : input(golden, 'points')
  const boxes = kind === 'points' ? null : input(golden, 'boxes')
  const count = Math.min(entries ?? Infinity, (points ?? boxes!).shape[0])
  const own = points ? points.shape[1] : 0
  const given = points && input(golden, 'labels').data
  const slots = own + (boxes ? 2 : 1)
  const coords = new Float32Array(count * slots * 2)
  const labels = new Int32Array(count * slots).fill(promptLabel.padding)
  for (let p = 0; p < count; p++) {
    const at = p * slots
    for (let i = 0; i < own; i++) {
      coords.set(points!.data.subarray((p * own + i) * 2, (p * own + i) * 2 + 2), (at + i) * 2)
      labels[at + i] = given![p * own + i]
    }
    if (boxes) {
      coords.set(boxes.data.subarray(p * 4, p * 4 + 4), (at + own) * 2)
      labels[at + own] = promptLabel.boxStart
      labels[at + own + 1] = promptLabel.boxEnd
    }
  }
  return { count, slots, coords, labels, masks: kind === 'all' ? input(golden, 'mask_input').data : undefined }
}
