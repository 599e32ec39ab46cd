/**
 * @file Matrix units (tensor cores, cooperative matrices): hardware that multiplies small matrices of f16 and sums in f32.
 * WGSL reaches them through Dawn's experimental subgroup matrices.
 */

/** A product that a subgroup computes by one instruction: C (m, n) in f32 += A (m, k) · B (k, n), both in f16. */
export interface MatrixUnits {
  m: number
  n: number
  k: number
  /** Lanes that compute it together. */
  subgroupSize: number
}

/** The features that kernels for matrix units enable in their WGSL. A device must have all of them. */
export const MATRIX_FEATURES = [
  'shader-f16',
  'subgroups',
  'chromium-experimental-subgroup-matrix',
] as readonly string[] as readonly GPUFeatureName[]

/** One of `GPUAdapterInfo.subgroupMatrixConfigs`. Dawn's objects have accessors only: each field is to be read by name. */
interface SubgroupMatrixConfig {
  componentType: string
  resultComponentType: string
  M: number
  N: number
  K: number
}

/** The shape, and the size of subgroups, for which the kernels are written. */
const SHAPE = { m: 16, n: 16, k: 16, subgroupSize: 32 } as const

/**
 * The matrix units of a device or an adapter that the kernels can use. Null if a feature is missing, if the units have no
 * products of f16 with f32 sums of the kernels' shape, or if subgroups
 * may have another size than the kernels'.
 * @example
 * const matrixUnits = findMatrixUnits(adapter.features, adapter.info)
 * const device = await adapter.requestDevice({ requiredFeatures: matrixUnits ? [...MATRIX_FEATURES] : [] })
 * const engine = new Engine(device, { matrixUnits })
 */
export function findMatrixUnits(
  features: Pick<GPUSupportedFeatures, 'has'>,
  info: GPUAdapterInfo | undefined,
): MatrixUnits | null {
  if (!info || !MATRIX_FEATURES.every((feature) => features.has(feature))) return null
  const { subgroupMinSize, subgroupMaxSize } = info
  if (subgroupMinSize !== SHAPE.subgroupSize || subgroupMaxSize !== SHAPE.subgroupSize) return null
  const { subgroupMatrixConfigs } = info as { subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig> }
  for (const { componentType, resultComponentType, M, N, K } of subgroupMatrixConfigs ?? []) {
    const accumulates = componentType === 'f16' && resultComponentType === 'f32'
    if (accumulates && M === SHAPE.m && N === SHAPE.n && K === SHAPE.k) return { ...SHAPE }
  }
  return null
}
