/** @file Reads the constant tensors of an ONNX file and the nodes that use them. It runs in any host. */
import { messageOf, UserError } from '../host/errors'
import { type ByteSource, readRange } from './byte-source'
import { decode } from './dtypes'
import { ProtobufReader, wireTypes } from './protobuf-reader'
import { elements, isShape, MAX_NAME } from './tensor-file'

/** Larger files, in bytes, are refused. */
const MAX_SIZE = 2 ** 30
/** ONNX's number of the element type f32. */
const FLOAT = 1

export interface OnnxNode {
  name: string
  op: string
  inputs: string[]
  /** The value of a Constant node. */
  value?: OnnxTensor
}

export interface OnnxTensor {
  name: string
  shape: number[]
  /** Undefined if the elements are not stored as raw bytes of f32. */
  data?: () => Float32Array
}

export interface OnnxGraph {
  initialisers: Map<string, OnnxTensor>
  nodes: OnnxNode[]
}

/**
 * Reads a file's graph and closes the source. Tensors are views of the file's bytes.
 * @throws UserError if the file is damaged or too large
 */
export async function readOnnx(source: ByteSource): Promise<OnnxGraph> {
  const { name: path, size } = source
  try {
    if (size > MAX_SIZE)
      throw new UserError(`${path}: ${size} bytes are too many for an ONNX file: at most ${MAX_SIZE} are supported`)
    return parse(await readRange(source, 0, size, 'the model'), path)
  } finally {
    await source.close()
  }
}

function parse(bytes: Uint8Array, path: string): OnnxGraph {
  const graph: OnnxGraph = { initialisers: new Map(), nodes: [] }
  try {
    fields(bytes, {
      7: (r) =>
        fields(r.bytes(), {
          1: (r) => void graph.nodes.push(node(r.bytes())),
          5: (r) => {
            const t = tensor(r.bytes())
            graph.initialisers.set(t.name, t)
          },
        }),
    })
  } catch (error) {
    throw new UserError(`${path}: damaged or truncated ONNX file: ${messageOf(error)}`)
  }
  if (!graph.nodes.length) throw new UserError(`${path}: not an ONNX model (it has no graph)`)
  return graph
}

type Handlers = Record<number, (reader: ProtobufReader, wire: number) => void>

/** Calls the handlers of a message's fields by number; fields without a handler are skipped. */
function fields(bytes: Uint8Array, handlers: Handlers): void {
  const reader = new ProtobufReader(bytes)
  while (!reader.done) {
    const { field, wire } = reader.tag()
    if (handlers[field]) handlers[field](reader, wire)
    else reader.skip(wire)
  }
}

function node(bytes: Uint8Array): OnnxNode {
  const out: OnnxNode = { name: '', op: '', inputs: [] }
  fields(bytes, {
    1: (r) => void out.inputs.push(r.text()),
    3: (r) => void (out.name = r.text()),
    4: (r) => void (out.op = r.text()),
    5: (r) => fields(r.bytes(), { 5: (r) => void (out.value = tensor(r.bytes())) }),
  })
  return out
}

function tensor(bytes: Uint8Array): OnnxTensor {
  const shape: number[] = []
  let [name, type] = ['', 0]
  let raw: Uint8Array | undefined
  fields(bytes, {
    1: (r, wire) => {
      const end = wire === wireTypes.bytes ? r.varint() + r.position : r.position
      do shape.push(r.varint())
      while (r.position < end)
    },
    2: (r) => void (type = r.varint()),
    8: (r) => void (name = r.text()),
    9: (r) => void (raw = r.bytes()),
  })
  if (name.length > MAX_NAME) throw new Error(`a tensor's name has ${name.length} characters, more than ${MAX_NAME}`)
  if (!isShape(shape)) throw new Error(`tensor ${name} has the shape ${shape}`)
  if (type !== FLOAT || !raw) return { name, shape }
  const data = raw
  if (data.length !== 4 * elements(shape)) throw new Error(`tensor ${name}: ${data.length} bytes do not fill ${shape}`)
  // a copy, so that the caller may change it
  return { name, shape, data: () => decode(data.slice(), 'F32') as Float32Array }
}
