/** @file The common result of all readers of weights files: named tensors whose values are read on demand. */
import { elements } from '../../engine/device/shape'

export { elements, sameShape, shapeText } from '../../engine/device/shape'

/** A tensor of a file of weights, whose values are not read yet. */
export interface TensorEntry {
  name: string
  shape: number[]
  /** The stored type; `read` always returns f32. */
  dtype: string
  /** Reads the elements in row-major order. @throws UserError if the file is damaged */
  read(): Promise<Float32Array>
}

export interface TensorFile {
  tensors: Map<string, TensorEntry>
  metadata: Record<string, string>
  close(): Promise<void>
}

/** True for a list of at most 8 dimensions with at most 2^30 elements. */
export function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= 8 &&
    value.every((n) => Number.isSafeInteger(n) && n >= 0) &&
    elements(value) <= 2 ** 30
  )
}

/** Longer names of tensors are refused: they would fill every message. */
export const MAX_NAME = 500
