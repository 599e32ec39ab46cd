/** @file Checkpoints, adapters, and the archive that models come in. */
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { join } from 'node:path'
import { readAnyAdapter } from '../../../src/weights/any-adapter'
import { readAdapterProfile } from '../../../src/weights/adapter-profile'
import { inferArchitecture } from '../../../src/weights/architecture'
import { checkpointSources, openCheckpoint } from '../../../src/weights/checkpoint'
import { openTensorFile } from '../../../src/weights/open-source'
import { fileSource } from '../../../src/weights/open-file'
import { unpack } from '../../../src/weights/npm-package'
import { openPth } from '../../../src/weights/pth'
import { readSamed } from '../../../src/weights/samed'
import { openSafetensors } from '../../../src/weights/safetensors'
import { elements, type TensorFile } from '../../../src/weights/tensor-file'
import { call, dictionary, global, int, pickle, tensor, text, tuple, zip } from '../../support/make-pth'
import type { Reader } from '../reader'

/** Elements that are read at once; a claim of more is judged by reading the header alone. */
const MAX_ELEMENTS = 2 ** 22

/** All tensors of a file. */
async function valuesOf(opening: Promise<TensorFile>): Promise<unknown> {
  const file = await opening
  try {
    const out: [string, number[], Float32Array | null][] = []
    for (const { name, shape, read } of file.tensors.values())
      out.push([name, shape, elements(shape) <= MAX_ELEMENTS ? await read() : null])
    return out.sort(([a], [b]) => (a < b ? -1 : 1))
  } finally {
    await file.close()
  }
}

const floats = (count: number, scale = 1) => Float32Array.from({ length: count }, (_, i) => (i - 3) * scale)
const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer)
const stateDict = dictionary([
  ['a.weight', tensor({ storage: '0', length: 12, shape: [3, 4], strides: [4, 1] })],
  ['a.bias', tensor({ storage: '1', length: 3, shape: [3], strides: [1] })],
  ['part', tensor({ storage: '0', length: 12, offset: 2, shape: [2, 2], strides: [1, 4] })],
  ['epoch', int(7)],
  ['args', call(global('argparse', 'Namespace'))],
  ['more', dictionary([['b', tensor({ storage: '1', length: 3, shape: [1, 3], strides: [3, 1] })]])],
  ['names', tuple(text('x'), text('y'))],
])
const pthOf = (content: Uint8Array, options = {}) =>
  zip(
    {
      'archive/data.pkl': content,
      'archive/byteorder': Buffer.from('little'),
      'archive/data/0': bytesOf(floats(12)),
      'archive/data/1': bytesOf(floats(3)),
    },
    options,
  )

/** A safetensors file of a header and data. */
function safetensors(header: Uint8Array, data: Uint8Array): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, data])
}
const header = Buffer.from(
  JSON.stringify({
    __metadata__: { format: 'pt' },
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] },
    c: { dtype: 'BOOL', shape: [3], data_offsets: [32, 35] },
    d: { dtype: 'I64', shape: [1], data_offsets: [35, 43] },
  }),
)
const data = Uint8Array.from({ length: 43 }, (_, i) => i % 60)

const block = 'base_model.model.image_encoder.blocks.3.attn.proj'
const loraHeader = Buffer.from(
  JSON.stringify({
    [`${block}.lora_A.weight`]: { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] },
    [`${block}.lora_B.weight`]: { dtype: 'F32', shape: [4, 2], data_offsets: [32, 64] },
  }),
)
const loraData = bytesOf(floats(16, 0.25))
const loraConfig = { peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['proj'], base_model_name_or_path: 'x' }

const profile = { version: 1, size: 1024, diameters: [4, 8, 16, 24, 40] }

