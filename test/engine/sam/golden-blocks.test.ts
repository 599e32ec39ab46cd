/**
 * @file Parts of the model, one at a time, against golden/files/blocks: outputs, and gradients for random output
 * gradients.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { Graph } from '../../../engine/graph/graph'
import type { Tensor } from '../../../engine/device/tensor'
import { type Linear, linear } from '../../../engine/ops/linear'
import { maskStatistics, weightedMaskLoss } from '../../../engine/ops/mask-loss'
import { densePosition } from '../../../engine/ops/prompt'
import { neck, vitBlock, type VitEncoder } from '../../../engine/sam/image-encoder'
import { decodeMasks } from '../../../engine/sam/mask-decoder'
import { encodeMasks, encodePoints } from '../../../engine/sam/prompt-encoder'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { type TinyVitEncoder, mbConv, patchMerging, tinyBlock } from '../../../engine/sam/tiny-vit'
import { attend, projectImage, twoWayLayer } from '../../../engine/sam/two-way-transformer'
import { defaultOptimizer, optimizerReport, optimizerState, recordOptimizerStep } from '../../../engine/train/adam'
import { ParameterSet } from '../../../engine/train/parameters'
import { openModel } from '../../../src/model/open-model'
import { readSafetensors } from '../../../src/weights/safetensors'
import { attachLora } from '../../../engine/train/lora'
import { engine } from '../../support/engine'
import { relativeError } from '../../support/random'

const folder = 'golden/files'
const { blocks: about, tolerance } = JSON.parse(readFileSync(`${folder}/blocks.json`, 'utf8'))
const golden = await readSafetensors(`${folder}/blocks.golden.safetensors`)
const open = (name: string) =>
  openModel(engine, `${folder}/${name}.pth`, { config: JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) })
const vit = await open('toy_vit')
const tiny = await open('toy_tiny_vit')
const vitEncoder = vit.encoder as VitEncoder
const tinyEncoder = tiny.encoder as TinyVitEncoder

/** Names that some test has asked for, as an input or to compare with: at the end they must be all of the file. */
const used = new Set<string>()

function stored(name: string): { shape: number[]; data: Float32Array } {
  const tensor = golden.get(name)
  if (!tensor) throw new Error(`the golden file has no ${name}`)
  used.add(name)
  return tensor
}

function compare(name: string, got: ArrayLike<number>, layout: Layout = 'rows'): void {
  const error = relativeError(got, rowsOf(name, layout).data)
  assert.ok(error < tolerance, `${name}: relative error ${error}`)
}

type Layout = 'rows' | 'nchw'

/** A stored tensor as the engine has it: (b, C, h, w) becomes rows of C channels. */
function rowsOf(name: string, layout: Layout): { shape: number[]; data: Float32Array } {
  const { shape, data } = stored(name)
  if (layout === 'rows') return { shape: [data.length / shape[shape.length - 1], shape[shape.length - 1]], data }
  const [b, c, h, w] = shape
  const out = new Float32Array(data.length)
  for (let i = 0; i < b; i++)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < h * w; p++) out[(i * h * w + p) * c + k] = data[(i * c + k) * h * w + p]
  return { shape: [b * h * w, c], data: out }
}

interface Part {
  key: string
  layout?: Layout
  /** Inputs with a gradient KEY.dNAME, inputs without, outputs. */
  inputs: string[]
  constants?: string[]
  outputs: string[]
  build: (g: Graph, t: Record<string, Tensor>) => Tensor[]
}

