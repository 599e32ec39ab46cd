/**
 * @file Reads PyTorch checkpoints: a zip file of one pickle, which describes the tensors, and one member per storage. It runs in any host.
 */
import { UserError } from '../host/errors'
import type { ByteSource } from './byte-source'
import { type Dtype, byteSizes, decode, toFloat32 } from './dtypes'
import { type Callable, Global, readPickle } from './pickle'
import { MAX_NAME, type TensorEntry, type TensorFile, elements, isShape, shapeText } from './tensor-file'
import { type Zip, openZip } from './zip'

/** Larger pickles, in bytes, are refused: they contain only names and shapes, for a SAM less than 1 MB. */
const MAX_PICKLE = 2 ** 24
/** Dictionaries inside dictionaries, at most. */
const MAX_DEPTH = 8
/** A tensor may repeat the elements of its storage (torch.expand) if it has no more elements than this. */
const MAX_REPEATED = 2 ** 16

const storageTypes: Record<string, Dtype> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
}

class Storage {
  constructor(
    readonly key: string,
    readonly dtype: Dtype,
    readonly length: number,
  ) {}
}

class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/**
 * Opens a .pth file. Only the pickle is read; the position of every tensor is checked. A tensor in a dictionary inside another
 * has the keys of both in its name, with a dot between them, of a list the place in it. What is no tensor is left out.
 * @throws UserError naming the file; the source is then closed
 */
export async function openPth(source: ByteSource): Promise<TensorFile> {
  const { name: path } = source
  const zip = await openZip(source)
  try {
    const pickle = [...zip.names()].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name))
    if (pickle.length !== 1)
      throw new UserError(
        `${path}: a zip file, but not one that torch.save wrote (no data.pkl)${kindOfZip([...zip.names()])}`,
      )
    if ([...zip.names()].some((name) => /^([^/]+\/)?code\/__torch__/.test(name)))
      throw new UserError(
        `${path}: a TorchScript program, not a file of weights: save model.state_dict() with torch.save instead`,
      )
    const root = pickle[0].slice(0, -'data.pkl'.length)
    if (zip.size(`${root}byteorder`) !== undefined) {
      const order = new TextDecoder().decode(await zip.read(`${root}byteorder`)).trim()
      if (order !== 'little')
        throw new UserError(`${path}: byte order ${order} is not supported: save it on a little-endian machine`)
    }
    if (zip.size(pickle[0])! > MAX_PICKLE)
      throw new UserError(`${path}: its pickle of ${zip.size(pickle[0])} bytes is too large`)
    const value = readPickle(await zip.read(pickle[0]), { path, allowed: allowed(path), persistent: storage(path) })
    const tensors = new Map<string, TensorEntry>()
    for (const [name, tensor] of tensorsOf(path, value))
      tensors.set(name, entry(path, zip, `${root}data/`, name, tensor))
    if (!tensors.size) throw new UserError(`${path}: it contains no named tensors, at no level of its dictionaries`)
    return { tensors, metadata: {}, close: () => zip.close() }
  } catch (error) {
    await zip.close()
    throw error
  }
}

/** What a zip file is that torch.save did not write, by the names of its members; '' if unknown. */
function kindOfZip(names: readonly string[]): string {
  const kinds: [RegExp, string][] = [
    [/(?:^|\/)model\.weights\.h5$/, ': it is a model of Keras, which is not read'],
    [
      /(?:^|\/)models\/[^/]+\.json$|(?:^|\/)(?:serialized_)?exported_program/,
      ': it is a program that torch.export saved: save model.state_dict() with torch.save instead',
    ],
    [/\.npy$/, ': it holds arrays of numpy (.npz)'],
    [/\.(?:pth?|safetensors|bin|onnx|ckpt)$/i, ': unpack it, and give the file of weights in it'],
    [/\.(?:png|jpe?g|tiff?|bmp)$/i, ': it holds images, a dataset perhaps; a model is wanted here'],
  ]
  return kinds.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1] ?? ''
}

