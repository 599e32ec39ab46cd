/** @file Recognises the format of a weights file by its first bytes. It runs in any host. */
import { lfsPointer } from '../text/known-contents'
import { type ByteSource, readRange } from './byte-source'

export type WeightFormat = 'zip' | 'safetensors' | 'onnx' | 'pickle'

/** The format of a file by its first bytes; undefined if unknown. @throws UserError if it cannot be read */
export async function sniffFormat(source: ByteSource): Promise<WeightFormat | undefined> {
  const head = await firstBytes(source, 16)
  // tested first, because the eight bytes before it are a length and may look like another format
  if (head[8] === 0x7b) return 'safetensors'
  if (head[0] === 0x50 && head[1] === 0x4b) return 'zip'
  // a pickle of protocol 2 or later begins with its version; old PyTorch files are several pickles
  if (head[0] === 0x80 && head[1] >= 2 && head[1] <= 5) return 'pickle'
  // ir_version, the first field of an ONNX model, followed by producer_name or the graph
  if (head[0] === 0x08 && (head[2] === 0x12 || head[2] === 0x3a)) return 'onnx'
  return undefined
}

const firstBytes = (source: ByteSource, most: number) =>
  readRange(source, 0, Math.min(source.size, most), 'its first bytes')

/** Other files that are found under the name of a checkpoint, by their first bytes as Latin-1 text. */
const others: [RegExp, string][] = [
  [/^$/, 'the file is empty: was its download interrupted?'],
  [lfsPointer.start, `${lfsPointer.is}: ${lfsPointer.way} in its repository, or download it from its web page`],
  [
    /^\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|!--)/i,
    'a web page, not a file of weights: its download needs a login or another address',
  ],
  [/^\s*<\?xml/i, 'an XML document, perhaps the error of a download'],
  [
    /^\s*\{(?=[^]*"weight_map")|^\s*\{\s*"metadata"\s*:\s*\{\s*"total_(?:size|parameters)"/,
    'the list of the parts of a model (index.json), not the weights: put the parts into one file, in Python ' +
      'sum them up in a dictionary with safetensors.torch.load_file of each, then safetensors.torch.save_file',
  ],
  [/^\s*[[{]/, 'JSON text, perhaps the error of a download'],
  [/^GGUF/, 'a GGUF file, as llama.cpp reads it'],
  [/^\x89HDF/, 'an HDF5 file, as Keras writes it'],
  [/^\x93NUMPY/, 'an array of numpy'],
  [/^model_checkpoint_path:/, 'the list of checkpoints of TensorFlow, which is not read'],
  [/^\x1f\x8b/, 'a gzip archive: unpack it first'],
  [/^(?:7z\xbc\xaf|Rar!|\xfd7zXZ|BZh|\x28\xb5\x2f\xfd)/, 'an archive: unpack it first'],
  [/^(?:\x89PNG|\xff\xd8\xff|II\*\0|MM\0\*|GIF8|BM)/, 'an image'],
  [/^[^]{257}ustar/, 'a tar archive: unpack it first'],
  [/^[\x20-\x7e\s]+$/, 'text, not a file of weights'],
]

/** What a file is that is no file of weights, in words; undefined if unknown. */
export async function describeContent(source: ByteSource): Promise<string | undefined> {
  const head = String.fromCharCode(...(await firstBytes(source, 512)))
  return others.find(([pattern]) => pattern.test(head))?.[1]
}
