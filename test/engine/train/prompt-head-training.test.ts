/** @file The prompt head in a training step on a toy model: its loss, its gradients, and what it shares with the rest. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { promptHeadTargets } from '../../../engine/image/prompt-head-targets'
import { Rng } from '../../../engine/rng'
import { Predictor } from '../../../engine/sam/predictor'
import { PromptHead } from '../../../engine/sam/prompt-head'
import { defaultOptimizer } from '../../../engine/train/adam'
import { attachLora, loraLayers, loraSpecs } from '../../../engine/train/lora'
import { ParameterSet } from '../../../engine/train/parameters'
import { promptHeadSpecs } from '../../../engine/train/prompt-head-parameters'
import { type FeatureBatch, type MicroBatch, type StepConfig, TrainingStep } from '../../../engine/train/training-step'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { openToy, toyBatch } from '../../support/toy'

const SIZE = 48
const model = await openToy('toy_tiny_vit', SIZE)
const lora = { rank: 4, alpha: 8, rslora: false, blocks: null }

/** A step on a new adapter and a new head, the same each time. B is not zero, so that no gradient is zero at the start. */
async function trainer({
  head = 0.5,
  targets = ['q', 'v', 'lin2'] as ('q' | 'v' | 'lin2' | 'decoder.v')[],
  ...over
} = {}) {
  const { loss, ...settings } = { loss: {}, ...over } as Partial<StepConfig>
  const config = { ...lora, targets }
  const layers = loraLayers(model, config)
  const specs = loraSpecs(layers, lora.rank, new Rng(5)).map((spec, i) =>
    spec.name.endsWith('lora_B') ? { ...spec, init: randomArray(70 + i, spec.init.length, 0.2) } : spec,
  )
  const parameters = new ParameterSet(engine, [...specs, ...(await promptHeadSpecs(model, new Rng(6)))])
  const adapter = attachLora(layers, config, (name) => parameters.get(name))
  adapter.useHead(model, new PromptHead((name) => parameters.get(name)))
  const step = await TrainingStep.create(model, parameters, {
    microBatch: 1,
    prompts: 3,
    slots: 3,
    optimizer: { ...defaultOptimizer },
    ...settings,
    loss: { dice: 1, bce: 1, iou: 0.5, head, ...loss },
  })
  adapter.detach()
  return {
    step,
    parameters,
    async once(batches: readonly (MicroBatch | FeatureBatch)[], rate = 0) {
      step.run(batches, rate)
      return step.report()
    },
    /** The gradients of the parameters whose name begins so. */
    async gradients(prefix = '') {
      const all: number[] = []
      for (const name of parameters.names)
        if (name.startsWith(prefix)) all.push(...(await engine.read(parameters.get(name).grad!)))
      return all
    },
    end() {
      step.destroy()
      adapter.release()
      parameters.release()
    },
  }
}

/** A micro-batch of one image with `live` prompts, of which `height` rows of pixels are valid. */
function batch(seed: number, live: number, height = SIZE): MicroBatch<Float32Array> {
  const plain = toyBatch(model, seed, [live], 3)
  const data = Uint16Array.from({ length: SIZE * height }, (_, i) => {
    const [x, y] = [i % SIZE, Math.floor(i / SIZE)]
    return (x - 14) ** 2 + (y - 12) ** 2 < 90 ? 1 : (x - 34) ** 2 + (y - 22) ** 2 < 60 + 4 * (seed % 9) ? 2 : 0
  })
  const headTargets = promptHeadTargets({ width: SIZE, height, data }, SIZE)
  return { ...plain, sizes: Uint32Array.of(height, SIZE), headTargets }
}

const data = () => [batch(20, 3), batch(27, 1, 36)]

test('the head’s loss falls on fixed data, and the maps show the particles', async () => {
  const own = await trainer()
  const losses: number[] = []
  for (let i = 0; i < 60; i++) losses.push((await own.once(data(), 0.01)).parts.head!)
  assert.ok(losses[59] < 0.6 * losses[0], `from ${losses[0]} to ${losses[59]}`)
  own.end()
})

test('the reported terms add up to the loss; without a weight there is no head in the step', async () => {
  const own = await trainer({ head: 0.25 })
  const { parts, loss } = await own.once(data())
  const sum = parts.dice + parts.bce + 0.5 * parts.iou! + 0.25 * parts.head!
  assert.ok(Math.abs(sum - loss) < 1e-5 * loss, `${sum} against ${loss}`)
  const { dispatches } = own.step.plan
  const plain = data().map(({ headTargets: _, ...rest }) => rest)
  assert.throws(() => own.step.run(plain, 0), /with a prompt head/)
  own.end()
  const none = await trainer({ head: 0 })
  const without = await none.once(plain)
  assert.is(without.parts.head, undefined)
  assert.ok(Math.abs(without.loss - (loss - 0.25 * parts.head!)) < 1e-5)
  assert.ok(none.step.plan.dispatches < dispatches)
  assert.throws(() => none.step.run(data(), 0), /without a prompt head/)
  none.end()
})

