/** @file The classes of matrix products, by layout and shape, for each of which an adapter has its own fastest form. */

/** Of the operands: see Gemm in engine/ops/gemm-types.ts. */
export const LAYOUTS = ['nt', 'nn', 'tn'] as const
export type Layout = (typeof LAYOUTS)[number]

/**
 * `deep`: few outputs, each a long sum, so that few workgroups would have all the work: the gradients of LoRA's matrices,
 * which sum over all tokens. `narrow`: rows or columns are too few for a wide tile: products with a low rank, or of few
 * tokens. `large`: the others.
 */
const EXTENTS = ['large', 'narrow', 'deep'] as const
export type ProductClass = `${Layout} ${(typeof EXTENTS)[number]}`

export const PRODUCT_CLASSES = LAYOUTS.flatMap((layout) => EXTENTS.map((extent) => `${layout} ${extent}` as const))

/** Rows or columns that fill a tile; a narrow product has no more of them. */
const NARROW = 64
/** A deep product's sums are at least so long, and so many times the side of a square with as many outputs. */
const DEEP = { terms: 1024, ratio: 4 } as const

/** The class of C (m, n), sums of k terms. */
export function productClass(layout: Layout, m: number, n: number, k: number): ProductClass {
  if (k >= DEEP.terms && k >= DEEP.ratio * Math.sqrt(m * n)) return `${layout} deep`
  return Math.min(m, n) <= NARROW ? `${layout} narrow` : `${layout} large`
}
