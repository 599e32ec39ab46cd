/** @file Sizes and options of attention between separate q, k and v. */
import type { Tensor } from '../device/tensor'

export interface CrossAttention {
  /** Independent attentions: the rows of q are (batches, queries), those of k and v are (batches, keys). */
  batches: number
  heads: number
  queries: number
  keys: number
  /** u32 (batches): the number of keys that count; later keys are masked. */
  counts?: Tensor | null
  /**
   * The rows of one side belong to images, (images·queries, C) or (images·keys, C), and `index`, u32 (batches), says whose
   * rows each batch reads.
   */
  images?: { side: 'queries' | 'keys'; index: Tensor } | null
}
