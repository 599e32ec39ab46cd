/** @file LoRA: which layers are adapted, the scale, attaching and detaching, merging and undoing it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { Predictor } from '../../../engine/sam/predictor'
import type { SamModel } from '../../../engine/sam/sam-model'
import {
  LORA_TARGETS,
  type LoraTarget,
  defaultLora,
  loraLayers,
  loraScale,
  mergeLora,
} from '../../../engine/train/lora'
import { attachDifferences } from '../../../engine/train/full-tuning'
import { engine } from '../../support/engine'
import { relativeError } from '../../support/random'
import { adapt, modelInputs, openToy, toyImages } from '../../support/toy'

const vit = await openToy('toy_vit', 48)
const tiny = await openToy('toy_tiny_vit', 48)
const ALL = [...LORA_TARGETS] as LoraTarget[]

/** The embedding, masks and IoU of a prompt, with the adapter attached now. */
async function outputs(model: SamModel) {
  const predictor = await Predictor.create(model, { prompts: 1, slots: 2 })
  const size = model.inputSize
  predictor.setImages(toyImages(3, 1, size), Uint32Array.of(size, size))
  const { logits, iou } = await predictor.predict({
    coords: Float32Array.of(20, 13, 0, 0),
    labels: Int32Array.of(1, -1),
  })
  const embedding = await predictor.embedding()
  predictor.destroy()
  return { embedding, logits, iou }
}

const dispatchList = (model: SamModel) => {
  const g = new Graph(engine)
  const t = modelInputs(g, model, 1, 1, 2)
  model.decode(g, model.encode(g, t.images, t.sizes), t)
  return g.dispatches.map(({ label, entry, groups, constants }) => ({ label, entry, groups, constants }))
}

const weightsOf = async (model: SamModel) =>
  Promise.all([...model.linears.values()].map(({ weight }) => engine.read(weight)))

test('a merged model gives the adapted model’s results with the base model’s dispatches, and can be restored', async () => {
  for (const model of [vit, tiny]) {
    const base = await outputs(model)
    const baseList = dispatchList(model)
    const weights = await weightsOf(model)
    const { adapter, parameters } = adapt(model, { targets: ALL })
    const adapted = await outputs(model)
    const adaptedList = dispatchList(model)
    assert.ok(adaptedList.length > baseList.length, 'an attached adapter costs dispatches')

    const unmerge = await mergeLora(engine, adapter)
    const merged = await outputs(model)
    for (const name of ['embedding', 'logits', 'iou'] as const) {
      const error = relativeError(merged[name], adapted[name])
      assert.ok(error < 1e-5, `${name}: merged is ${error} off`)
      const change = relativeError(adapted[name], base[name])
      assert.ok(change > 1e-3, `${name}: the adapter hardly changes it (${change}), so this would show nothing`)
    }
    assert.equal(dispatchList(model), baseList)

    await unmerge()
    assert.equal(dispatchList(model), adaptedList)
    assert.equal(await weightsOf(model), weights)
    assert.equal(await outputs(model), adapted)
    adapter.detach()
    assert.equal(await outputs(model), base)
    parameters.release()
  }
})

test('an adapter as training starts it does not change a bit of the results', async () => {
  for (const model of [vit, tiny]) {
    const base = await outputs(model)
    const { adapter, parameters } = adapt(model, { targets: ALL }, false)
    assert.equal(await outputs(model), base)
    adapter.detach()
    parameters.release()
  }
})

test('any rank works, even above the layer’s width', async () => {
  for (const rank of [1, 4, 96]) {
    const base = await outputs(vit)
    const { layers, parameters, adapter } = adapt(vit, { rank, targets: ALL })
    for (const { path, linear, parts } of layers) {
      const rows = parts.reduce((sum, { start, end }) => sum + end - start, 0)
      assert.equal(parameters.get(`${path}.lora_A`).shape, [parts.length * rank, linear.weight.shape[1]])
      assert.equal(parameters.get(`${path}.lora_B`).shape, [rows, rank])
    }
    const adapted = await outputs(vit)
    assert.ok(relativeError(adapted.embedding, base.embedding) > 1e-3)
    const unmerge = await mergeLora(engine, adapter)
    const error = relativeError((await outputs(vit)).logits, adapted.logits)
    assert.ok(error < 1e-5, `rank ${rank}: merged is ${error} off`)
    await unmerge()
    adapter.detach()
    parameters.release()
  }
})

