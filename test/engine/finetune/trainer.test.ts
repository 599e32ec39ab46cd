/** @file Fine-tuning as one call: on a toy model, with images and labels in memory. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openAdaptation } from '../../../engine/finetune/adaptation'
import { checkRecipe } from '../../../engine/finetune/check-recipe'
import { readSamples } from '../../../engine/finetune/samples'
import { Validator } from '../../../engine/finetune/validator'
import { Predictor } from '../../../engine/sam/predictor'
import type { DatasetItem } from '../../../src/dataset/dataset'
import { meanScore } from '../../../engine/finetune/strength'
import { scoresOf, tallyPrompts } from '../../../src/training/prompt-scores'
import { train, Trainer } from '../../../engine/finetune/trainer'
import { defaultRecipe } from '../../../engine/finetune/recipe'
import { discSamples, trainAsEmbedder } from '../../hosts/train-as-embedder'
import { openEngine } from '../../../src/host/gpu'
import { openToy } from '../../support/toy'

const model = await openToy('toy_tiny_vit', 64)
const end = { strength: 'full', tuneImages: 0 } as const
const small = { batch: 2, maxSteps: 2, lora: { rank: 2, targets: ['q' as const] }, prompts: { count: 2 }, ...end }
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error) => `${error.name}: ${error.message}`,
  )

test('the loss falls; pausing and resuming from bytes gives the same bits; an abort ends it', async () => {
  const { losses, scores, aborted, sameBits, masks } = await trainAsEmbedder(model)
  assert.is(losses.length, 4)
  // each step sees other views and prompts, so means are compared
  const sum = (some: number[]) => some.reduce((total, loss) => total + loss, 0)
  assert.ok(sum(losses.slice(2)) < 0.9 * sum(losses.slice(0, 2)), `losses ${losses}`)
  assert.is(scores.length, 3, 'before the first step, after 2 epochs, at the end')
  assert.ok(scores.every((score) => score > 0 && score < 1) && new Set(scores).size === 3, `scores ${scores}`)
  assert.is(aborted, 'enough')
  assert.ok(sameBits)
  assert.ok(masks > 0)
})

test('a prompt head has its own learning rate, and no weight decay', async () => {
  const lora = { rank: 2 }
  const recipe = checkRecipe({ lora, head: { learningRate: 2e-3 }, optimizer: { learningRate: 5e-4 } }, 64)
  const { parameters, release } = await openAdaptation(model, recipe)
  assert.equal(
    parameters.chunks.map(({ rate, decays }) => [rate, decays]),
    [
      [1, true],
      [4, false],
    ],
  )
  release()
  const { head, optimizer } = defaultRecipe
  assert.ok(head.learningRate >= optimizer.learningRate, 'it begins with nothing')
  assert.throws(() => checkRecipe({ head: { learningRate: 0 } }, 64), /head\.learningRate must be a number/)
})

test('the score is that of wgsam train', async () => {
  const images = await readSamples(model.engine, discSamples(), 'samples')
  const predictor = await Predictor.create(model, { slots: 2, prompts: 16 })
  const byId = new Map(images.map((image) => [image.id, image]))
  const items = images.map(({ id }) => ({ id }) as DatasetItem)
  const load = async ({ id }: DatasetItem) => byId.get(id)!
  const tallied = await tallyPrompts(predictor, 'validating', { items, load, seed: 0, maxInstances: 64 })
  predictor.destroy()
  const adaptation = await openAdaptation(model, checkRecipe({ average: 0, lora: { rank: 2 } }, 64))
  const validator = await Validator.open(model, adaptation, images, { seed: 0, maxInstances: 64 })
  const validation = await validator.run(() => false)
  assert.is(await validator.run(() => true), null)
  validator.destroy()
  adaptation.release()
  assert.ok(validation!.head! >= 0 && validation!.head! <= 1, 'a prompt head is measured')
  const plain = await openAdaptation(model, checkRecipe({ average: 0, lora: { rank: 2 }, head: { weight: 0 } }, 64))
  const headless = await Validator.open(model, plain, images, { seed: 0, maxInstances: 64 })
  const { head, ...scores } = validation!
  assert.equal(await headless.run(() => false), scores, 'without one the score is the same: it is comparable')
  headless.destroy()
  plain.release()
  const expected = scoresOf(tallied!)
  assert.ok(Math.abs(validation!.score - meanScore(expected)) < 1e-12, `${validation!.score}`)
  const { point, box } = validation!
  assert.ok(Math.abs((point.dice + point.instanceDice) / 2 - expected.point) < 1e-12)
  assert.ok(Math.abs((box.dice + box.instanceDice) / 2 - expected.box) < 1e-12)
})

test('a training that ends, is aborted or fails frees all that it allocated, and takes its adapter off', async () => {
  const own = await openEngine()
  const toy = await openToy('toy_tiny_vit', 64, own)
  const live = new Map<GPUBuffer, number>()
  const create = own.device.createBuffer.bind(own.device)
  own.device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    const destroy = buffer.destroy.bind(buffer)
    buffer.destroy = () => (live.delete(buffer), destroy())
    live.set(buffer, descriptor.size)
    return buffer
  }
  const bytes = () => [...live.values()].reduce((a, b) => a + b, 0)
  const samples = discSamples()
  const options = { ...small, validationSamples: samples.slice(1) }
  await train(toy, samples, options)
  const after = bytes() // constants and buffers for reading, which the engine keeps
  const controller = new AbortController()
  const trained = train(toy, samples, { ...options, signal: controller.signal, onStep: () => controller.abort() })
  assert.match(await refusal(trained), 'AbortError')
  assert.is(bytes(), after)
  const failing = train(toy, samples, { ...options, onStep: () => { throw new Error('my page broke') } }) // prettier-ignore
  assert.match(await refusal(failing), 'my page broke')
  assert.is(bytes(), after)
  assert.match(await refusal(train(toy, samples, { ...options, resume: new Uint8Array(20) })), 'it is damaged')
  assert.is(bytes(), after)
  assert.ok([...toy.linears.values()].every(({ lora }) => !lora))
  assert.is(toy.promptHead, null)
  own.destroy()
})

test('wrong settings and samples are refused by name', async () => {
  const [sample] = discSamples()
  const refused = async (options: object, samples: unknown = [sample]) =>
    refusal(train(model, samples as never, { ...small, ...options }))
  assert.match(await refused({}, []), 'SettingError: there is no sample')
  assert.match(await refused({ batch: 3, microBatch: 2 }), 'batch 3 is no multiple of microBatch 2')
  assert.match(await refused({ optimizer: { learningRate: NaN } }), 'optimizer.learningRate must be a number from')
  assert.match(await refused({ lora: { rnak: 3 } }), 'there is no setting lora.rnak')
  assert.match(await refused({ lora: { targets: ['x'] } }), 'lora.targets must be a list of q, k')
  assert.match(await refused({ augment: { rotate: 90 } }), 'augment.rotate must be a number from 0 to 45')
  assert.match(await refused({ strength: 'half' }), "strength must be 'auto' or 'full', not half")
  assert.match(await refused({ tuneImages: 1.5 }), 'tuneImages must be a whole number from 0')
  assert.match(await refused({ synthetic: 0.5, augment: false }), 'synthetic needs augment')
  assert.match(await refused({ steps: 3 }), 'there is no option steps of a training: there are batch, epochs, maxSteps')
  assert.match(await refused({ onStep: 3 }), 'onStep must be a function')
  assert.match(await refused({ resume: {} }), 'resume takes the bytes of a checkpoint')
  assert.match(await refused({ checkpointSeconds: 'all' }), 'checkpointSeconds must be a number of seconds, not all')
  assert.match(await refused({}, sample), 'samples must be a list of { image, labels } or { image, masks }')
  assert.match(await refused({}, [{ image: sample.image }]), 'samples, image 1: it has no labels: give `labels`')
  assert.match(await refused({ epochs: 0 }), 'epochs must be a number from 0.001')
  const small8 = { width: 8, height: 8, data: new Uint16Array(64) }
  assert.match(await refused({}, [{ image: sample.image, labels: small8 }]), 'samples, image 1: its labels are 8x8')
  const empty = { width: 60, height: 40, data: new Uint16Array(2400) }
  assert.match(await refused({}, [{ image: sample.image, labels: empty }]), 'no image has a particle')
})

test('a training begins with the values of an adapter, which decides its layers', async () => {
  const samples = discSamples()
  // fast, so that the masks change too
  const earlier = await train(model, samples, { ...small, average: 0, maxSteps: 4, optimizer: { learningRate: 0.05 } })
  const trainer = await Trainer.create(model, samples, { ...small, lora: {}, from: earlier })
  const { adapter, head } = await trainer.result()
  assert.equal(adapter, earlier.adapter)
  assert.equal(head, earlier.head)
  await trainer.run()
  assert.not.equal((await trainer.result()).adapter, earlier.adapter, 'it is trained further')
  trainer.destroy()
  const validated = {
    ...small,
    lora: {},
    validationSamples: samples.slice(1),
    strength: 'full',
    tuneImages: 0,
  } as const
  const plain = await train(model, samples, { ...validated, lora: small.lora })
  // at a rate of almost nothing it stays as it is, and its state before the first step may be the best
  const { base, best } = await train(model, samples, {
    ...validated,
    from: earlier,
    optimizer: { learningRate: 1e-12 },
    head: { learningRate: 1e-12 },
  })
  assert.is(best?.step, 0)
  assert.is(best?.score, base)
  assert.is.not(base, plain.base, 'the score before the first step is that of the adapter')

  const from = { ...earlier, name: 'mine' }
  const refused = (options: object) => refusal(train(model, samples, { ...small, ...options, from }))
  assert.match(await refused({ lora: { rank: 3 } }), 'SettingError: lora.rank is 2 in mine')
  const vit = await openToy('toy_vit', 64)
  assert.match(
    await refusal(train(vit, samples, { ...small, lora: {}, from })),
    /SettingError: mine adapts .* which this model does not have/,
  )
  vit.release()
})

test('synthetic scenes take the place of images, the same each time', async () => {
  const losses = async (synthetic: number) => {
    const found: number[] = []
    await train(model, discSamples(), { ...small, synthetic, onStep: ({ loss }) => void found.push(loss) })
    return found
  }
  const own = await losses(0)
  const scenes = await losses(1)
  assert.not.equal(scenes, own)
  assert.equal(await losses(1), scenes)
})

test('a checkpoint of other settings or images is refused, and so is one that was changed', async () => {
  const samples = discSamples()
  const trainer = await Trainer.create(model, samples, small)
  await trainer.run()
  const bytes = await trainer.checkpoint()
  trainer.destroy()
  const resume = (changed: Uint8Array, over: object = {}, list = samples) =>
    refusal(train(model, list, { ...small, ...over, resume: changed }))
  assert.match(await resume(bytes, { maxSteps: 3 }), 'another setting maxSteps')
  assert.match(await resume(bytes, {}, samples.slice(1)), 'other training images')
  assert.match(await resume(bytes.slice(0, -4)), 'damaged')
  const flipped = bytes.slice()
  flipped[flipped.length - 9] ^= 1
  assert.match(await resume(flipped), 'damaged')
  assert.is(await resume(bytes), 'no error')
})

test('the defaults are those of wgsam train', async () => {
  const { checkConfig } = await import('../../../src/training/config')
  const config: Record<string, unknown> = checkConfig({ data: ['x'] }, 'test')
  const { validation, ...recipe } = checkRecipe({}, 1024)
  for (const [key, value] of Object.entries(recipe)) if (key !== 'size') assert.equal(config[key], value, key)
  assert.equal({ ...(config.validation as object), ...validation }, config.validation)
  assert.is(defaultRecipe.size, null)
})

test.run()
