import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expectedTensors, inferArchitecture, validateCheckpoint } from '../../../src/weights/architecture'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { fromTransformers, toTransformers } from '../../../src/weights/tensor-names'
import { readSafetensors } from '../../../src/weights/safetensors'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { writeStateDict } from '../../support/make-pth'
import { refuses, scratch } from '../../support/weights'
import { testNeedingShared } from '../../support/needs'

const at = scratch()

/** One of each kind of name, as both libraries write them. */
const pairs = [
  ['image_encoder.pos_embed', 'vision_encoder.pos_embed'],
  ['image_encoder.patch_embed.proj.bias', 'vision_encoder.patch_embed.projection.bias'],
  ['image_encoder.blocks.11.norm1.weight', 'vision_encoder.layers.11.layer_norm1.weight'],
  ['image_encoder.blocks.0.attn.rel_pos_h', 'vision_encoder.layers.0.attn.rel_pos_h'],
  ['image_encoder.blocks.0.attn.proj.weight', 'vision_encoder.layers.0.attn.proj.weight'],
  ['image_encoder.blocks.3.mlp.lin2.weight', 'vision_encoder.layers.3.mlp.lin2.weight'],
  ['image_encoder.neck.0.weight', 'vision_encoder.neck.conv1.weight'],
  ['image_encoder.neck.3.bias', 'vision_encoder.neck.layer_norm2.bias'],
  ['prompt_encoder.point_embeddings.2.weight', 'prompt_encoder.point_embed.2.weight'],
  ['prompt_encoder.not_a_point_embed.weight', 'prompt_encoder.not_a_point_embed.weight'],
  ['prompt_encoder.mask_downscaling.4.weight', 'prompt_encoder.mask_embed.layer_norm2.weight'],
  ['prompt_encoder.mask_downscaling.6.bias', 'prompt_encoder.mask_embed.conv3.bias'],
  ['mask_decoder.iou_token.weight', 'mask_decoder.iou_token.weight'],
  [
    'mask_decoder.transformer.layers.1.self_attn.q_proj.bias',
    'mask_decoder.transformer.layers.1.self_attn.q_proj.bias',
  ],
  ['mask_decoder.transformer.layers.1.norm4.weight', 'mask_decoder.transformer.layers.1.layer_norm4.weight'],
  ['mask_decoder.transformer.norm_final_attn.bias', 'mask_decoder.transformer.layer_norm_final_attn.bias'],
  ['mask_decoder.output_upscaling.0.weight', 'mask_decoder.upscale_conv1.weight'],
  ['mask_decoder.output_upscaling.1.weight', 'mask_decoder.upscale_layer_norm.weight'],
  ['mask_decoder.output_upscaling.3.bias', 'mask_decoder.upscale_conv2.bias'],
  [
    'mask_decoder.output_hypernetworks_mlps.3.layers.0.weight',
    'mask_decoder.output_hypernetworks_mlps.3.proj_in.weight',
  ],
  [
    'mask_decoder.output_hypernetworks_mlps.3.layers.1.weight',
    'mask_decoder.output_hypernetworks_mlps.3.layers.0.weight',
  ],
  ['mask_decoder.iou_prediction_head.layers.2.bias', 'mask_decoder.iou_prediction_head.proj_out.bias'],
]

test('names go to transformers and back', () => {
  for (const [own, theirs] of pairs) {
    assert.equal(toTransformers(own), [theirs])
    assert.is(fromTransformers(theirs), own)
  }
  const gaussian = 'prompt_encoder.pe_layer.positional_encoding_gaussian_matrix'
  assert.equal(toTransformers(gaussian), [
    'shared_image_embedding.positional_embedding',
    'prompt_encoder.shared_embedding.positional_embedding',
  ])
  for (const name of toTransformers(gaussian)) assert.is(fromTransformers(name), gaussian)
})

