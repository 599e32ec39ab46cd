/**
 * @file Kernel variants of matrix products and attention. All variants take the same operands and compute the same result;
 * which one is fastest depends on the adapter.
 */
import { MATMUL_CLASSES, type MatmulClass } from './matmul-class'
import type { MatrixUnits } from './matrix-units'
import type { Precision } from './precision'

/**
 * Described in engine/ops/gemm.ts. The `split` variants run the kernels of the variant they are named after over ranges of
 * k: engine/ops/gemm-split.ts. `shared-small` is `shared` with smaller tiles where they suit. `shared-large` has larger ones as
 * well, and splits k where that makes enough workgroups: it chooses for each product. `matrix` and `matrix-split3` run on matrix
 * units: the first rounds the operands to f16, for precision `high`; the second adds three products of their high and low parts,
 * which is as accurate as f32. Both leave small products to `shared-large`.
 */
export const MATMUL_VARIANTS = [
  'shared',
  'shared-small',
  'shared-large',
  'direct',
  'transposed',
  'subgroup',
  'shared-split',
  'direct-split',
  'subgroup-split',
  'matrix',
  'matrix-split3',
] as const
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number]
/** Described in engine/ops/attention-variants.ts. */
export const ATTENTION_VARIANTS = ['shared', 'wide', 'direct', 'subgroup', 'matrix'] as const
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number]

/**
 * How the gradient of attention is computed: by the fused kernels of the attention variant, or by matrix products over scores that
 * are computed again, for some windows and heads at a time (engine/ops/attention-materialised.ts).
 */
export const ATTENTION_BACKWARDS = ['fused', 'products'] as const
export type AttentionBackward = (typeof ATTENTION_BACKWARDS)[number]
/** Windows of up to 256 positions, as those of 14 x 14, and longer ones, as a whole image. For those of 7 x 7 products are too small. */
export const WINDOW_CLASSES = ['short', 'long'] as const
export type WindowClass = (typeof WINDOW_CLASSES)[number]
export const windowClass = (length: number): WindowClass | null =>
  length <= 64 ? null : length <= 256 ? 'short' : 'long'

/** Tiles that `shared-large` adds: engine/ops/gemm-large.ts. */
export type LargeTile = 'large' | 'medium'

export type MatmulVariants = Readonly<Record<MatmulClass, MatmulVariant>>

/** The variants that an engine records. */
export interface KernelVariants {
  readonly matmul: MatmulVariants
  readonly attention: AttentionVariant
  /** By the length of windows. */
  readonly attentionBackward: Readonly<Record<WindowClass, AttentionBackward>>
  /** Workgroups from which on `wide` attention has larger tiles (engine/ops/attention-variants.ts). 0: always, for tests. */
  readonly wideGroups?: number
  /** Described in engine/ops/cross-attention.ts. By default `fused`, on software adapters in training `stored`. */
  readonly crossAttention?: 'fused' | 'stored'
  /**
   * Multiply-adds from which on a product runs on matrix units, if its class has a variant that uses them; smaller ones run as
   * `shared-large`. 0: all that the kernels can compute, for tests.
   */
  readonly matrixWork?: number
  /**
   * Operands of products and attention are rounded as matrix units read them in precision `high`, before f32 kernels multiply them:
   * for studying that precision on adapters without matrix units (engine/ops/rounded-operands.ts).
   */
  readonly roundOperands?: boolean
  /** The tile of `shared-large` for every aligned product, for tests and benchmarks. By default the one that suits a product. */
  readonly largeTile?: LargeTile
}

/**
 * Default of `matrixWork`. Finding the scales of f16 operands takes about 10 microseconds on an H100, in which its f32 kernels
 * compute a quarter of this number.
 */
export const MATRIX_WORK = 2 ** 29

/** What decides which variants a device can run, and which are its defaults. An Engine has these properties. */
export interface KernelCapabilities {
  /** True if the adapter computes on the processor. */
  readonly software: boolean
  /** Minimum number of lanes in a subgroup; 0: no subgroups. */
  readonly subgroupSize: number
  readonly matrixUnits: MatrixUnits | null
  readonly precision: Precision
}

/** Minimum subgroup size of the subgroup variants, in lanes. */
const LANES = 8

/** True if a device can run a variant with the accuracy that its engine's precision asks for. */
export function canRun(variant: MatmulVariant | AttentionVariant, on: KernelCapabilities): boolean {
  if (variant.startsWith('subgroup')) return on.subgroupSize >= LANES
  if (variant === 'matrix') return on.matrixUnits !== null && on.precision === 'high'
  return variant !== 'matrix-split3' || on.matrixUnits !== null
}

/**
 * The variants worth comparing for a class: transposing A changes nothing for tn, and splitting k helps only long sums or
 * few outputs.
 */
export function matmulVariantsFor(matmul: MatmulClass, on: KernelCapabilities): MatmulVariant[] {
  return MATMUL_VARIANTS.filter((variant) => {
    if (!canRun(variant, on)) return false
    if (variant === 'transposed') return !matmul.startsWith('tn')
    return !variant.endsWith('split') || !matmul.endsWith('large')
  })
}

/** One variant for all classes, except those in `others`. */
export const allMatmuls = (variant: MatmulVariant, others: Partial<MatmulVariants> = {}): MatmulVariants => ({
  ...(Object.fromEntries(MATMUL_CLASSES.map((one) => [one, variant])) as Record<MatmulClass, MatmulVariant>),
  ...others,
})

const TN_DIRECT = { 'tn large': 'direct', 'tn narrow': 'direct', 'tn deep': 'direct' } as const

/**
 * The variants to use on an adapter that has not been measured. On a GPU deep products are split, because their few
 * workgroups would leave most of it idle (`shared-large` does so); a software adapter has only a few cores to keep busy. On an
 * H100 matrix units win by a factor of 2 to 3 at the accuracy of f32 and of 6 to 8 with operands of f16; small products stay with the f32 kernels.
 */
export function defaultVariants(on: KernelCapabilities): KernelVariants {
  const attentionBackward = { short: 'fused', long: 'fused' } as const
  if (!on.software) {
    const onUnits = on.precision === 'high' ? 'matrix' : 'matrix-split3'
    const matmul = on.matrixUnits ? allMatmuls(onUnits) : allMatmuls('shared-large')
    // what the kernels for matrix units cannot compute, `wide` does: engine/ops/attention-matrix.ts
    return { matmul, attention: canRun('matrix', on) ? 'matrix' : 'wide', attentionBackward }
  }
  if (canRun('subgroup', on)) return { matmul: allMatmuls('subgroup'), attention: 'subgroup', attentionBackward }
  return { matmul: allMatmuls('transposed', TN_DIRECT), attention: 'direct', attentionBackward }
}

/** Readable text: the commonest variant, then the classes that use another one. */
export function matmulVariantsText(variants: MatmulVariants): string {
  const used = MATMUL_CLASSES.map((one) => variants[one])
  const count = (variant: MatmulVariant) => used.filter((one) => one === variant).length
  const common = used.reduce((best, variant) => (count(variant) > count(best) ? variant : best))
  const others = MATMUL_CLASSES.filter((one) => variants[one] !== common).map((one) => `${one}: ${variants[one]}`)
  return [common, ...others].join('; ')
}
