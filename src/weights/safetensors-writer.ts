/** @file Writes safetensors files to disk, one tensor after the other. */
import { writeAtomic } from '../host/files'
import { safetensorsParts, type TensorToWrite } from './safetensors-layout'

export type { TensorToWrite } from './safetensors-layout'

/**
 * Writes a file under a temporary name and renames it; if that fails, an existing file is left unchanged.
 * @throws UserError naming the tensor that cannot be written
 * @example
 * await writeSafetensors('ones.safetensors', [{ name: 'ones', shape: [2, 3], data: new Float32Array(6).fill(1) }])
 */
export async function writeSafetensors(
  path: string,
  entries: readonly TensorToWrite[],
  metadata: Record<string, string> = {},
): Promise<void> {
  const parts = safetensorsParts(path, entries, metadata)
  await writeAtomic(path, async (file) => {
    for await (const part of parts) await file.writeFile(part)
  })
}
