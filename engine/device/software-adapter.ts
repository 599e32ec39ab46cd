/** @file Recognises adapters that run kernels on the processor instead of a GPU. */

/** Names under which the known software adapters report themselves; the last one is Windows' WARP. */
const SOFTWARE_NAMES = /llvmpipe|swiftshader|microsoft basic render/i

/**
 * True if the adapter computes on the processor. WebGPU marks such adapters as fallback adapters, but not every host sets
 * the mark, so the adapter's names are checked as well. `undefined` (a host without `adapterInfo`) counts as a GPU.
 */
export function isSoftwareAdapter(info: GPUAdapterInfo | undefined): boolean {
  if (!info) return false
  const { isFallbackAdapter, description, device, architecture } = info
  return Boolean(isFallbackAdapter) || SOFTWARE_NAMES.test(`${description} ${device} ${architecture}`)
}
