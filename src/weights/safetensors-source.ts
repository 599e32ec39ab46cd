/**
 * @file Reads safetensors from any source of bytes: a length, a JSON header, then the bytes of every tensor. It runs in any host.
 */
import { UserError } from '../host/errors'
import { type Dtype, type NumberArray, byteSizes, decode, isDtype, toFloat32 } from './dtypes'
import { shown } from '../text/check-value'
import { type ByteSource, readRange } from './byte-source'
import { MAX_NAME, type TensorFile, elements, isShape, shapeText } from './tensor-file'

/** Larger headers, in bytes, are refused, as the reference implementation does. */
const MAX_HEADER = 100_000_000

/** Where a tensor is in its file. */
export interface StoredTensor {
  name: string
  dtype: Dtype
  shape: number[]
  /** Position in the file, in bytes. */
  start: number
  end: number
}

/** Opens safetensors. Only the header is read and checked. @throws UserError naming the tensor that is wrong */
export async function openSafetensorsSource(source: ByteSource): Promise<TensorFile> {
  const { stored, metadata } = await readHeader(source)
  return {
    tensors: new Map(
      stored.map((t) => [
        t.name,
        { name: t.name, shape: t.shape, dtype: t.dtype, read: async () => toFloat32(await readStored(source, t)) },
      ]),
    ),
    metadata,
    close: () => source.close(),
  }
}

export async function readStored(source: ByteSource, t: StoredTensor): Promise<NumberArray> {
  return decode(await readRange(source, t.start, t.end - t.start, `tensor ${t.name}`), t.dtype)
}

/** Reads and checks the header. @throws UserError, after it has closed the source */
export async function readHeader(
  source: ByteSource,
): Promise<{ stored: StoredTensor[]; metadata: Record<string, string> }> {
  const { name: path, size } = source
  try {
    const length = size < 8 ? 0n : lengthOf(await readRange(source, 0, 8, 'the header'))
    if (length < 2n || length > MAX_HEADER)
      throw new UserError(`${path}: not a safetensors file (header of ${length} bytes)`)
    const begin = 8 + Number(length)
    if (begin > size) throw new UserError(`${path}: ends before its header does: the file is truncated`)
    const header = parseHeader(path, await readRange(source, 8, Number(length), 'the header'))
    const stored: StoredTensor[] = []
    for (const [name, value] of Object.entries(header))
      if (name !== '__metadata__') stored.push(checkEntry(path, name, value, begin))
    checkLayout(path, stored, begin, size)
    return { stored, metadata: checkMetadata(path, header.__metadata__) }
  } catch (error) {
    await source.close()
    throw error
  }
}

const lengthOf = ({ buffer, byteOffset }: Uint8Array): bigint =>
  new DataView(buffer, byteOffset, 8).getBigUint64(0, true)

function parseHeader(path: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (header && typeof header === 'object' && !Array.isArray(header)) return header as Record<string, unknown>
  } catch {
    // reported below, with the file's name
  }
  throw new UserError(`${path}: not a safetensors file (its header is not a JSON object)`)
}

function checkMetadata(path: string, value: unknown): Record<string, string> {
  if (value === undefined) return {}
  if (value && typeof value === 'object' && Object.values(value).every((v) => typeof v === 'string'))
    return value as Record<string, string>
  throw new UserError(`${path}: __metadata__ must contain only strings`)
}

function checkEntry(path: string, name: string, value: unknown, begin: number): StoredTensor {
  const { dtype, shape, data_offsets: at } = (value ?? {}) as Record<string, unknown>
  const fail = (what: string) => new UserError(`${path}: tensor ${name.slice(0, MAX_NAME)}: ${what}`)
  if (name.length > MAX_NAME) throw fail(`its name has ${name.length} characters, more than ${MAX_NAME}`)
  if (!isDtype(dtype)) throw fail(`element type ${shown(dtype)} is not one of ${Object.keys(byteSizes).join(' ')}`)
  if (!isShape(shape)) throw fail(`shape ${shown(shape)} is not a list of lengths`)
  if (!Array.isArray(at) || at.length !== 2 || !at.every((n) => Number.isSafeInteger(n) && n >= 0) || at[1] < at[0])
    throw fail(`data_offsets ${shown(at)} are not a range`)
  if (at[1] - at[0] !== elements(shape) * byteSizes[dtype])
    throw fail(`${at[1] - at[0]} bytes do not fit ${dtype} ${shapeText(shape)}`)
  return { name, dtype, shape, start: begin + at[0], end: begin + at[1] }
}

/** @throws UserError unless the tensors fill the rest of the file without gaps and without overlap */
function checkLayout(path: string, stored: StoredTensor[], begin: number, size: number): void {
  let end = begin
  for (const t of [...stored].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (t.start < end) throw new UserError(`${path}: tensor ${t.name} overlaps another`)
    if (t.start > end)
      throw new UserError(`${path}: ${t.start - end} bytes before tensor ${t.name} belong to no tensor`)
    if (t.end > size) throw new UserError(`${path}: ends before tensor ${t.name} does: the file is truncated`)
    end = t.end
  }
  if (end < size) throw new UserError(`${path}: ${size - end} bytes at the end belong to no tensor`)
}