function onnxTensor(name: string, shape: number[], values: Float32Array): Uint8Array {
  const w = new BinaryWriter()
  for (const n of shape) w.tag(1, 0).int64(n)
  return w.tag(2, 0).int32(1).tag(8, 2).string(name).tag(9, 2).bytes(bytesOf(values)).finish()
}
function onnx(nodes: [name: string, op: string, ...inputs: string[]][], tensors: Uint8Array[]): Uint8Array {
  const graph = new BinaryWriter()
  for (const [name, op, ...inputs] of nodes) {
    const node = new BinaryWriter()
    for (const input of inputs) node.tag(1, 2).string(input)
    graph.tag(1, 2).bytes(node.tag(3, 2).string(name).tag(4, 2).string(op).finish())
  }
  for (const t of tensors) graph.tag(5, 2).bytes(t)
  return new BinaryWriter().tag(1, 0).int64(8).tag(7, 2).bytes(graph.finish()).finish()
}
const encoder = onnx(
  [
    ['/patch_embed/seq/seq.0/c/Conv', 'Conv', 'x', 'onnx::Conv_1', 'onnx::Conv_2'],
    ['/layers.1/blocks.0/attn/qkv/MatMul', 'MatMul', 'y', 'onnx::MatMul_3'],
    ['/neck/neck.1/Mul', 'Mul', 'onnx::Mul_4', 'w'],
  ],
  [
    onnxTensor('onnx::Conv_1', [1, 1, 1, 2], floats(2)),
    onnxTensor('onnx::Conv_2', [1], floats(1)),
    onnxTensor('onnx::MatMul_3', [2, 3], floats(6)),
    onnxTensor('onnx::Mul_4', [2, 1, 1], floats(2)),
  ],
)
const decoder = onnx(
  [['/iou_prediction_head/layers.0/Gemm', 'Gemm', 'x', 'mask_decoder.iou_prediction_head.layers.0.weight']],
  [onnxTensor('mask_decoder.iou_prediction_head.layers.0.weight', [2, 2], floats(4))],
)

const tarFile = (name: string, content: Uint8Array): Buffer => {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  head.write(content.length.toString(8).padStart(11, '0'), 124)
  const padded = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  padded.set(content)
  return Buffer.concat([head, padded])
}
const model = Buffer.from('a model of some bytes')
const published = { file: 'm.onnx', size: model.length, sha256: createHash('sha256').update(model).digest('hex') }

const golden = 'golden/files/toy_vit'
const inferred = async (path: string, config: unknown) => {
  const checkpoint = await openCheckpoint(path)
  try {
    return inferArchitecture(checkpoint, config)
  } finally {
    await checkpoint.close()
  }
}