test('the gradient agrees with finite differences of the loss, of the head and of the adapter', async () => {
  // the head alone has a weight, so that its gradient is all that reaches the adapter
  const own = await trainer({ head: 1, loss: { dice: 0, bce: 1e-6, iou: 0 } } as object)
  const batches = data()
  await own.once(batches)
  assert.is(own.parameters.chunks.length, 2, 'the head does not decay')
  for (const { values: chunk, gradients } of own.parameters.chunks) {
    const gradient = Float64Array.from(await engine.read(gradients))
    const size = Math.hypot(...gradient)
    assert.ok(size > 1e-4, `${size}`)
    const values = await engine.read(chunk)
    const at = async (by: number) => {
      engine.write(
        chunk,
        values.map((x, i) => x + (by * gradient[i]) / size),
      )
      return (await own.once(batches)).loss
    }
    const errors: number[] = []
    for (const h of [1e-1, 3e-2, 1e-2, 2e-3])
      errors.push(Math.abs(((await at(h)) - (await at(-h))) / (2 * h) / size - 1))
    assert.ok(Math.min(...errors) < 0.01, `off by ${errors.join(', ')}`)
    engine.write(chunk, values)
    await own.once(batches)
  }
  own.end()
})

test('two micro-batches of one image equal one of two, whatever their prompts and valid sizes', async () => {
  const batches = data()
  const apart = await trainer()
  const report = await apart.once(batches)
  const gradients = await apart.gradients()
  apart.end()
  const [a, b] = batches
  const join = <T extends Float32Array | Uint32Array | Int32Array | Uint8Array>(x: T, y: T): T => {
    const all = new (x.constructor as new (n: number) => T)(x.length + y.length)
    all.set(x)
    all.set(y, x.length)
    return all
  }
  const joined: MicroBatch = {
    images: join(a.images, b.images),
    sizes: join(a.sizes, b.sizes),
    coords: join(a.coords, b.coords),
    labels: join(a.labels, b.labels),
    imageIndex: Uint32Array.of(0, 0, 0, 1, 1, 1),
    targets: join(a.targets, b.targets),
    supervision: join(a.supervision, b.supervision),
    headTargets: join(a.headTargets!, b.headTargets!),
  }
  const together = await trainer({ microBatch: 2 } as object)
  const same = await together.once([joined])
  assert.ok(Math.abs(same.loss / report.loss - 1) < 1e-5 && Math.abs(same.parts.head! / report.parts.head! - 1) < 1e-5)
  assert.ok(relativeError(await together.gradients(), gradients) < 1e-5)
  together.end()
})

test('with embeddings instead of images, the head learns the same', async () => {
  const images = data()
  const predictor = await Predictor.create(model)
  const embedded: FeatureBatch[] = []
  for (const { images: raw, sizes, ...prompts } of images) {
    predictor.setImages(raw, sizes)
    embedded.push({ ...prompts, features: await predictor.embedding() })
  }
  predictor.destroy()
  const own = { targets: ['decoder.v' as const] }
  const [whole, short] = [await trainer(own), await trainer({ ...own, frozen: model.parts.length } as object)]
  for (let i = 0; i < 3; i++) {
    const [a, b] = [await whole.once(images, 1e-2), await short.once(embedded, 1e-2)]
    assert.ok(Math.abs(a.loss - b.loss) < 1e-5 * a.loss, `${a.loss} and ${b.loss}`)
    assert.ok(relativeError(await short.gradients('prompt_head.'), await whole.gradients('prompt_head.')) < 1e-4)
  }
  whole.end()
  short.end()
})

test('the same bits with and without recomputation, and with memory that held NaN', async () => {
  const run = async (over: object, poison = false) => {
    const own = await trainer(over)
    const reports = []
    for (let i = 0; i < 3; i++) {
      if (poison) own.step.poison()
      reports.push(await own.once(data(), 0.01))
    }
    const states = await own.parameters.download()
    own.end()
    return { reports, states }
  }
  const first = await run({})
  assert.equal(await run({}, true), first)
  assert.equal(await run({ recompute: { decoder: true, blocks: 99 } }), first)
})

test('weight decay shrinks the adapter and leaves the head alone', async () => {
  const own = await trainer({ optimizer: { ...defaultOptimizer, algorithm: 'adamw', weightDecay: 0.5 } } as object)
  const plain = await trainer({ optimizer: { ...defaultOptimizer, algorithm: 'adamw' } } as object)
  for (const one of [own, plain]) await one.once(data(), 0.01)
  const [a, b] = [await own.parameters.download(), await plain.parameters.download()]
  a.forEach(({ name, values }, i) => {
    const same = values.every((v, j) => v === b[i].values[j])
    assert.is(same, name.startsWith('prompt_head.'), name)
  })
  own.end()
  plain.end()
})

test('a step whose model has no prompt head is refused', async () => {
  assert.is(model.promptHead, null, 'detached, the model has none')
  const parameters = new ParameterSet(engine, loraSpecs(loraLayers(model, { ...lora, targets: ['q'] }), 4, new Rng(1)))
  const adapter = attachLora(loraLayers(model, { ...lora, targets: ['q'] }), lora, (name) => parameters.get(name))
  const error = await TrainingStep.create(model, parameters, {
    microBatch: 1,
    prompts: 1,
    slots: 2,
    loss: { dice: 1, bce: 1, iou: 0, head: 1 },
    optimizer: defaultOptimizer,
  }).then(
    () => null,
    (thrown: Error) => thrown.message,
  )
  assert.match(error!, /no prompt head/)
  adapter.release()
  parameters.release()
})

test.run()
