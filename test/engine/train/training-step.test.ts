/**
 * @file The training step on a toy model: it learns, repeats to the bit, and is independent of the split into
 * micro-batches.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import preprocess from '../../../shaders/preprocess.wgsl'
import { Engine } from '../../../engine/device/engine'
import type { Shader } from '../../../engine/device/shader'
import { maskSupervision } from '../../../engine/ops/mask-loss'
import { fromUnitBytes } from '../../../engine/ops/unit-bytes'
import { Predictor } from '../../../engine/sam/predictor'
import type { SamModel } from '../../../engine/sam/sam-model'
import { defaultOptimizer } from '../../../engine/train/adam'
import type { LoraConfig, LoraTarget } from '../../../engine/train/lora'
import { promptGroups } from '../../../engine/train/record-prompts'
import { type FeatureBatch, type MicroBatch, type StepConfig, TrainingStep } from '../../../engine/train/training-step'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { adapt, asBytes, openToy, toyBatch } from '../../support/toy'

const model = await openToy('toy_tiny_vit', 48)
const targets: LoraTarget[] = ['q', 'v', 'lin2', 'decoder.v']

/** A step on a new adapter, the same each time. B is not zero, so that no gradient is zero at the start. */
async function trainer(over: Partial<StepConfig> = {}, lora: Partial<LoraConfig> = { targets }, on = model) {
  const { adapter, parameters } = adapt(on, lora, true, !!over.optimizer?.average)
  const config: StepConfig = {
    microBatch: 1,
    prompts: 3,
    slots: 3,
    loss: { dice: 1, bce: 1, iou: 0.5 },
    optimizer: { ...defaultOptimizer, algorithm: 'adamw' },
    ...over,
  }
  const step = await TrainingStep.create(on, parameters, config)
  // the step is recorded and keeps its adapter; the model is free for another
  adapter.detach()
  return {
    step,
    parameters,
    async once(batches: (MicroBatch | FeatureBatch)[], rate = 0) {
      step.run(batches, rate)
      return step.report()
    },
    async gradients() {
      const all: number[] = []
      for (const { gradients } of parameters.chunks) all.push(...(await engine.read(gradients)))
      return all
    },
    end() {
      step.destroy()
      adapter.release()
      parameters.release()
    },
  }
}

const batches = (...live: number[]) => live.map((count, i) => toyBatch(model, 20 + 7 * i, [count], 3))

/** Two micro-batches of one image as one of two images. */
function joined(all: MicroBatch<Float32Array>[]): MicroBatch {
  const join = <T extends Float32Array | Uint32Array | Int32Array>(pick: (b: MicroBatch<Float32Array>) => T): T => {
    const parts = all.map(pick)
    const out = new (parts[0].constructor as new (length: number) => T)(parts.reduce((n, p) => n + p.length, 0))
    parts.reduce((at, p) => (out.set(p, at), at + p.length), 0)
    return out
  }
  return {
    images: join((b) => b.images),
    sizes: join((b) => b.sizes),
    coords: join((b) => b.coords),
    labels: join((b) => b.labels),
    imageIndex: Uint32Array.from(all.flatMap((b, i) => [...b.imageIndex].map(() => i))),
    targets: join((b) => b.targets),
    supervision: join((b) => b.supervision),
  }
}

test('pixels near outlines weigh more if configured; with 0 the bits are those without', async () => {
  const [one] = batches(3)
  const run = async (more: object) => {
    const t = await trainer({ loss: { dice: 1, bce: 1, iou: 0.5, ...more } })
    const { loss, parts } = await t.once([one])
    const gradients = await t.gradients()
    t.end()
    return { loss, parts, gradients }
  }
  const [without, none, much] = [await run({}), await run({ boundary: 0 }), await run({ boundary: 8 })]
  assert.equal(none, without)
  assert.ok(Math.abs(much.parts.bce / without.parts.bce - 1) > 1e-3, `${much.parts.bce} for ${without.parts.bce}`)
  assert.ok(relativeError(much.gradients, without.gradients) > 1e-3)
})