test('a checkpoint in transformers names, with a prefix, is the same checkpoint', async () => {
  const source = await openCheckpoint('golden/files/toy_vit.pth')
  const entries = []
  for (const entry of source.tensors.values()) {
    const data = await entry.read()
    for (const name of toTransformers(entry.name)) entries.push({ name: `sam.${name}`, shape: entry.shape, data })
  }
  assert.is(entries.length, source.tensors.size + 1)
  await writeSafetensors(at('theirs.safetensors'), entries)
  const theirs = await openCheckpoint(at('theirs.safetensors'))
  assert.equal([...theirs.tensors.keys()].sort(), [...source.tensors.keys()].sort())
  for (const [name, entry] of source.tensors)
    assert.equal(await theirs.tensors.get(name)!.read(), await entry.read(), name)
  assert.equal(inferArchitecture(theirs), inferArchitecture(source))
  await Promise.all([source.close(), theirs.close()])
})

test('BatchNorm is folded into its convolution', async () => {
  const module = 'image_encoder.patch_embed.seq.0'
  const vector = (...x: number[]) => ({ shape: [x.length], data: Float32Array.from(x) })
  const state = {
    [`${module}.c.weight`]: { shape: [2, 1, 1, 2], data: Float32Array.of(1, 2, 3, 4) },
    [`${module}.bn.weight`]: vector(2, 3),
    [`${module}.bn.bias`]: vector(0.5, -1),
    [`${module}.bn.running_mean`]: vector(1, 2),
    [`${module}.bn.running_var`]: vector(4 - 1e-5, 9 - 1e-5),
    [`${module}.bn.num_batches_tracked`]: vector(1),
    'image_encoder.layers.1.blocks.0.attn.attention_biases': { shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) },
    // a file without a mask decoder is not taken for a SAM
    'mask_decoder.iou_token.weight': { shape: [1, 2], data: Float32Array.of(1, 2) },
  }
  writeStateDict(at('bn.pth'), state)
  const { tensors, close } = await openCheckpoint(at('bn.pth'))
  const table = 'image_encoder.layers.1.blocks.0.attn.attention_bias_table'
  assert.equal([...tensors.keys()], [...[`${module}.weight`, `${module}.bias`, table, 'mask_decoder.iou_token.weight']])
  const near = async (name: string, expected: number[]) =>
    (await tensors.get(name)!.read()).forEach((x, i) =>
      assert.ok(Math.abs(x - expected[i]) < 1e-5, `${name}: ${x} ${expected[i]}`),
    )
  await near(`${module}.weight`, [1, 2, 3, 4])
  await near(`${module}.bias`, [0.5 - 1, -1 - 2])
  await near(table, [1, 2, 3, 4])
  await close()

  delete (state as Record<string, unknown>)[`${module}.bn.running_var`]
  writeStateDict(at('bn2.pth'), state)
  await refuses(openCheckpoint(at('bn2.pth')), at('bn2.pth'), `${module}.bn.running_var is missing`)
})

test('the architecture is inferred from the shapes', async () => {
  const vit = await openCheckpoint('golden/files/toy_vit.pth')
  const decoder = { dim: 32, depth: 2, heads: 8, mlpDim: 48 }
  assert.equal(inferArchitecture(vit), {
    kind: 'vit',
    imageSize: 96,
    patch: 16,
    dim: 32,
    depth: 3,
    heads: 2,
    mlpDim: 128,
    window: 4,
    globalBlocks: [1],
    outChannels: 32,
    decoder,
  })
  await vit.close()
  const tiny = await openCheckpoint('golden/files/toy_tiny_vit.pth')
  assert.equal(inferArchitecture(tiny, { vision: { img: 80 } }), {
    kind: 'tiny_vit',
    imageSize: 80,
    dims: [16, 32, 32, 64],
    depths: [1, 1, 2, 1],
    heads: [0, 1, 1, 2],
    windows: [0, 4, 6, 3],
    outChannels: 32,
    decoder,
  })
  // the classifier and the index buffer in this file are known and harmless
  assert.ok(tiny.tensors.has('image_encoder.norm_head.weight'))
  validateCheckpoint(tiny, inferArchitecture(tiny))
  await tiny.close()
})