test('the scale is alpha over the rank, or over its root', async () => {
  assert.is(loraScale({ ...defaultLora, rank: 16, alpha: 8, rslora: false }), 0.5)
  assert.is(loraScale({ ...defaultLora, rank: 16, alpha: 8, rslora: true }), 2)
  // what is merged into a weight is s·B·A, in rows of q and v alone
  const { layers, parameters, config, adapter } = adapt(vit, { rank: 4, alpha: 6, rslora: true, blocks: ['1'] })
  const [{ path, linear }] = layers
  const before = await engine.read(linear.weight)
  const unmerge = await mergeLora(engine, adapter)
  const after = await engine.read(linear.weight)
  await unmerge()
  adapter.detach()
  const a = await engine.read(parameters.get(`${path}.lora_A`))
  const b = await engine.read(parameters.get(`${path}.lora_B`))
  const [out, k] = linear.weight.shape
  const third = out / 3
  const expected = Float64Array.from(before)
  for (const [part, from] of [0, 2 * third].entries())
    for (let row = 0; row < third; row++)
      for (let c = 0; c < k; c++)
        for (let r = 0; r < config.rank; r++)
          expected[(from + row) * k + c] += 3 * b[(part * third + row) * 4 + r] * a[(part * 4 + r) * k + c]
  assert.ok(relativeError(after, expected) < 1e-6)
  assert.equal(after.slice(third * k, 2 * third * k), before.slice(third * k, 2 * third * k))
  parameters.release()
})

test('targets and blocks choose layers and their rows', () => {
  const chosen = (model: SamModel, targets: LoraTarget[], blocks: string[] | null = null) =>
    loraLayers(model, { ...defaultLora, targets, blocks }).map(({ path, parts }) => [path, parts] as const)
  const qkv = chosen(vit, ['v', 'q'])
  assert.equal(
    qkv.map(([path]) => path),
    [0, 1, 2].map((i) => `image_encoder.blocks.${i}.attn.qkv`),
  )
  assert.equal(qkv[0][1], [
    { name: 'image_encoder.blocks.0.attn.q', start: 0, end: 32 },
    { name: 'image_encoder.blocks.0.attn.v', start: 64, end: 96 },
  ])
  assert.equal(chosen(vit, ['k'], ['2'])[0][1], [{ name: 'image_encoder.blocks.2.attn.k', start: 32, end: 64 }])
  const paths = (...all: Parameters<typeof chosen>) => chosen(...all).map(([path]) => path)
  assert.equal(paths(vit, ['lin1', 'proj'], ['blocks.1']), [
    'image_encoder.blocks.1.attn.proj',
    'image_encoder.blocks.1.mlp.lin1',
  ])
  assert.equal(paths(tiny, ['lin1', 'lin2'], ['layers.2.blocks.1']), [
    'image_encoder.layers.2.blocks.1.mlp.fc1',
    'image_encoder.layers.2.blocks.1.mlp.fc2',
  ])
  // four convolutional blocks have nothing to adapt: stages 1 to 3 hold 1, 2 and 1
  assert.is(paths(tiny, ['q']).length, 4)
  // two layers of three attentions, and the last one
  for (const target of ['decoder.q', 'decoder.k', 'decoder.v', 'decoder.out'] as const) {
    const found = paths(vit, [target])
    assert.is(found.length, 7)
    assert.ok(found.every((path) => path.startsWith('mask_decoder.transformer.')))
  }
  assert.equal(
    paths(tiny, ['decoder.iou']),
    [0, 1, 2].map((i) => `mask_decoder.iou_prediction_head.layers.${i}`),
  )
})

