/** @file What the engine can use of an adapter: features, and limits. It runs in any host. */

/** Features for which the engine has faster kernel variants. They are enabled if the adapter has them. */
export const OPTIONAL_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

/** The limits that the default variants of all kernels rely on. An adapter must have at least these. */
export const MINIMUM_LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as const

/** The limits requested for a device, at the adapter's maximum. Textures and dynamic offsets are not used. */
export const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxUniformBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[]

/** A sentence for each limit of the adapter that is too low; empty for a usable adapter. */
export function unmetLimits(adapter: GPUAdapter): string[] {
  return Object.entries(MINIMUM_LIMITS)
    .filter(([name, minimum]) => adapter.limits[name as keyof typeof MINIMUM_LIMITS] < minimum)
    .map(
      ([name, minimum]) => `${name} is ${adapter.limits[name as keyof typeof MINIMUM_LIMITS]}, wgsam needs ${minimum}`,
    )
}