test('with embeddings instead of images, the decoder learns the same', async () => {
  const images = batches(3, 2)
  const predictor = await Predictor.create(model)
  const embedded: FeatureBatch[] = []
  for (const { images: raw, sizes, ...prompts } of images) {
    predictor.setImages(raw, sizes)
    embedded.push({ ...prompts, features: await predictor.embedding() })
  }
  predictor.destroy()
  const own = { targets: ['decoder.q', 'decoder.out'] as LoraTarget[] }
  const [whole, short] = [await trainer({}, own), await trainer({ frozen: model.parts.length }, own)]
  assert.ok(short.step.plan.dispatches < whole.step.plan.dispatches, 'the encoder is not recorded')
  for (let i = 0; i < 3; i++) {
    const [a, b] = [await whole.once(images, 1e-2), await short.once(embedded, 1e-2)]
    assert.ok(Math.abs(a.loss - b.loss) < 1e-6 * a.loss, `${a.loss} and ${b.loss}`)
    assert.ok(relativeError(await short.gradients(), await whole.gradients()) < 1e-5)
  }
  assert.throws(() => short.step.run(images, 0), /was not recorded for images/)
  whole.end()
  short.end()
})

test('bytes give the bits that the same images and targets give as f32', async () => {
  const [seen] = batches(3)
  const bytes = asBytes({ ...seen, targets: seen.targets.map((x, i) => Math.abs(x - (i % 7) / 10)) })
  const numbers: MicroBatch = {
    ...bytes,
    images: Float32Array.from(bytes.images),
    targets: fromUnitBytes(bytes.targets),
  }
  for (const storage of ['f32', 'f16'] as const) {
    const [a, b] = [await trainer({ storage, inputs: 'bytes' }), await trainer({ storage })]
    assert.equal(await a.once([bytes], 1e-2), await b.once([numbers], 1e-2))
    assert.equal(await a.gradients(), await b.gradients())
    assert.throws(() => a.step.run([numbers], 0), /takes \d+ bytes, got/)
    a.end()
    b.end()
  }
})

test('the reported terms add up to the loss', async () => {
  for (const loss of [
    { dice: 1, bce: 1, iou: 0.5 },
    { dice: 2, bce: 0.25, iou: 0 },
  ]) {
    const own = await trainer({ loss })
    const { parts, loss: whole } = await own.once(batches(3, 2))
    assert.is(parts.iou === undefined, loss.iou === 0)
    const sum = loss.dice * parts.dice + loss.bce * parts.bce + loss.iou * (parts.iou ?? 0)
    assert.ok(Math.abs(sum - whole) < 1e-5 * whole, `${sum} against ${whole}`)
    assert.ok(parts.dice > 0 && parts.dice < 2 && parts.bce > 0, 'prompts trained on two masks count twice')
    own.end()
  }
})

test('the loss falls over 20 steps on fixed data', async () => {
  const own = await trainer()
  const data = batches(3, 2)
  const losses: number[] = []
  for (let i = 0; i < 20; i++) {
    const { loss, gradientNorm, nonFinite, skipped } = await own.once(data, 0.01)
    assert.ok(Number.isFinite(loss) && gradientNorm > 0 && nonFinite === 0 && !skipped)
    losses.push(loss)
  }
  assert.ok(losses[19] < 0.7 * losses[0], `the loss went from ${losses[0]} to ${losses[19]}`)
  assert.is(own.step.step, 20)
  own.end()
})

test('two runs give the same bits', async () => {
  const run = async () => {
    const own = await trainer({ optimizer: { ...defaultOptimizer, weightDecay: 0.01, maxNorm: 0.5 } })
    const reports = []
    for (let i = 0; i < 4; i++) reports.push(await own.once(batches(3, 1), 0.01))
    const states = await own.parameters.download()
    own.end()
    return { reports, states }
  }
  const [first, second] = [await run(), await run()]
  assert.equal(second, first)
  assert.ok(first.states.every(({ v }) => v.some((x) => x > 0)))
})

