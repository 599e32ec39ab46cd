/** @file Binds tensors to kernels. */
import type { Tensor } from './tensor'

/**
 * The bind group entry of a tensor for the dispatch `label`.
 * @throws Error if the tensor has no memory, or starts at a byte that the device cannot bind
 */
export function bindTensor({ limits }: GPUDevice, label: string, binding: number, tensor: Tensor): GPUBindGroupEntry {
  const { buffer, offset: start } = tensor.storage
  if (!buffer) throw new Error(`${label}: ${tensor.label} has no memory`)
  const offset = start + tensor.elementOffset * 4
  if (offset % limits.minStorageBufferOffsetAlignment)
    throw new Error(`${label}: ${tensor.label} starts at byte ${offset}, which this adapter cannot bind`)
  return { binding, resource: { buffer, offset, size: tensor.size * 4 } }
}