test('the public sizes have the parameters that they are known to have', () => {
  const decoder = { dim: 256, depth: 2, heads: 8, mlpDim: 2048 }
  const vit = { kind: 'vit', imageSize: 1024, patch: 16, window: 14, outChannels: 256, decoder } as const
  const count = (a: Parameters<typeof expectedTensors>[0]) =>
    [...expectedTensors(a).values()].reduce((sum, shape) => sum + shape.reduce((x, y) => x * y, 1), 0)
  const b = count({ ...vit, dim: 768, depth: 12, heads: 12, mlpDim: 3072, globalBlocks: [2, 5, 8, 11] })
  const h = count({ ...vit, dim: 1280, depth: 32, heads: 16, mlpDim: 5120, globalBlocks: [7, 15, 23, 31] })
  // f32, and less than a thousandth of the file is zip and pickle
  assert.ok(b * 4 < 375042383 && b * 4 > 375042383 * 0.999, `${b}`)
  assert.ok(h * 4 < 2564550879 && h * 4 > 2564550879 * 0.999, `${h}`)
})

test('a config that contradicts the shapes, or is none, is refused', async () => {
  const checkpoint = await openCheckpoint('golden/files/toy_vit.pth')
  await refuses(() => inferArchitecture(checkpoint, { vision: { heads: 4 } }), checkpoint.path, 'vision.heads 4', '2')
  const wrong = inferArchitecture(checkpoint, { vision: { global: [0] } })
  await refuses(
    () => validateCheckpoint(checkpoint, wrong),
    checkpoint.path,
    'blocks.0.attn.rel_pos_h has the shape (7, 16)',
  )
  await refuses(() => inferArchitecture(checkpoint, { vision: { dim: 'wide' } }), 'vision.dim')
  await checkpoint.close()
})

test('missing, unknown and wrong-shaped tensors are named', async () => {
  const source = await openCheckpoint('golden/files/toy_vit.pth')
  const architecture = inferArchitecture(source)
  validateCheckpoint(source, architecture)
  const altered = { ...source, tensors: new Map(source.tensors) }
  const bias = altered.tensors.get('mask_decoder.output_upscaling.0.bias')!
  altered.tensors.set(bias.name, { ...bias, shape: [3] })
  altered.tensors.delete('image_encoder.blocks.2.norm1.weight')
  altered.tensors.set('adapter.extra', { ...bias, name: 'adapter.extra' })
  altered.tensors.set('pixel_mean', { ...bias, name: 'pixel_mean' })
  const message = [
    'golden/files/toy_vit.pth',
    'mask_decoder.output_upscaling.0.bias has the shape (3) instead of (8)',
    'image_encoder.blocks.2.norm1.weight is missing',
    'adapter.extra is not part',
  ]
  await refuses(() => validateCheckpoint(altered, architecture), ...message)
  await refuses(
    () => {
      altered.tensors.delete('pixel_mean')
      validateCheckpoint(altered, architecture)
    },
    ...message,
  )
  altered.tensors.delete('image_encoder.pos_embed')
  await refuses(() => inferArchitecture(altered), altered.path, 'not a SAM')
  await source.close()
})

const toyPth = '../shared/golden/tiny.pth'
testNeedingShared(toyPth)('the public toy model is complete', async () => {
  const checkpoint = await openCheckpoint(toyPth)
  const architecture = inferArchitecture(checkpoint)
  assert.equal([architecture.kind, architecture.imageSize], ['vit', 128])
  validateCheckpoint(checkpoint, architecture)
  await checkpoint.close()
})

test('a file of tensors that is no model is not taken for one', async () => {
  const path = 'golden/files/toy_vit.golden.safetensors'
  assert.ok((await readSafetensors(path)).size > 0)
  await refuses(openCheckpoint(path), path, 'not the weights of a SAM', 'images, points, labels')
})

test.run()