test('two micro-batches of one image equal one of two images, also with different numbers of prompts', async () => {
  const data = batches(3, 1)
  const apart = await trainer()
  const apartReport = await apart.once(data)
  const apartGradients = await apart.gradients()
  const [single] = [await apart.once([data[0]])]
  apart.end()
  const together = await trainer({ microBatch: 2 })
  const report = await together.once([joined(data)])
  const error = relativeError(await together.gradients(), apartGradients)
  assert.ok(error < 1e-5, `the gradients differ by ${error}`)
  for (const name of ['loss', 'gradientNorm'] as const)
    assert.ok(Math.abs(report[name] / apartReport[name] - 1) < 1e-5, `${name}: ${report[name]}, ${apartReport[name]}`)
  assert.ok(Math.abs(single.loss / apartReport.loss - 1) > 1e-3, 'the second image counts')
  together.end()
})

test('prompts in groups, one after the other, give the same gradients in less memory', async () => {
  const data = joined(batches(3, 1))
  const weights = Float32Array.of(1, 4, 0.5, 2, 7, 7)
  const loss = { dice: 1, bce: 1, iou: 0.5, boundary: 4 }
  for (const [own, more] of [
    [{ targets }, {}],
    [{ targets: ['decoder.q', 'decoder.out'] as LoraTarget[] }, { storage: 'f16' as const }],
  ] as const) {
    const runs = []
    for (const promptsAtOnce of [6, 3, 1]) {
      const t = await trainer({ microBatch: 2, weighted: true, loss, promptsAtOnce, ...more }, own)
      t.step.poison()
      const report = await t.once([{ ...data, weights }])
      runs.push({ report, gradients: await t.gradients(), plan: t.step.plan })
      const masks = data.targets.map((x, i) => (i === 4 * model.maskSide ** 2 ? NaN : x))
      const { origin } = await t.once([{ ...data, weights, targets: masks }])
      assert.equal(origin, { kind: 'input', where: 'the target mask of prompt 5 of the batch' })
      t.end()
    }
    const [whole, ...grouped] = runs
    for (const { report, gradients, plan } of grouped) {
      const error = relativeError(gradients, whole.gradients)
      assert.ok(error < 1e-5, `the gradients differ by ${error}`)
      for (const [name, value] of Object.entries(report.parts))
        assert.ok(Math.abs(value / whole.report.parts[name as 'dice']! - 1) < 1e-5, name)
      assert.ok(Math.abs(report.loss / whole.report.loss - 1) < 1e-5)
      assert.ok(plan.dispatches > whole.plan.dispatches)
    }
    assert.ok(grouped[1].plan.live < grouped[0].plan.live && grouped[0].plan.live < whole.plan.live)
  }
})

test('64 prompts are decoded at once, with f16 storage 32, or fewer where they do not divide', () => {
  assert.equal(
    [1, 16, 64, 65, 96, 127, 128, 1024].map((n) => promptGroups(n, {})),
    [1, 1, 1, 5, 2, 1, 2, 16],
  )
  assert.equal(
    [16, 32, 48, 128].map((n) => promptGroups(n, { storage: 'f16' })),
    [1, 1, 2, 4],
  )
  assert.is(promptGroups(12, { promptsAtOnce: 5 }), 3)
})

test('the loss is the mean over prompts: a step of all is the mean of its parts', async () => {
  const own = await trainer()
  const data = batches(3, 1)
  const parts = [await own.once([data[0]]), await own.once([data[1]])]
  const both = await own.once(data)
  const mean = (3 * parts[0].loss + parts[1].loss) / 4
  assert.ok(Math.abs(both.loss / mean - 1) < 1e-5, `${both.loss} for ${mean}`)
  own.end()
})