/** Runs a part forward and backward from the stored inputs and output gradients, and compares everything stored. */
async function check({ key, layout = 'rows', inputs, constants = [], outputs, build }: Part, adapted?: Linear) {
  const g = new Graph(engine, true)
  const writes: [Tensor, Float32Array][] = []
  const input = (name: string, wantsGradient: boolean, as = layout) => {
    const { shape, data } = rowsOf(`${key}.${name}`, as)
    const tensor = g.input(name, shape)
    tensor.requiresGrad = wantsGradient
    writes.push([tensor, data])
    return tensor
  }
  const t: Record<string, Tensor> = {}
  for (const name of inputs) t[name] = input(name, true)
  for (const name of constants) t[name] = input(name, false)
  const lora = adapted && attachGolden(g, key, adapted, writes)
  const results = build(g, t)
  results.forEach((result) => g.keep(result))
  const upstreams = outputs.map((name) => input(`d${name}`, false))
  g.seed(results.slice(1).map((result, i) => [result, upstreams[i + 1]] as const))
  g.backward(results[0], upstreams[0])
  const gradients = Object.fromEntries(inputs.map((name) => [name, g.keep(g.gradientOf(t[name])!)]))
  const ofAdapter = lora && { a: g.keep(g.gradientOf(lora.A)!), b: g.keep(g.gradientOf(lora.B)!) }
  const program = await g.compile()
  program.poison()
  for (const [tensor, data] of writes) program.write(tensor, data)
  program.run()

  const agrees = async (name: string, tensor: Tensor) => compare(`${key}.${name}`, await program.read(tensor), layout)
  for (const [i, name] of outputs.entries()) await agrees(name, results[i])
  for (const name of inputs) await agrees(`d${name}`, gradients[name])
  if (ofAdapter)
    for (const [matrix, tensor] of [['A', ofAdapter.a] as const, ['B', ofAdapter.b] as const]) {
      const data = await program.read(tensor)
      compare(`${key}.${matrix}q.grad`, data.subarray(0, data.length / 2))
      compare(`${key}.${matrix}v.grad`, data.subarray(data.length / 2))
    }
  lora?.adapter.release()
  program.destroy()
}

/** Attaches the stored matrices to q and v of a fused qkv. */
function attachGolden(g: Graph, key: string, qkv: Linear, writes: [Tensor, Float32Array][]) {
  const { r, alpha } = about[key].lora
  const [out] = qkv.weight.shape
  const matrix = (name: 'A' | 'B') => {
    const [q, v] = [stored(`${key}.${name}q`), stored(`${key}.${name}v`)]
    const tensor = g.input(name, [2 * q.shape[0], q.shape[1]])
    tensor.requiresGrad = true
    writes.push([tensor, Float32Array.of(...q.data, ...v.data)])
    return tensor
  }
  const parts = [0, 2].map((i) => ({ name: 'qkv'[i], start: (i * out) / 3, end: ((i + 1) * out) / 3 }))
  const [A, B] = [matrix('A'), matrix('B')]
  const get = (name: string) => (name === `${key}.lora_A` ? A : B)
  const adapter = attachLora([{ path: key, linear: qkv, parts }], { rank: r, alpha, rslora: false }, get)
  return { adapter, A, B }
}

const block = { inputs: ['x'], outputs: ['out'] }

test('ViT blocks with a window and with global attention, adapted', async () => {
  for (const [i, key] of ['vit_window', 'vit_global'].entries()) {
    const own = vitEncoder.blocks[i]
    assert.is(own.window, about[key].window)
    const sizes = { batch: 2, grid: 6, heads: about[key].heads }
    await check({ ...block, key, build: (g, { x }) => [vitBlock(g, own, x, sizes)] }, own.qkv)
  }
})

test('the neck', () =>
  check({ ...block, key: 'neck', layout: 'nchw', build: (g, { x }) => [neck(g, vitEncoder.neck, x, 2, 6)] }))

test('TinyViT: a block, adapted', async () => {
  const { heads, window } = about.tiny_block
  const [own] = tinyEncoder.stages[3].blocks
  const sizes = { batch: 2, side: 5, heads, window }
  const build: Part['build'] = (g, { x }) => [tinyBlock(g, own, x, sizes)]
  await check({ ...block, key: 'tiny_block', layout: 'nchw', build }, own.qkv)
})

test('TinyViT: the inverted bottleneck, and patch merging that halves an odd side or keeps it', async () => {
  const { stages } = tinyEncoder
  const [bottleneck] = stages[0].convolutions
  const part = { ...block, layout: 'nchw' as const }
  await check({ ...part, key: 'mbconv', build: (g, { x }) => [mbConv(g, bottleneck, x, { batch: 2, side: 7 })] })
  for (const [key, stage, side] of [['merge_half', 0, 7] as const, ['merge_keep', 2, 6] as const]) {
    const sizes = { batch: 2, side, stride: about[key].stride }
    await check({ ...part, key, build: (g, { x }) => [patchMerging(g, stages[stage].downsample!, x, sizes)] })
  }
})

