/** @file Writes files as torch.save does, as far as the tests need it: a pickle of opcodes in an uncompressed zip. */
import { writeFileSync } from 'node:fs'
import { crc32, deflateRawSync } from 'node:zlib'

const bytes = (...parts: (string | number | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((p) => (typeof p === 'number' ? Buffer.of(p) : typeof p === 'string' ? Buffer.from(p, 'latin1') : p)),
  )

const u32 = (n: number) => {
  const b = Buffer.alloc(4)
  b.writeUInt32LE(n)
  return b
}
export const text = (s: string) => bytes('X', u32(Buffer.byteLength(s)), Buffer.from(s))
export const int = (n: number) => bytes('J', u32(n))
export const tuple = (...items: Uint8Array[]) => bytes('(', ...items, 't')
export const global = (module: string, name: string) => bytes('c', `${module}\n${name}\n`)
export const call = (target: Uint8Array, ...args: Uint8Array[]) => bytes(target, tuple(...args), 'R')
export const dictionary = (items: [string, Uint8Array][]) =>
  bytes('}(', ...items.flatMap(([k, v]) => [text(k), v]), 'u')
export const pickle = (value: Uint8Array) => bytes(0x80, 2, value, '.')

export interface View {
  storage: string
  type?: string
  /** Number of elements of the storage. */
  length: number
  offset?: number
  shape: number[]
  strides: number[]
}

export function tensor({ storage, type = 'FloatStorage', length, offset = 0, shape, strides }: View): Buffer {
  const id = tuple(text('storage'), global('torch', type), text(storage), text('cpu'), int(length))
  const hooks = call(global('collections', 'OrderedDict'))
  const lengths = (list: number[]) => tuple(...list.map(int))
  return call(
    global('torch._utils', '_rebuild_tensor_v2'),
    bytes(id, 'Q'),
    int(offset),
    lengths(shape),
    lengths(strides),
    bytes('\x89'),
    hooks,
  )
}

/** A zip of stored members, or of compressed ones. */
export function zip(members: Record<string, Uint8Array>, { deflate = false } = {}): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const [name, data] of Object.entries(members)) {
    const packed = deflate ? deflateRawSync(data) : data
    const shared = Buffer.alloc(26)
    shared.writeUInt16LE(20, 0)
    shared.writeUInt16LE(deflate ? 8 : 0, 4)
    shared.writeUInt32LE(crc32(data), 10)
    shared.writeUInt32LE(packed.length, 14)
    shared.writeUInt32LE(data.length, 18)
    shared.writeUInt16LE(name.length, 22)
    const local = bytes('PK\x03\x04', shared, name, packed)
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    directory.push(bytes('PK\x01\x02', u32(20).subarray(0, 2), shared, rest, name))
    locals.push(local)
    at += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(directory.length, 4)
  end.writeUInt16LE(directory.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...locals, central, bytes('PK\x05\x06', end)])
}

/** A checkpoint whose pickle holds `value` and whose storages are `storages`. */
export function writePth(path: string, value: Uint8Array, storages: Record<string, ArrayBufferView> = {}): void {
  const members: Record<string, Uint8Array> = {
    'archive/data.pkl': pickle(value),
    'archive/byteorder': Buffer.from('little'),
  }
  for (const [key, data] of Object.entries(storages))
    members[`archive/data/${key}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  writeFileSync(path, zip(members))
}

/** A checkpoint of contiguous f32 tensors. */
export function writeStateDict(path: string, tensors: Record<string, { shape: number[]; data: Float32Array }>): void {
  const entries = Object.entries(tensors)
  const strides = (shape: number[]) => shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1))
  writePth(
    path,
    dictionary(
      entries.map(([name, { shape, data }], i) => [
        name,
        tensor({ storage: String(i), length: data.length, shape, strides: strides(shape) }),
      ]),
    ),
    Object.fromEntries(entries.map(([, { data }], i) => [String(i), data])),
  )
}
