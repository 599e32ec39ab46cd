/** @file Writes small ONNX models: one operation, repeated, on operands stored in the file. */
import { Message } from '../../src/tracking/protobuf'
import { type Operand, type PeerCase, operandsOf } from './cases'

/** Versions of the IR and of the operator sets. Gelu needs operator set 20. */
const [IR, OPSET, MICROSOFT] = [10, 20, 1]
const FLOAT = 1
/** Attribute types of the ONNX format. */
const [A_FLOAT, A_INT, A_INTS] = [1, 2, 7]

type Attributes = Record<string, number | number[] | { float: number }>

interface Node {
  op: string
  domain?: string
  inputs: string[]
  attributes?: Attributes
}

/** NHWC of one image to NCHW. */
export function channelsFirst({ shape: [h, w, c], data }: Operand): Operand {
  const out = new Float32Array(data.length)
  for (let p = 0; p < h * w; p++) for (let i = 0; i < c; i++) out[i * h * w + p] = data[p * c + i]
  return { shape: [1, c, h, w], data: out }
}

/** NCHW of one image back to rows of pixels. */
export function channelsLast(data: Float32Array, channels: number): Float32Array {
  const pixels = data.length / channels
  const out = new Float32Array(data.length)
  for (let i = 0; i < channels; i++) for (let p = 0; p < pixels; p++) out[p * channels + i] = data[i * pixels + p]
  return out
}

function nodeOf(one: PeerCase): Node {
  switch (one.op) {
    case 'matmul':
      return { op: 'MatMul', inputs: ['a', 'b'] }
    case 'layernorm':
      return {
        op: 'LayerNormalization',
        inputs: ['x', 'gamma', 'beta'],
        attributes: { axis: -1, epsilon: { float: 1e-6 } },
      }
    case 'gelu':
      return { op: 'Gelu', inputs: ['x'] }
    case 'conv3x3':
      return { op: 'Conv', inputs: ['x', 'weight'], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } }
    case 'attention':
      return {
        op: 'MultiHeadAttention',
        domain: 'com.microsoft',
        inputs: ['q', 'k', 'v'],
        attributes: { num_heads: one.heads },
      }
    case 'encoder':
      throw new Error('the encoder has its own file')
  }
}

/** The bytes of a model that computes the operation `repeats` times on the same operands; the last result is the output `y`. */
export function onnxModel(one: PeerCase, repeats: number): Uint8Array {
  const operands = operandsOf(one)
  if (one.op === 'conv3x3') operands.x = channelsFirst(operands.x)
  if (one.op === 'attention') for (const operand of Object.values(operands)) operand.shape.unshift(1)
  const node = nodeOf(one)
  const graph = new Message()
    .messages(
      1,
      Array.from({ length: repeats }, (_, i) => nodeMessage(node, i === repeats - 1 ? 'y' : `y${i}`)),
    )
    .text(2, one.op)
    .messages(
      5,
      Object.entries(operands).map(([name, operand]) => tensor(name, operand)),
    )
    .message(12, new Message().text(1, 'y').message(2, new Message().message(1, new Message().whole(1, FLOAT))))
  const set = (domain: string, version: number) => new Message().text(1, domain).whole(2, version)
  return new Message()
    .whole(1, IR)
    .message(7, graph)
    .messages(8, [set('', OPSET), set('com.microsoft', MICROSOFT)])
    .finish()
}

function nodeMessage({ op, domain = '', inputs, attributes = {} }: Node, output: string): Message {
  return new Message()
    .texts(1, inputs)
    .text(2, output)
    .text(4, op)
    .messages(
      5,
      Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    )
    .text(7, domain)
}

function attribute(name: string, value: Attributes[string]): Message {
  const message = new Message().text(1, name)
  if (typeof value === 'number') return message.whole(3, value).whole(20, A_INT)
  if (Array.isArray(value)) {
    for (const each of value) message.whole(8, each)
    return message.whole(20, A_INTS)
  }
  return message.float(2, value.float).whole(20, A_FLOAT)
}

function tensor(name: string, { shape, data }: Operand): Message {
  const message = new Message()
  for (const d of shape) message.whole(1, d)
  return message
    .whole(2, FLOAT)
    .text(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}
