/** @file A tensor names a place in GPU memory: a storage, an offset in it and a shape. 32-bit elements, row-major. */

/** Statistics are activations too (sums, means, log-sum-exp), but small ones of which every digit counts. */
export type TensorKind = 'weight' | 'adapter' | 'optimizer' | 'gradient' | 'input' | 'activation' | 'statistic'

/** How values that wait are stored: as they were computed, or as halves where that is worth it. */
export const STORAGES = ['f32', 'f16'] as const
export type StorageType = (typeof STORAGES)[number]

/** Elements from which halving is worth its dispatches. */
const LEAST_HALVED = 2 ** 12

/** Whether so many elements are stored as halves; kernels take four at once. */
export const halvable = (elements: number): boolean => elements >= LEAST_HALVED && elements % 4 === 0

export interface Storage {
  kind: TensorKind
  label: string
  bytes: number
  /** null until a program has placed it. */
  buffer: GPUBuffer | null
  /** Bytes from the buffer's start. */
  offset: number
  /** Elements are halves, two a word: a graph expands them wherever it reads them (graph/halves.ts). */
  halves?: boolean
}

export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const d of shape) {
    if (!Number.isInteger(d) || d <= 0) throw new Error(`a tensor's shape must be whole numbers from 1: [${shape}]`)
    size *= d
  }
  return size
}

export class Tensor {
  readonly size: number
  /** Whether a gradient flows to it; set by the graph, or for parameters by their owner. */
  requiresGrad = false
  /** Parameters carry the place of their gradient, which always accumulates. */
  grad: Tensor | null = null

  constructor(
    readonly storage: Storage,
    readonly shape: readonly number[],
    /** Elements from the storage's start. */
    readonly elementOffset = 0,
    /** The tensor whose gradient this one shares (reshapes share it, slices have none). */
    readonly root: Tensor | null = null,
  ) {
    this.size = sizeOf(shape)
  }

  get label(): string {
    return this.storage.label
  }

  /** The last dimension. */
  get columns(): number {
    return this.shape[this.shape.length - 1]
  }

  /** All but the last dimension, multiplied. */
  get rows(): number {
    return this.size / this.columns
  }

  /** The same elements with another shape. */
  reshape(...shape: number[]): Tensor {
    if (sizeOf(shape) !== this.size) throw new Error(`${this.label}: [${this.shape}] cannot be seen as [${shape}]`)
    const view = new Tensor(this.storage, shape, this.elementOffset, this.root ?? this)
    view.requiresGrad = this.requiresGrad
    view.grad = this.grad
    return view
  }

  /** Rows start..end of the first dimension, without a copy and without a gradient of their own. */
  slice(start: number, end: number): Tensor {
    const [first, ...rest] = this.shape
    if (start < 0 || end > first || start >= end) throw new Error(`${this.label}: rows ${start} to ${end} of ${first}`)
    return new Tensor(this.storage, [end - start, ...rest], this.elementOffset + start * (this.size / first))
  }
}