test('the loss is the mean over the step, weighted by the prompts’ weights', async () => {
  const data = batches(3, 1)
  const weights = [Float32Array.of(4, 0.5, 1), Float32Array.of(2, 7, 7)] // the last two are padding
  const plain = await trainer()
  const losses: number[] = []
  for (const [b, p] of [
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
  ]) {
    const only = data[b].supervision.map((flag, i) => (i === p ? flag : maskSupervision.nothing))
    losses.push((await plain.once([{ ...data[b], supervision: only }])).loss)
  }
  const alike = await plain.once(data)
  assert.throws(() => plain.step.run([{ ...data[0], weights: weights[0] }], 0), /not recorded for prompts with weights/)
  plain.end()
  const own = await trainer({ weighted: true })
  const expected = (4 * losses[0] + 0.5 * losses[1] + losses[2] + 2 * losses[3]) / 7.5
  const { loss } = await own.once(data.map((batch, i) => ({ ...batch, weights: weights[i] })))
  assert.ok(Math.abs(loss / expected - 1) < 1e-5, `${loss} for ${expected}`)
  assert.ok(Math.abs(alike.loss / expected - 1) > 1e-3)
  const same = await own.once(data.map((batch) => ({ ...batch, weights: new Float32Array(3).fill(0.3) })))
  assert.ok(Math.abs(same.loss / alike.loss - 1) < 1e-6 && Math.abs(same.gradientNorm / alike.gradientNorm - 1) < 1e-5)
  assert.throws(() => own.step.run(data, 0), /without weights/)
  own.end()
})

test('an empty mask for a tiny particle costs more the less Dice is smoothed', async () => {
  const losses: number[] = []
  for (const smooth of [1, 0.1]) {
    const own = await trainer({ loss: { dice: 1, bce: 0, iou: 0, smooth } })
    const [batch] = batches(1)
    batch.targets.fill(0)
    batch.targets[5] = 1
    losses.push((await own.once([batch])).loss)
    own.end()
  }
  assert.ok(losses[1] > losses[0], losses.join(', '))
})

test('padding prompts do not change the result, whatever they contain', async () => {
  const [batch] = batches(2)
  const own = await trainer()
  const report = await own.once([batch])
  const gradients = await own.gradients()
  // the third place of three: other coordinates, targets and image, still absent and not supervised
  const pixels = model.maskSide ** 2
  const coords = batch.coords.slice()
  coords.set([1e4, -50, 3, 3, 7, 7], 12)
  const masks = batch.targets.slice()
  masks.fill(1, 2 * pixels)
  assert.equal(await own.once([{ ...batch, coords, targets: masks }]), report)
  assert.equal(await own.gradients(), gradients)
  // present, but not supervised
  const labels = batch.labels.slice()
  labels.set([1, -1, -2], 6)
  const unsupervised = await own.once([{ ...batch, labels }])
  assert.ok(Math.abs(unsupervised.loss / report.loss - 1) < 1e-6)
  assert.ok(relativeError(await own.gradients(), gradients) < 1e-6)
  // and a supervised one does count
  const counted = await own.once([{ ...batch, labels, supervision: Uint32Array.of(2, 2, maskSupervision.best) }])
  assert.ok(Math.abs(counted.loss / report.loss - 1) > 1e-4)
  own.end()

  const roomy = await trainer({ prompts: 8, slots: 3 })
  const wide = toyBatch(model, 20, [2], 8)
  const same = await roomy.once([wide])
  assert.ok(Math.abs(same.loss / report.loss - 1) < 1e-5)
  const error = relativeError(await roomy.gradients(), gradients)
  assert.ok(error < 1e-5, `with room for more the gradients differ by ${error}`)
  roomy.end()
})

test('NaN pixels skip the update, are reported, and do not affect later steps', async () => {
  const own = await trainer({ optimizer: { ...defaultOptimizer, average: 0.9 } })
  const [batch, next] = batches(2, 2)
  const bits = await own.parameters.download()
  const images = batch.images.slice()
  images[1000] = NaN
  const report = await own.once([next, { ...batch, images }], 0.01)
  assert.ok(report.skipped && report.nonFinite > 0, `skipped: ${report.skipped}, elements: ${report.nonFinite}`)
  assert.equal(report.origin, { kind: 'input', where: 'pixels of image 2 of the batch' })
  assert.equal(await own.parameters.download(), bits)
  const after = await own.once([batch, next], 0.01)
  assert.ok(!after.skipped && after.nonFinite === 0 && after.origin === null && Number.isFinite(after.loss))
  assert.ok((await own.parameters.download()).some(({ values }, i) => values.some((x, j) => x !== bits[i].values[j])))
  own.end()
})

