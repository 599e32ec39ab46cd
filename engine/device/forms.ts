/** @file The forms in which matrix products and attention exist: same operands, same results, each for other adapters. */

/** See engine/ops/gemm.ts. */
export const PRODUCT_FORMS = ['shared', 'direct', 'transposed', 'subgroup'] as const
/** See engine/ops/attention-forms.ts. */
export const ATTENTION_FORMS = ['shared', 'direct', 'subgroup'] as const

export interface Forms {
  products: (typeof PRODUCT_FORMS)[number]
  attention: (typeof ATTENTION_FORMS)[number]
}

/** Lanes that the subgroup forms ask of a subgroup, at least. */
const LANES = 8

/** Whether a device with subgroups of so many lanes (0: none) can run a form. */
export const runs = (form: Forms[keyof Forms], subgroupSize: number): boolean =>
  form !== 'subgroup' || subgroupSize >= LANES

/** What suits the kind of adapter, unmeasured. */
export function usualForms(software: boolean, subgroupSize: number): Forms {
  if (!software) return { products: 'shared', attention: 'shared' }
  if (runs('subgroup', subgroupSize)) return { products: 'subgroup', attention: 'subgroup' }
  return { products: 'transposed', attention: 'direct' }
}
