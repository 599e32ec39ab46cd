/** @file The forms in which matrix products and attention exist: same operands, same results, each for other adapters. */
import { PRODUCT_CLASSES, type ProductClass } from './matmul-class'

/** See engine/ops/gemm.ts. A `split` form runs the other's kernels over ranges of k: engine/ops/gemm-split.ts. */
export const PRODUCT_FORMS = [
  'shared',
  'direct',
  'transposed',
  'subgroup',
  'shared-split',
  'direct-split',
  'subgroup-split',
] as const
export type ProductForm = (typeof PRODUCT_FORMS)[number]
/** See engine/ops/attention-variants.ts. */
export const ATTENTION_FORMS = ['shared', 'direct', 'subgroup'] as const
export type AttentionFormName = (typeof ATTENTION_FORMS)[number]

export type ProductForms = Readonly<Record<ProductClass, ProductForm>>

export interface Forms {
  products: ProductForms
  attention: AttentionFormName
}

/** Lanes that the subgroup forms ask of a subgroup, at least. */
const LANES = 8

/** Whether a device with subgroups of so many lanes (0: none) can run a form. */
export const runs = (form: ProductForm | AttentionFormName, subgroupSize: number): boolean =>
  !form.startsWith('subgroup') || subgroupSize >= LANES

/** The forms that differ for a class: transposing changes nothing for tn, and splitting needs long sums or few outputs. */
export function productForms(of: ProductClass, subgroupSize: number): ProductForm[] {
  return PRODUCT_FORMS.filter((form) => {
    if (!runs(form, subgroupSize)) return false
    if (form === 'transposed') return !of.startsWith('tn')
    return !form.endsWith('split') || !of.endsWith('large')
  })
}

/** One form for all classes, less where `others` has another. */
export const productsBy = (form: ProductForm, others: Partial<ProductForms> = {}): ProductForms => ({
  ...(Object.fromEntries(PRODUCT_CLASSES.map((of) => [of, form])) as Record<ProductClass, ProductForm>),
  ...others,
})

const DEEP_SPLIT = { 'nt deep': 'shared-split', 'nn deep': 'shared-split', 'tn deep': 'shared-split' } as const
const TN_DIRECT = { 'tn large': 'direct', 'tn narrow': 'direct', 'tn deep': 'direct' } as const

/**
 * What suits the kind of adapter, unmeasured. On a GPU deep products are split, because their few workgroups would leave most
 * of it idle; a software adapter has few cores to fill.
 */
export function usualForms(software: boolean, subgroupSize: number): Forms {
  if (!software) return { products: productsBy('shared', DEEP_SPLIT), attention: 'shared' }
  if (runs('subgroup', subgroupSize)) return { products: productsBy('subgroup'), attention: 'subgroup' }
  return { products: productsBy('transposed', TN_DIRECT), attention: 'direct' }
}

/** In words: the commonest form, then the classes that have another. */
export function productsText(products: ProductForms): string {
  const forms = PRODUCT_CLASSES.map((of) => products[of])
  const count = (form: ProductForm) => forms.filter((one) => one === form).length
  const common = forms.reduce((best, form) => (count(form) > count(best) ? form : best))
  const others = PRODUCT_CLASSES.filter((of) => products[of] !== common).map((of) => `${of}: ${products[of]}`)
  return [common, ...others].join('; ')
}