/** Runs `use` with a model on an engine whose `shader` has another text, as if compiled by another driver. */
async function patched(shader: Shader, text: string, use: (model: SamModel) => Promise<void>) {
  const { code } = shader
  assert.not.equal(text, code)
  shader.code = text
  try {
    await use(await openToy('toy_tiny_vit', 48, new Engine(engine.device)))
  } finally {
    shader.code = code
  }
}

const finiteBits = 'fn finite(x: f32) -> f32 { return select(x, 0.0, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u); }'

test('NaN pixels are found where a driver turns them into numbers before anything is computed', async () => {
  const code = preprocess.code.replace('x[i]', 'finite(x[i])').replace('@compute', `${finiteBits}\n@compute`)
  await patched(preprocess, code, async (laundering) => {
    const own = await trainer({}, { targets }, laundering)
    const [batch] = batches(2)
    const bits = await own.parameters.download()
    const images = batch.images.slice()
    images[images.length - 1] = -Infinity
    images[9] = NaN
    const report = await own.once([{ ...batch, images }], 0.01)
    assert.ok(Number.isFinite(report.loss) && Number.isFinite(report.gradientNorm), 'nothing else shows it')
    assert.equal([report.skipped, report.nonFinite], [true, 2])
    assert.equal(report.origin, { kind: 'input', where: 'pixels of image 1 of the batch' })
    assert.equal(await own.parameters.download(), bits)
    assert.not((await own.once([batch], 0.01)).skipped)
    own.end()
  })
})

test('the origin of what is not finite: parameters, targets, predicted masks, the norm of the gradient', async () => {
  const own = await trainer()
  const [batch] = batches(2)
  const bits = await own.parameters.download()
  /** The bits of all parameters and moments: NaN differs from itself. */
  const state = async () =>
    (await own.parameters.download()).map(({ values, m, v }) => [values, m, v].map((x) => new Uint32Array(x.buffer)))
  const skipped = async (data: MicroBatch, kind: string, where: RegExp) => {
    const before = await state()
    const { skipped, origin } = await own.once([batches(1)[0], data], 0.01)
    assert.is(skipped, true)
    assert.is(origin?.kind, kind)
    assert.match(origin!.where, where)
    assert.equal(await state(), before)
  }
  const masks = batch.targets.slice()
  masks[model.maskSide ** 2] = NaN
  await skipped({ ...batch, targets: masks }, 'input', /^the target mask of prompt 5 of the batch$/)
  const poisoned = bits.map((state, i) => ({ ...state, values: i === 1 ? state.values.map(() => NaN) : state.values }))
  own.parameters.upload(poisoned)
  await skipped(batch, 'parameter', new RegExp(`^values of the parameter ${bits[1].name}$`))
  // finite, but so large that products of it overflow
  const huge = (x: Float32Array) => x.map((v) => v * 1e30)
  own.parameters.upload(bits.map((state) => ({ ...state, values: huge(state.values) })))
  await skipped(batch, 'activation', /^the output of the image encoder for image 1 of the batch$/)
  own.parameters.upload(bits)
  assert.not((await own.once([batch], 0.01)).skipped)
  own.end()
})

test('the gradient agrees with finite differences of the loss, through a whole step', async () => {
  const own = await trainer()
  const data = batches(3, 1)
  await own.once(data)
  const gradient = Float64Array.from(await own.gradients())
  const size = Math.hypot(...gradient)
  const chunk = own.parameters.chunks[0].values
  const values = await engine.read(chunk)
  assert.is(own.parameters.chunks.length, 1)
  const at = async (by: number) => {
    engine.write(
      chunk,
      values.map((x, i) => x + (by * gradient[i]) / size),
    )
    return (await own.once(data)).loss
  }
  const errors: number[] = []
  for (const h of [2e-3, 5e-4]) errors.push(Math.abs(((await at(h)) - (await at(-h))) / (2 * h) / size - 1))
  assert.ok(Math.min(...errors) < 0.01, `off by ${errors.join(', ')}`)
  own.end()
})