test('the prompt encoder: sparse tokens, dense embeddings, and the position encoding of every cell', async () => {
  const key = 'prompt_encoder'
  const [points, labels, boxes, masks] = ['points', 'labels', 'boxes', 'masks'].map((n) => stored(`${key}.${n}`).data)
  const corners = [promptLabel.boxStart, promptLabel.boxEnd]
  const prompt = (p: number, withPoints: boolean, withBoxes: boolean) => {
    const own = withPoints ? [...points.subarray(4 * p, 4 * p + 4)] : []
    const rest = withBoxes ? [...boxes.subarray(4 * p, 4 * p + 4)] : [0, 0]
    return {
      coords: [...own, ...rest],
      labels: [
        ...(withPoints ? labels.subarray(2 * p, 2 * p + 2) : []),
        ...(withBoxes ? corners : [promptLabel.padding]),
      ],
    }
  }
  for (const [kind, withPoints, withBoxes] of [
    ['points', true, false],
    ['boxes', false, true],
    ['all', true, true],
  ] as const) {
    const prompts = [0, 1, 2].map((p) => prompt(p, withPoints, withBoxes))
    const slots = prompts[0].labels.length
    const g = new Graph(engine)
    const t = { coords: g.input('coords', [3, slots, 2]), labels: g.input('labels', [3, slots]) }
    const dense = kind === 'all' ? g.input('masks', [3, 24, 24]) : null
    const sparse = g.keep(encodePoints(g, vit.promptEncoder, t.coords, t.labels, about[key].size))
    const embedded = dense && g.keep(encodeMasks(g, vit.promptEncoder, dense, 3, 24))
    const program = await g.compile()
    program.poison()
    program.write(t.coords, Float32Array.from(prompts.flatMap(({ coords }) => coords)))
    program.write(t.labels, Int32Array.from(prompts.flatMap((p) => p.labels)))
    if (dense) program.write(dense, masks)
    program.run()
    compare(`${key}.${kind}.sparse`, await program.read(sparse))
    if (embedded) compare(`${key}.all.dense`, await program.read(embedded), 'nchw')
    program.destroy()
  }
  compare(`${key}.dense_position`, await engine.read(vit.position), 'nchw')
})

const shape = { prompts: 2, tokens: 7, cells: 16, counts: null, imageIndex: null }
const { transformer } = vit.decoder

test('an attention of the decoder', () => {
  const { tokenToImage } = transformer.layers[0]
  const options = { ...shape, heads: transformer.heads, from: 'tokens', to: 'image', residual: null } as const
  const build: Part['build'] = (g, { q, k, v }) => {
    const projected = {
      q: linear(g, q, tokenToImage.q),
      k: linear(g, k, tokenToImage.k),
      v: linear(g, v, tokenToImage.v),
    }
    return [attend(g, tokenToImage, projected, options)]
  }
  return check({ key: 'decoder_attention', inputs: ['q', 'k', 'v'], outputs: ['out'], build })
})

for (const crossAttention of ['stored', 'fused'] as const)
  test(`both layers of the two-way transformer, attention ${crossAttention}`, async () => {
    const usual = engine.variants
    engine.variants = { ...usual, crossAttention }

    for (const [i, layer] of transformer.layers.entries()) {
      const build: Part['build'] = (g, { tokens, source, token_pe, source_pe }) => {
        const image = projectImage(g, layer, source, source_pe)
        const sizes = { ...shape, heads: transformer.heads, first: i === 0 }
        const out = twoWayLayer(g, layer, tokens, source, image, token_pe, sizes)
        return [out.tokens, out.source]
      }
      const inputs = ['tokens', 'source']
      const constants = ['token_pe', 'source_pe']
      await check({ key: `decoder_layer${i}`, inputs, constants, outputs: ['tokens_out', 'source_out'], build })
    }
    engine.variants = usual
  })

test('the mask decoder, with a dense embedding for each prompt', async () => {
  const key = 'mask_decoder'
  const g = new Graph(engine, true)
  const t = {
    embedding: g.input('embedding', [32, 32]),
    sparse: g.input('sparse', [2, 2, 32]),
    dense: g.input('dense', [32, 32]),
    imageIndex: g.input('image index', [2]),
    dmasks: g.input('dmasks', [2, 4, 256]),
    diou: g.input('diou', [2, 4]),
  }
  t.embedding.requiresGrad = true
  const position = densePosition(g, { height: 4, width: 4, gaussian: vit.promptEncoder.gaussian })
  const { logits, iou } = decodeMasks(g, vit.decoder, { ...t, counts: null, position, images: 2, side: 4 })
  for (const tensor of [logits, iou]) g.keep(tensor)
  g.seed([[iou, t.diou]])
  g.backward(logits, t.dmasks)
  const gradient = g.keep(g.gradientOf(t.embedding)!)
  const program = await g.compile()
  program.poison()
  program.write(t.embedding, rowsOf(`${key}.embedding`, 'nchw').data)
  program.write(t.dense, rowsOf(`${key}.dense`, 'nchw').data)
  program.write(t.sparse, stored(`${key}.sparse`).data)
  program.write(t.imageIndex, Uint32Array.of(0, 1))
  program.write(t.dmasks, stored(`${key}.dmasks`).data)
  program.write(t.diou, stored(`${key}.diou`).data)
  program.run()
  compare(`${key}.masks`, await program.read(logits))
  compare(`${key}.iou`, await program.read(iou))
  compare(`${key}.dembedding`, await program.read(gradient), 'nchw')
  program.destroy()
})