test('a configuration that adapts no layer is rejected', () => {
  const refuse = (over: Partial<typeof defaultLora>, what: RegExp) =>
    assert.throws(() => loraLayers(vit, { ...defaultLora, ...over }), what)
  refuse({ rank: 0 }, /rank 0: a whole number from 1/)
  refuse({ rank: 1.5 }, /rank 1.5/)
  refuse({ alpha: 0 }, /alpha 0/)
  refuse({ alpha: NaN }, /alpha NaN/)
  refuse({ targets: ['qk' as LoraTarget] }, /target "qk" is not known: choose from q, k, v/)
  refuse({ targets: [] }, /adapts no layer/)
  refuse({ blocks: ['7'] }, /blocks not in this model: 7; it has blocks.0, blocks.1, blocks.2/)
  refuse({ blocks: ['layers.1.blocks.0'] }, /not in this model/)
  assert.throws(() => loraLayers(tiny, { ...defaultLora, blocks: ['blocks.0'] }), /it has layers.1.blocks.0/)
})

test('merging an adapter that is not attached is rejected, and changes nothing', async () => {
  const before = await weightsOf(vit)
  const { adapter, parameters } = adapt(vit)
  adapter.detach()
  await mergeLora(engine, adapter).then(
    () => assert.unreachable('merged nothing'),
    (error: Error) => assert.match(error.message, 'blocks.0.attn.qkv has no adapter attached'),
  )
  assert.equal(await weightsOf(vit), before)
  parameters.release()
})

test('a layer has one adapter at a time, and an adapter that is not attached cannot be detached', async () => {
  const { adapter, layers, parameters } = adapt(vit, { blocks: ['1'] })
  assert.ok(adapter.attached)
  assert.throws(() => adapter.attach(), /blocks.1.attn.qkv has this adapter attached: detach it first/)
  assert.throws(() => adapt(vit), /blocks.1.attn.qkv has another adapter attached: detach it first/)
  assert.ok(
    loraLayers(vit, { ...defaultLora, blocks: ['0'] }).every(({ linear }) => !linear.lora),
    'nothing is attached by an attempt that fails',
  )
  adapter.detach()
  assert.not(adapter.attached)
  assert.throws(() => adapter.detach(), /this adapter is not attached/)

  const differences = new Float32Array(32 * 32).fill(0.1)
  const full = await attachDifferences(engine, layers, () => differences)
  assert.throws(() => adapter.attach(), /another adapter attached/)
  assert.throws(() => full.attach(), /this adapter attached/)
  const bytes = engine.bytes.adapter
  full.release()
  assert.is(bytes - engine.bytes.adapter, layers[0].linear.weight.size * 4)
  full.release()
  assert.is(bytes - engine.bytes.adapter, layers[0].linear.weight.size * 4, 'freed once')
  assert.throws(() => full.attach(), /was released/)

  adapter.attach()
  adapter.release()
  assert.not(adapter.attached)
  parameters.release()
})

test('a recorded predictor keeps the adapter that was attached when it was recorded', async () => {
  const prompt = { coords: Float32Array.of(20, 13, 0, 0), labels: Int32Array.of(1, -1) }
  const size = vit.inputSize
  const run = async (predictor: Predictor) => {
    predictor.setImages(toyImages(3, 1, size), Uint32Array.of(size, size))
    return (await predictor.predict(prompt)).logits
  }
  const base = await Predictor.create(vit, { prompts: 1, slots: 2 })
  const expected = await run(base)
  const { adapter, parameters } = adapt(vit)
  const adapted = await Predictor.create(vit, { prompts: 1, slots: 2 })
  const changed = await run(adapted)
  assert.ok(relativeError(changed, expected) > 1e-3)
  assert.equal(await run(base), expected)
  adapter.detach()
  assert.equal(await run(adapted), changed)
  for (const predictor of [base, adapted]) predictor.destroy()
  adapter.release()
  parameters.release()
})

test.run()
