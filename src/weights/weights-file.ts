/** @file Weights as a safetensors file in memory. It runs in any host. */
import { mergedMetadata } from './merged-profile'
import type { OpenedWeights } from './open-weights'
import { safetensorsParts, type TensorToWrite } from './safetensors-layout'
import type { TensorEntry } from './tensor-file'

/** Called after each tensor. @param total the number of tensors */
export type OnTensor = (done: number, total: number, tensor: string) => void

/** Tensors as a writer takes them: each is read when it is written. */
export function weightEntries(tensors: ReadonlyMap<string, TensorEntry>, onTensor?: OnTensor): TensorToWrite[] {
  let done = 0
  return [...tensors.values()].map(({ name, shape, read }) => ({
    name,
    shape,
    data: async () => {
      const data = await read()
      onTensor?.(++done, tensors.size, name)
      return data
    },
  }))
}

/**
 * Opened or merged weights as a safetensors file in f32, under the names of the reference implementation: the bytes that `wgsam merge`
 * writes. The parts are given to a Blob one by one, which browsers keep on the disk if they are large.
 * @throws UserError if a tensor is damaged · the signal's reason if it aborts
 * @example
 * link.href = URL.createObjectURL(await weightsFile(merged))
 */
export async function weightsFile(
  { name, tensors, profile }: Pick<OpenedWeights, 'name' | 'tensors' | 'profile'>,
  { signal, onTensor }: { signal?: AbortSignal; onTensor?: OnTensor } = {},
): Promise<Blob> {
  let file = new Blob([])
  for await (const part of safetensorsParts(name, weightEntries(tensors, onTensor), mergedMetadata(profile))) {
    signal?.throwIfAborted()
    file = new Blob([file, part])
  }
  return file
}
