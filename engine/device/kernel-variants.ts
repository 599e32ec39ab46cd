/**
 * @file Kernel variants of matrix products and attention. All variants take the same operands and compute the same result;
 * which one is fastest depends on the adapter.
 */
import { MATMUL_CLASSES, type MatmulClass } from './matmul-class'

/**
 * Described in engine/ops/gemm.ts. The `split` variants run the kernels of the variant they are named after over ranges of
 * k: engine/ops/gemm-split.ts.
 */
export const MATMUL_VARIANTS = [
  'shared',
  'direct',
  'transposed',
  'subgroup',
  'shared-split',
  'direct-split',
  'subgroup-split',
] as const
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number]
/** Described in engine/ops/attention-variants.ts. */
export const ATTENTION_VARIANTS = ['shared', 'direct', 'subgroup'] as const
export type AttentionVariant = (typeof ATTENTION_VARIANTS)[number]

export type MatmulVariants = Readonly<Record<MatmulClass, MatmulVariant>>

/** The variants that an engine records. */
export interface KernelVariants {
  readonly matmul: MatmulVariants
  readonly attention: AttentionVariant
}

/** Minimum subgroup size of the subgroup variants, in lanes. */
const LANES = 8

/** True if a device whose subgroups have `subgroupSize` lanes (0: no subgroups) can run a variant. */
export const canRun = (variant: MatmulVariant | AttentionVariant, subgroupSize: number): boolean =>
  !variant.startsWith('subgroup') || subgroupSize >= LANES

/**
 * The variants worth comparing for a class: transposing A changes nothing for tn, and splitting k helps only long sums or
 * few outputs.
 */
export function matmulVariantsFor(matmul: MatmulClass, subgroupSize: number): MatmulVariant[] {
  return MATMUL_VARIANTS.filter((variant) => {
    if (!canRun(variant, subgroupSize)) return false
    if (variant === 'transposed') return !matmul.startsWith('tn')
    return !variant.endsWith('split') || !matmul.endsWith('large')
  })
}

/** One variant for all classes, except those in `others`. */
export const allMatmuls = (variant: MatmulVariant, others: Partial<MatmulVariants> = {}): MatmulVariants => ({
  ...(Object.fromEntries(MATMUL_CLASSES.map((one) => [one, variant])) as Record<MatmulClass, MatmulVariant>),
  ...others,
})

const DEEP_SPLIT = { 'nt deep': 'shared-split', 'nn deep': 'shared-split', 'tn deep': 'shared-split' } as const
const TN_DIRECT = { 'tn large': 'direct', 'tn narrow': 'direct', 'tn deep': 'direct' } as const

/**
 * The variants to use on an adapter that has not been measured. On a GPU deep products are split, because their few
 * workgroups would leave most of it idle; a software adapter has only a few cores to keep busy.
 */
export function defaultVariants(software: boolean, subgroupSize: number): KernelVariants {
  if (!software) return { matmul: allMatmuls('shared', DEEP_SPLIT), attention: 'shared' }
  if (canRun('subgroup', subgroupSize)) return { matmul: allMatmuls('subgroup'), attention: 'subgroup' }
  return { matmul: allMatmuls('transposed', TN_DIRECT), attention: 'direct' }
}

/** Readable text: the commonest variant, then the classes that use another one. */
export function matmulVariantsText(variants: MatmulVariants): string {
  const used = MATMUL_CLASSES.map((one) => variants[one])
  const count = (variant: MatmulVariant) => used.filter((one) => one === variant).length
  const common = used.reduce((best, variant) => (count(variant) > count(best) ? variant : best))
  const others = MATMUL_CLASSES.filter((one) => variants[one] !== common).map((one) => `${one}: ${variants[one]}`)
  return [common, ...others].join('; ')
}
