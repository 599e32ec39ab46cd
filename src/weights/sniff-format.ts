/** @file Recognises the format of a weights file by its first bytes. */
import { openFile, readAt } from './tensor-file'

export type WeightFormat = 'zip' | 'safetensors' | 'onnx' | 'pickle' | 'empty'

/** The format of a file by its first bytes; undefined if unknown. @throws UserError if it cannot be opened */
export async function sniffFormat(path: string): Promise<WeightFormat | undefined> {
  const { file, size } = await openFile(path)
  try {
    if (!size) return 'empty'
    const head = await readAt(file, path, 0, Math.min(size, 16), 'its first bytes')
    // tested first, because the eight bytes before it are a length and may look like another format
    if (head[8] === 0x7b) return 'safetensors'
    if (head[0] === 0x50 && head[1] === 0x4b) return 'zip'
    // a pickle of protocol 2 or later begins with its version; old PyTorch files are several pickles
    if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return 'pickle'
    // ir_version, the first field of an ONNX model, followed by producer_name or the graph
    if (head[0] === 0x08 && (head[2] === 0x12 || head[2] === 0x3a)) return 'onnx'
    return undefined
  } finally {
    await file.close()
  }
}