/** The functions that a checkpoint's pickle may call. */
function allowed(path: string): Map<string, Callable> {
  const damaged = (what: string) => new UserError(`${path}: damaged: ${what}`)
  const list = new Map<string, Callable>([
    [
      'collections.OrderedDict',
      (items = []) => {
        if (Array.isArray(items) && items.every(Array.isArray)) return new Map(items as [unknown, unknown][])
        throw damaged('a dictionary that is not made of pairs')
      },
    ],
    ['torch.Size', (sizes) => sizes],
    ['torch._utils._rebuild_parameter', (data) => data],
    ['torch._utils._rebuild_parameter_with_state', (data) => data],
    [
      'torch._utils._rebuild_tensor_v2',
      (from, offset, shape, strides) => {
        if (!(from instanceof Storage) || !isLength(offset) || !isShape(shape) || !isStrides(strides, shape))
          throw damaged('a tensor that is not described as torch describes one')
        return new StoredTensor(from, offset, shape, strides)
      },
    ],
  ])
  for (const name of Object.keys(storageTypes))
    list.set(name, () => {
      throw damaged(`a call of ${name}`)
    })
  return list
}

const isLength = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0

const isStrides = (strides: unknown, shape: number[]): strides is number[] =>
  Array.isArray(strides) && strides.length === shape.length && strides.every(isLength)

/** Resolves the persistent id of a storage: ('storage', type, key, device, elements). */
const storage = (path: string) => (id: unknown) => {
  const [kind, type, key, , length] = Array.isArray(id) ? id : []
  if (
    kind !== 'storage' ||
    !(type instanceof Global) ||
    !storageTypes[type.name] ||
    typeof key !== 'string' ||
    !isLength(length)
  )
    throw new UserError(`${path}: damaged: a storage that is not described as torch describes one`)
  return new Storage(key, storageTypes[type.name], length)
}

/** The tensors in nested dictionaries and in dictionaries inside lists, by their keys. What is met again is not repeated. */
function tensorsOf(path: string, value: unknown): Map<string, StoredTensor> {
  const out = new Map<string, StoredTensor>()
  const met = new Set<unknown>()
  const collect = (value: unknown, prefix: string, depth: number) => {
    const entries = value instanceof Map ? value : Array.isArray(value) ? value.entries() : undefined
    if (!entries || met.has(value) || depth > MAX_DEPTH) return
    met.add(value)
    for (const [key, item] of entries) {
      if (typeof key !== 'string' && !(Array.isArray(value) && !(item instanceof StoredTensor))) continue
      const name = prefix + key
      if (name.length > MAX_NAME)
        throw new UserError(
          `${path}: a key of its dictionaries has ${name.length} characters, more than ${MAX_NAME}: ${name.slice(0, 60)}…`,
        )
      if (item instanceof StoredTensor) {
        if (!out.has(name)) out.set(name, item)
      } else collect(item, `${name}.`, depth + 1)
    }
  }
  collect(value, '', 0)
  return out
}

function entry(path: string, zip: Zip, folder: string, name: string, tensor: StoredTensor): TensorEntry {
  const { storage, offset, shape, strides } = tensor
  const member = folder + storage.key
  const size = byteSizes[storage.dtype]
  const stored = zip.size(member)
  if (stored === undefined) throw new UserError(`${path}: tensor ${name}: its data (${member}) is missing`)
  if (stored !== storage.length * size)
    throw new UserError(`${path}: tensor ${name}: its data has ${stored} bytes instead of ${storage.length * size}`)
  const empty = elements(shape) === 0
  if (elements(shape) > Math.max(storage.length, MAX_REPEATED))
    throw new UserError(
      `${path}: tensor ${name}: ${shapeText(shape)} has more elements than its data, which has ${storage.length}`,
    )
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * strides[i], offset)
  if (!empty && last >= storage.length)
    throw new UserError(
      `${path}: tensor ${name}: ${shapeText(shape)} reaches beyond its data of ${storage.length} elements`,
    )
  const read = async () => {
    if (empty) return new Float32Array(0)
    const bytes = await zip.read(member, offset * size, (last + 1) * size)
    return gather(toFloat32(decode(bytes, storage.dtype)), shape, strides)
  }
  return { name, shape, dtype: storage.dtype, read }
}

/** The elements of a strided view in row-major order. */
function gather(data: Float32Array, shape: number[], strides: number[]): Float32Array {
  let step = 1
  const contiguous = shape.every((_, i) => {
    const at = shape.length - 1 - i
    const expected = step
    step *= shape[at]
    return shape[at] === 1 || strides[at] === expected
  })
  if (contiguous) return data
  const out = new Float32Array(elements(shape))
  const index = shape.map(() => 0)
  let from = 0
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from]
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d]
      if (++index[d] < shape[d]) break
      from -= shape[d] * strides[d]
      index[d] = 0
    }
  }
  return out
}