test('the IoU head’s loss is added with its weight, and none is recorded without it', async () => {
  const losses: number[] = []
  const dispatches: number[] = []
  for (const iou of [0, 1, 2]) {
    const own = await trainer({ loss: { dice: 1, bce: 1, iou } })
    losses.push((await own.once(batches(2))).loss)
    dispatches.push(own.step.plan.dispatches)
    own.end()
  }
  const [none, one, two] = losses
  assert.ok(one > none && Math.abs((two - none) / (one - none) - 2) < 1e-3, losses.join(', '))
  assert.ok(dispatches[0] < dispatches[1] && dispatches[1] === dispatches[2])
})

test('the plan reports the memory and dispatches of the step', async () => {
  // what a test that failed did not release is not the step's
  const { adapter, gradient, optimizer } = engine.bytes
  const one = await trainer()
  const { plan } = one.step
  const { parameters: trained } = one
  assert.ok(plan.dispatches > 300)
  const size = trained.chunks.reduce((sum, { values }) => sum + values.size * 4, 0)
  assert.is(plan.persistent.adapter - adapter, size)
  assert.is(plan.persistent.gradient - gradient, size)
  const others = plan.persistent.optimizer - optimizer - 2 * size
  assert.ok(others >= 0 && others < 2 ** 18, 'two moments, losses, report and what is not finite')
  assert.ok(plan.persistent.weight > 0 && plan.intermediates.activation! > 0 && plan.intermediates.gradient! > 0)
  const apart = Object.values(plan.intermediates).reduce((a, b) => a + b, 0)
  assert.ok(plan.arenas < apart)
  const held = plan.arenas + Object.values(plan.persistent).reduce((a, b) => a + b, 0)
  const parameters = plan.peak - held
  assert.ok(
    parameters >= 256 * 300 && parameters <= 512 * plan.dispatches,
    `${parameters} bytes of dispatches' parameters`,
  )
  assert.ok(
    plan.live <= plan.arenas && plan.live > 0.5 * plan.arenas,
    `${plan.live} bytes of ${plan.arenas} in use at once`,
  )
  assert.ok(plan.largest.bytes <= plan.live && plan.largest.label)
  one.end()
  const two = await trainer({ microBatch: 2 })
  assert.ok(two.step.plan.arenas > 1.5 * plan.arenas, 'twice the images take more')
  two.end()
})

test('memory does not grow with the number of steps: after the first, a step creates no buffer', async () => {
  const own = await trainer({ recompute: { decoder: true, blocks: 99 } })
  const { device } = engine
  const create = device.createBuffer
  const live = new Set<GPUBuffer>()
  let made = 0
  device.createBuffer = function (descriptor) {
    const buffer = create.call(device, descriptor)
    const destroy = buffer.destroy.bind(buffer)
    live.add(buffer)
    made++
    buffer.destroy = () => (live.delete(buffer), destroy())
    return buffer
  }
  try {
    const bytes = { ...engine.bytes }
    const data = batches(2)
    await own.once(data, 1e-3)
    const first = made
    for (let i = 0; i < 30; i++) await own.once(data, 1e-3)
    assert.is(made, first)
    assert.ok(live.size <= 1, 'the buffer for reading the losses back stays')
    assert.equal(engine.bytes, bytes)
  } finally {
    device.createBuffer = create
  }
  own.end()
})

test('an invalid step is rejected, and does not count', async () => {
  const own = await trainer()
  const [batch] = batches(2)
  assert.throws(() => own.step.run([{ ...batch, supervision: new Uint32Array(3) }], 0.1), /at least one prompt/)
  assert.throws(() => own.step.run([], 0.1), /at least one prompt/)
  assert.throws(() => own.step.run([{ ...batch, images: randomArray(1, 9) }], 0.1), /images .* got 36/)
  assert.throws(() => own.step.run([{ ...batch, labels: Int32Array.of(-2, 1, 1) }], 0.1), /labels .* got 12/)
  assert.throws(() => own.step.run([batch], NaN), /learning rate NaN/)
  const before = await own.parameters.download()
  assert.is(own.step.step, 0)
  await own.once([batch], 0)
  assert.equal(
    (await own.parameters.download()).map(({ values }) => values),
    before.map(({ values }) => values),
    'a learning rate of 0 moves nothing',
  )
  own.end()
})

test.run()
