/** @file Parameters of a matrix product. */
import type { Layout } from '../device/matmul-class'
import type { Tensor } from '../device/tensor'

/** A matrix operand: where it starts in its tensor, and the strides of rows, batches and heads, in elements. */
export interface Operand {
  tensor: Tensor
  offset?: number
  /** Elements between the starts of rows. */
  stride: number
  batch?: number
  head?: number
  /**
   * True if all of the tensor is written before, and other products read all of it: then its largest magnitude, which they need too,
   * serves as that of this part of it (operand-scale.ts).
   */
  complete?: boolean
}

/** Adds to columns start..end (exclusive) of C the product of `rank` columns of `left` with a block of `right`. */
export interface Extension {
  start: number
  end: number
  /** First column in `left`. */
  column: number
  /** First element in `right`. */
  offset: number
}

/**
 * The LoRA term of a matrix product: scale · left · right, added before the bias. Forward, `left` is x·Aᵀ and `right` is B;
 * backward, `left` is the gradient of x·Aᵀ and `right` is A.
 */
export interface LoraTerm {
  /** (m, any number of columns). */
  left: Tensor
  /** nt: rows of `rank` elements, one for each column of C from `start`. nn: `rank` rows of n elements. */
  right: Tensor
  rank: number
  scale: number
  extensions: Extension[]
}

export interface Gemm {
  /** nt: C = A·Bᵀ with A (m,k), B (n,k). nn: C = A·B with B (k,n). tn: C = Aᵀ·B with A (k,m), B (k,n). */
  layout: Layout
  m: number
  n: number
  k: number
  a: Operand
  b: Operand
  c: Operand
  batches?: number
  heads?: number
  /** Factor of the product, applied before the bias is added. */
  alpha?: number
  bias?: Tensor | null
  activation?: 'none' | 'gelu' | 'relu'
  /** Added after the activation; laid out as C. */
  residual?: Tensor | null
  /** Receives the value before the activation; laid out as C. */
  pre?: Tensor | null
  /**
   * The input of a GELU, laid out as C, of which the product is the gradient of the output: the product is multiplied by GELU's
   * slope there. Only where `fusesSlope`.
   */
  slope?: Tensor | null
  /** True if other products will read C: where it is cheap, its largest magnitude is found while it is stored (operand-scale.ts). */
  operand?: boolean
  accumulate?: 0 | 1
  lora?: LoraTerm | null
}
