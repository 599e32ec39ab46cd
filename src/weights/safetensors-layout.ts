/** @file The bytes of a safetensors file, one tensor after the other. It runs in any host. */
import { safetensorsHeader } from '../../engine/finetune/safetensors-header'
import { UserError } from '../host/errors'
import { type NumberArray, byteSizes, dtypeOf } from './dtypes'
import { elements, isShape, shapeText } from './tensor-file'

/** A tensor of a file that is to be written. */
export interface TensorToWrite {
  name: string
  shape: number[]
  /** A function is called when the tensor is written, and its result (f32) is then released. */
  data: NumberArray | (() => Promise<Float32Array>)
}

/**
 * The file in parts: its header, then the tensors. Everything but the results of functions is checked before the first part.
 * @param path names the file in messages
 * @throws UserError naming the tensor that cannot be written
 */
export function safetensorsParts(
  path: string,
  entries: readonly TensorToWrite[],
  metadata: Record<string, string> = {},
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const { header, sorted } = layout(path, entries, metadata)
  return (async function* () {
    yield header
    for (const entry of sorted) {
      const data = typeof entry.data === 'function' ? await entry.data() : entry.data
      checkLength(path, entry, data)
      yield new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
    }
  })()
}

const dtype = (entry: TensorToWrite) => (typeof entry.data === 'function' ? 'F32' : dtypeOf(entry.data))

/** The header, and the entries in their order in the file: larger element sizes first, so that every tensor is aligned. */
function layout(path: string, entries: readonly TensorToWrite[], metadata: Record<string, string>) {
  const sorted = [...entries].sort((a, b) => byteSizes[dtype(b)] - byteSizes[dtype(a)])
  const names = new Set(['__metadata__'])
  const listed = sorted.map((entry) => {
    const { name, shape, data } = entry
    if (names.has(name)) throw new UserError(`${path}: tensor ${name} occurs twice`)
    names.add(name)
    if (!isShape(shape))
      throw new UserError(`${path}: tensor ${name}: shape ${JSON.stringify(shape)} cannot be written`)
    if (typeof data !== 'function') checkLength(path, entry, data)
    return { name, dtype: dtype(entry), shape, bytes: elements(shape) * byteSizes[dtype(entry)] }
  })
  return { header: safetensorsHeader(listed, metadata), sorted }
}

function checkLength(path: string, { name, shape }: TensorToWrite, data: NumberArray): void {
  if (data.length !== elements(shape))
    throw new UserError(`${path}: tensor ${name}: ${data.length} elements do not fill ${shapeText(shape)}`)
}
