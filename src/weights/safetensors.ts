/** @file Reads safetensors files from disk. */
import type { Dtype, NumberArray } from './dtypes'
import { fileSource } from './open-file'
import { openSafetensorsSource, readHeader, readStored } from './safetensors-source'
import type { TensorFile } from './tensor-file'

/** Opens a safetensors file. Only the header is read and checked. @throws UserError naming the tensor that is wrong */
export const openSafetensors = async (path: string): Promise<TensorFile> =>
  openSafetensorsSource(await fileSource(path))

/**
 * Reads a whole file. F16, BF16 and F32 become Float32Array; F64 and integers keep their type. @throws UserError
 * @example
 * for (const [name, { shape, data }] of await readSafetensors('model.safetensors')) console.log(name, shape, data[0])
 */
export async function readSafetensors<T extends NumberArray = Float32Array>(
  path: string,
): Promise<Map<string, { shape: number[]; dtype: Dtype; data: T }>> {
  const source = await fileSource(path)
  const { stored } = await readHeader(source)
  try {
    const out = new Map<string, { shape: number[]; dtype: Dtype; data: T }>()
    for (const t of stored)
      out.set(t.name, { shape: t.shape, dtype: t.dtype, data: (await readStored(source, t)) as T })
    return out
  } finally {
    await source.close()
  }
}
