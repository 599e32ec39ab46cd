/** @file A tensor is a view of GPU memory: a storage, an offset in it and a shape. Elements have 32 bits, in row-major order. */

/** `statistic`: small activations that need full precision (sums, means, log-sum-exp), so they are never stored as f16. */
export type TensorKind = 'weight' | 'adapter' | 'optimizer' | 'gradient' | 'input' | 'activation' | 'statistic'

/** How weights and saved activations are stored between uses. f16 applies to those that are `eligibleForF16`. */
export const STORAGES = ['f32', 'f16'] as const
/** How numbers are stored: f16 takes half the memory. The arithmetic is f32 in any case. */
export type StorageType = (typeof STORAGES)[number]

/** Smallest tensor, in elements, for which the memory saved by f16 is worth the dispatches that convert it. */
const MIN_F16_ELEMENTS = 2 ** 12

/** True if a tensor of that many elements is stored as f16 on request. The kernels convert four elements at a time. */
export const eligibleForF16 = (elements: number): boolean => elements >= MIN_F16_ELEMENTS && elements % 4 === 0

export interface Storage {
  kind: TensorKind
  label: string
  bytes: number
  /** null until a program has allocated it. */
  buffer: GPUBuffer | null
  /** Bytes from the buffer's start. */
  offset: number
  /** Elements are f16, two per 32-bit word. A graph converts them to f32 before each dispatch that reads them. */
  f16?: boolean
}

/** The number of elements. @throws Error if a dimension is not a whole number from 1 */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const d of shape) {
    if (!Number.isInteger(d) || d <= 0) throw new Error(`a tensor's shape must be whole numbers from 1: [${shape}]`)
    size *= d
  }
  return size
}

/**
 * A row-major f32 tensor on the GPU: its shape, and where its elements are. Made by `Engine.persistent` and by operations of a Graph.
 * @example
 * const tensor = engine.persistent('input', 'numbers', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))
 * const values = await engine.read(tensor)
 * engine.release(tensor)
 */
export class Tensor {
  readonly size: number
  /** True if its gradient is computed; set by the graph, or for parameters by their owner. */
  requiresGrad = false
  /** Where a parameter's gradient is accumulated; null for tensors that are not parameters. */
  grad: Tensor | null = null

  constructor(
    readonly storage: Storage,
    readonly shape: readonly number[],
    /** Elements from the storage's start. */
    readonly elementOffset = 0,
    /** The tensor of which this is a reshaped view: they share one gradient. null for others; slices have no gradient. */
    readonly root: Tensor | null = null,
    /** True for the words of a tensor that is stored as f16. */
    readonly words = false,
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

  /** The product of all dimensions but the last. */
  get rows(): number {
    return this.size / this.columns
  }

  /** A view of the same elements with another shape, sharing the gradient. @throws Error if the sizes differ */
  reshape(...shape: number[]): Tensor {
    if (sizeOf(shape) !== this.size) throw new Error(`${this.label}: [${this.shape}] cannot be reshaped to [${shape}]`)
    const view = new Tensor(this.storage, shape, this.elementOffset, this.root ?? this)
    view.requiresGrad = this.requiresGrad
    view.grad = this.grad
    return view
  }

  /** The 32-bit words of a tensor that is stored as f16, for kernels that take them as they are. */
  asWords(): Tensor {
    return new Tensor(this.storage, [this.size / 2], this.elementOffset / 2, null, true)
  }

  /** A view of rows start..end (exclusive) of the first dimension; no gradient flows through it. @throws Error if out of range */
  slice(start: number, end: number): Tensor {
    const [first, ...rest] = this.shape
    if (start < 0 || end > first || start >= end) throw new Error(`${this.label}: rows ${start} to ${end} of ${first}`)
    return new Tensor(this.storage, [end - start, ...rest], this.elementOffset + start * (this.size / first))
  }
}