export const weights: Reader[] = [
  {
    name: 'pth',
    file: 'a.pth',
    seeds: () => [pthOf(pickle(stateDict)), pthOf(pickle(stateDict), { deflate: true })],
    read: (path) => valuesOf(fileSource(path).then(openPth)),
    guarded: true,
  },
  {
    name: 'pickle',
    file: 'a.pth',
    seeds: () => [pickle(stateDict)],
    wrap: (bytes) => pthOf(bytes),
    read: (path) => valuesOf(fileSource(path).then(openPth)),
  },
  {
    name: 'safetensors',
    file: 'a.safetensors',
    seeds: () => [safetensors(header, data)],
    read: (path) => valuesOf(openSafetensors(path)),
  },
  {
    name: 'safetensors-header',
    file: 'a.safetensors',
    seeds: () => [header],
    wrap: (bytes) => safetensors(bytes, data),
    read: (path) => valuesOf(openSafetensors(path)),
  },
  {
    name: 'sam-checkpoint',
    file: 'toy.pth',
    seeds: () => [readFileSync(`${golden}.pth`)],
    read: async (path) => inferred(path, JSON.parse(readFileSync(`${golden}.json`, 'utf8'))),
  },
  {
    name: 'model-config',
    file: 'toy.json',
    seeds: () => [readFileSync(`${golden}.json`)],
    prepare: (folder) => writeFileSync(join(folder, 'toy.pth'), readFileSync(`${golden}.pth`)),
    read: async (path, folder) => {
      let config: unknown
      try {
        config = JSON.parse(readFileSync(path, 'utf8'))
      } catch {
        return 'no JSON'
      }
      return inferred(join(folder, 'toy.pth'), config)
    },
  },
  {
    name: 'onnx',
    file: 'encoder.onnx',
    seeds: () => [encoder],
    prepare: (folder) => writeFileSync(join(folder, 'sam.onnx'), decoder),
    read: async (_, folder) => valuesOf(openTensorFile(await checkpointSources(folder)).then(({ raw }) => raw)),
  },
  {
    name: 'adapter-tensors',
    file: 'adapter_model.safetensors',
    seeds: () => [safetensors(loraHeader, loraData)],
    prepare: (folder) => writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(loraConfig)),
    read: async (_, folder) => serializable(await readAnyAdapter(folder)),
  },
  {
    name: 'adapter-header',
    file: 'adapter_model.safetensors',
    seeds: () => [loraHeader],
    wrap: (bytes) => safetensors(bytes, loraData),
    prepare: (folder) => writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(loraConfig)),
    read: async (_, folder) => serializable(await readAnyAdapter(folder)),
  },
  {
    name: 'adapter-config',
    file: 'adapter_config.json',
    seeds: () =>
      [loraConfig, { ...loraConfig, use_rslora: true, rank_pattern: { proj: 2 }, alpha_pattern: {} }].map(json),
    prepare: (folder) => writeFileSync(join(folder, 'adapter_model.safetensors'), safetensors(loraHeader, loraData)),
    read: async (_, folder) => serializable(await readAnyAdapter(folder)),
  },
  {
    name: 'full-adapter',
    file: 'adapter_model.safetensors',
    seeds: () => [
      Buffer.from(
        JSON.stringify({
          [`${block}.difference.weight`]: { dtype: 'F32', shape: [4, 4], data_offsets: [0, 64] },
        }),
      ),
    ],
    wrap: (bytes) => safetensors(bytes, loraData),
    prepare: (folder) =>
      writeFileSync(
        join(folder, 'adapter_config.json'),
        JSON.stringify({ peft_type: 'FULL_DIFFERENCE', base_model_name_or_path: 'x' }),
      ),
    read: async (_, folder) => serializable(await readAnyAdapter(folder)),
  },
  {
    name: 'samed',
    file: 'lora.pth',
    seeds: () => {
      const one = (storage: string, shape: number[]) => tensor({ storage, length: 8, shape, strides: [shape[1], 1] })
      return [
        pickle(
          dictionary(
            ['w_a_000', 'w_a_001']
              .map((name): [string, Uint8Array] => [name, one('0', [2, 4])])
              .concat(['w_b_000', 'w_b_001'].map((name): [string, Uint8Array] => [name, one('1', [4, 2])])),
          ),
        ),
      ]
    },
    wrap: (bytes) =>
      zip({
        'archive/data.pkl': bytes,
        'archive/data/0': bytesOf(floats(8)),
        'archive/data/1': bytesOf(floats(8)),
      }),
    read: async (path) => serializable(await readSamed(await fileSource(path))),
  },
  {
    name: 'adapter-profile',
    file: 'wgsam.json',
    seeds: () => [json(profile)],
    read: (_, folder) => readAdapterProfile(folder),
  },
  {
    name: 'npm-archive',
    file: 'x@1',
    seeds: () => [
      Buffer.concat([
        tarFile('package/package.json', Buffer.from('{}')),
        tarFile('package/m.onnx', model),
        Buffer.alloc(1024),
      ]),
    ],
    wrap: (bytes) => gzipSync(bytes, { level: 1 }),
    read: async (path) => unpack(readFileSync(path), 'x@1', 'package', [published]),
    guarded: true,
  },
]

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Only data: an adapter may have functions. */
const serializable = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (one instanceof Map ? [...one] : one))
