/**
 * @file The precision of matrix products and attention, by the names that PyTorch and JAX use. It matters on adapters with
 * matrix units only (matrix-units.ts): elsewhere every product is computed in f32, whichever precision is asked for.
 */

/**
 * `highest`: the accuracy of f32. `high`: operands are rounded to 11 significant bits, as TF32 does, and products are summed
 * in f32: several times as fast on matrix units.
 */
export const PRECISIONS = ['highest', 'high'] as const
/** Precision of matrix products on adapters with matrix units. */
export type Precision = (typeof PRECISIONS)[number]

/**
 * What is used where nothing else is asked for. Three trainings ended with the same scores in both precisions, within the noise between
 * seeds (docs/performance.md). Inference is a small part of the time of either, and its results should not depend on the GPU.
 */
export const DEFAULT_PRECISION = { training: 'high', inference: 'highest' } as const satisfies Record<string, Precision>
