/** @file Classes of matrix products by operand layout and shape. Each adapter has a fastest kernel variant for each class. */

/** Layouts of the operands: see Gemm in engine/ops/gemm-types.ts. */
export const LAYOUTS = ['nt', 'nn', 'tn'] as const
export type Layout = (typeof LAYOUTS)[number]

/**
 * `deep`: few outputs, each a long sum, so that few workgroups would do all the work: the gradients of LoRA's matrices,
 * which sum over all tokens. `narrow`: too few rows or columns to fill a wide tile: low ranks, or few tokens. `large`: all
 * others.
 */
const EXTENTS = ['large', 'narrow', 'deep'] as const
export type MatmulClass = `${Layout} ${(typeof EXTENTS)[number]}`

export const MATMUL_CLASSES = LAYOUTS.flatMap((layout) => EXTENTS.map((extent) => `${layout} ${extent}` as const))

/** Rows or columns that fill a tile; a narrow product has at most this many of one of them. */
const NARROW = 64
/** A deep product sums at least `terms` terms, and at least `ratio` times the side of a square with as many outputs. */
const DEEP = { terms: 1024, ratio: 4 } as const

/** The class of a product C (m, n) whose elements are sums of k terms. */
export function matmulClass(layout: Layout, m: number, n: number, k: number): MatmulClass {
  if (k >= DEEP.terms && k >= DEEP.ratio * Math.sqrt(m * n)) return `${layout} deep`
  return Math.min(m, n) <= NARROW ? `${layout} narrow` : `${layout} large`
}