test('Dice and cross-entropy: an ordinary mask, an empty one, a full one with large logits', async () => {
  for (const [name, dice, bce] of [['dice', 1, 0] as const, ['bce', 0, 1] as const]) {
    const g = new Graph(engine, true)
    const logits = g.input('logits', [3, 1, 64])
    logits.requiresGrad = true
    const terms = { logits, targets: g.input('targets', [3, 64]), dice, bce, smooth: about.loss.smooth }
    const weights = g.input('weights', [3, 1])
    const upstream = g.input('upstream', [1])
    const loss = g.keep(weightedMaskLoss(g, { ...terms, perMask: maskStatistics(g, terms), weights }))
    g.backward(loss, upstream)
    const gradient = g.keep(g.gradientOf(logits)!)
    const program = await g.compile()
    program.poison()
    program.write(logits, stored('loss.logits').data)
    program.write(terms.targets, stored('loss.target').data)
    program.write(weights, new Float32Array(3).fill(1 / 3))
    program.write(upstream, Float32Array.of(1))
    program.run()
    compare(`loss.${name}`, await program.read(loss))
    compare(`loss.${name}.dlogits`, await program.read(gradient))
    program.destroy()
  }
})

test('three steps of Adam and of AdamW', async () => {
  const { lr, betas, eps, weight_decay: weightDecay } = about.optimiser
  const { shape, data } = stored('optimiser.param')
  const gradients = stored('optimiser.grads').data
  for (const algorithm of ['adam', 'adamw'] as const) {
    const config = { algorithm, betas, eps, weightDecay, maxNorm: 0 }
    const parameters = new ParameterSet(engine, [{ name: 'p', shape, init: data }])
    const g = new Graph(engine)
    const { state, report } = recordOptimizerStep(g, parameters, config)
    const program = await g.compile()
    for (let step = 1; step <= 3; step++) {
      engine.write(parameters.get('p').grad!, gradients.subarray((step - 1) * data.length, step * data.length))
      program.write(state, optimizerState(config, step, lr))
      program.run()
      const [{ values, m, v }] = await parameters.download()
      compare(`optimiser.${algorithm}.step${step}`, values)
      if (step < 3) continue
      compare(`optimiser.${algorithm}.exp_avg`, m)
      compare(`optimiser.${algorithm}.exp_avg_sq`, v)
    }
    program.destroy()
    engine.release(report)
    parameters.release()
  }
})

test('clipping by the global norm of all parameters', async () => {
  const names = ['a', 'b']
  const limits: [string, number][] = Object.entries(about.clip.max_norm)
  for (const [kind, maxNorm] of limits) {
    // without memory of earlier gradients, the first moment is the clipped gradient
    const config = { ...defaultOptimizer, betas: [0, 0.9] as const, maxNorm }
    const specs = names.map((name) => {
      const { shape, data } = stored(`clip.${name}`)
      return { name, shape, init: new Float32Array(data.length) }
    })
    const parameters = new ParameterSet(engine, specs)
    const g = new Graph(engine)
    const { state, report } = recordOptimizerStep(g, parameters, config)
    const program = await g.compile()
    for (const name of names) engine.write(parameters.get(name).grad!, stored(`clip.${name}`).data)
    program.write(state, optimizerState(config, 1, 0.1))
    program.run()
    compare('clip.norm', [optimizerReport(await engine.read(report)).norm])
    for (const { name, m } of await parameters.download()) compare(`clip.${kind}.${name}`, m)
    program.destroy()
    engine.release(report)
    parameters.release()
  }
})

test('every part in the golden file was compared', () => {
  assert.equal(
    [...golden.keys()].filter((name) => !used.has(name)),
    [],
  )
})

test.run()
