/** @file Reads safetensors files: a length, a JSON header, then the bytes of every tensor. */
import type { FileHandle } from 'node:fs/promises'
import { UserError } from '../host/errors'
import { type Dtype, type NumberArray, byteSizes, decode, isDtype, toFloat32 } from './dtypes'
import { shown } from '../text/check-value'
import { type TensorFile, elements, isShape, openFile, readAt, shapeText } from './tensor-file'

/** Larger headers, in bytes, are refused, as the reference implementation does. */
const MAX_HEADER = 100_000_000

interface TensorInfo {
  name: string
  dtype: Dtype
  shape: number[]
  /** Position in the file, in bytes. */
  start: number
  end: number
}

/** Opens a safetensors file. Only the header is read and checked. @throws UserError naming the tensor that is wrong */
export async function openSafetensors(path: string): Promise<TensorFile> {
  const { file, stored, metadata } = await openHeader(path)
  return {
    tensors: new Map(
      stored.map((t) => [
        t.name,
        { name: t.name, shape: t.shape, dtype: t.dtype, read: async () => toFloat32(await readStored(file, path, t)) },
      ]),
    ),
    metadata,
    close: () => file.close(),
  }
}

/** Reads a whole file. F16, BF16 and F32 become Float32Array; F64 and integers keep their type. @throws UserError */
export async function readSafetensors<T extends NumberArray = Float32Array>(
  path: string,
): Promise<Map<string, { shape: number[]; dtype: Dtype; data: T }>> {
  const { file, stored } = await openHeader(path)
  try {
    const out = new Map<string, { shape: number[]; dtype: Dtype; data: T }>()
    for (const t of stored)
      out.set(t.name, { shape: t.shape, dtype: t.dtype, data: (await readStored(file, path, t)) as T })
    return out
  } finally {
    await file.close()
  }
}

async function readStored(file: FileHandle, path: string, t: TensorInfo): Promise<NumberArray> {
  return decode(await readAt(file, path, t.start, t.end - t.start, `tensor ${t.name}`), t.dtype)
}

async function openHeader(path: string) {
  const { file, size } = await openFile(path)
  try {
    const length = size < 8 ? 0n : Buffer.from(await readAt(file, path, 0, 8, 'the header')).readBigUInt64LE()
    if (length < 2n || length > MAX_HEADER)
      throw new UserError(`${path}: not a safetensors file (header of ${length} bytes)`)
    const begin = 8 + Number(length)
    if (begin > size) throw new UserError(`${path}: ends before its header does: the file is truncated`)
    const header = parseHeader(path, await readAt(file, path, 8, Number(length), 'the header'))
    const stored: TensorInfo[] = []
    for (const [name, value] of Object.entries(header))
      if (name !== '__metadata__') stored.push(checkEntry(path, name, value, begin))
    checkLayout(path, stored, begin, size)
    return { file, stored, metadata: checkMetadata(path, header.__metadata__) }
  } catch (error) {
    await file.close()
    throw error
  }
}

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

function checkEntry(path: string, name: string, value: unknown, begin: number): TensorInfo {
  const { dtype, shape, data_offsets: at } = (value ?? {}) as Record<string, unknown>
  const fail = (what: string) => new UserError(`${path}: tensor ${name}: ${what}`)
  if (!isDtype(dtype)) throw fail(`element type ${shown(dtype)} is not one of ${Object.keys(byteSizes).join(' ')}`)
  if (!isShape(shape)) throw fail(`shape ${shown(shape)} is not a list of lengths`)
  if (!Array.isArray(at) || at.length !== 2 || !at.every((n) => Number.isSafeInteger(n) && n >= 0) || at[1] < at[0])
    throw fail(`data_offsets ${shown(at)} are not a range`)
  if (at[1] - at[0] !== elements(shape) * byteSizes[dtype])
    throw fail(`${at[1] - at[0]} bytes do not fit ${dtype} ${shapeText(shape)}`)
  return { name, dtype, shape, start: begin + at[0], end: begin + at[1] }
}

/** @throws UserError unless the tensors fill the rest of the file without gaps and without overlap */
function checkLayout(path: string, stored: TensorInfo[], begin: number, size: number): void {
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
