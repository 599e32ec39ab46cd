/** @file Tells the formats of weights apart by a file's first bytes. */
import { openFile, readAt } from './tensor-file'

export type WeightFormat = 'zip' | 'safetensors' | 'onnx' | 'pickle' | 'empty'

/** What a file's first bytes say that it is, undefined where they say nothing. Throws a UserError where it cannot be opened. */
export async function sniffFormat(path: string): Promise<WeightFormat | undefined> {
  const { file, size } = await openFile(path)
  try {
    if (!size) return 'empty'
    const head = await readAt(file, path, 0, Math.min(size, 16), 'its first bytes')
    // first, because the eight bytes before it are a length and may look like any other format's
    if (head[8] === 0x7b) return 'safetensors'
    if (head[0] === 0x50 && head[1] === 0x4b) return 'zip'
    // a pickle of protocol 2 or later begins with its version; PyTorch's old files are several of them
    if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return 'pickle'
    // ir_version, the first field of an ONNX model, and producer_name or the graph after it
    if (head[0] === 0x08 && (head[2] === 0x12 || head[2] === 0x3a)) return 'onnx'
    return undefined
  } finally {
    await file.close()
  }
}
