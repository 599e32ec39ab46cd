/** f16 storage: rounding, kernels, frozen weights, and activations kept for the backward pass. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import shader from '../../../shaders/f16-storage.wgsl'
import pointwise from '../../../shaders/pointwise.wgsl'
import { toF16 } from '../../../engine/device/float16'
import { Graph } from '../../../engine/graph/graph'
import { elementwiseGrid } from '../../../engine/graph/lane-rounds'
import { type StorageType, eligibleForF16 } from '../../../engine/device/tensor'
import { linear } from '../../../engine/ops/linear'
import { activate, add, scale } from '../../../engine/ops/pointwise'
import { recomputeNothing } from '../../../engine/sam/recomputation'
import { defaultOptimizer } from '../../../engine/train/adam'
import { LORA_TARGETS, mergeLora } from '../../../engine/train/lora'
import { TrainingStep } from '../../../engine/train/training-step'
import { computeGolden, openGolden } from '../../../src/verify'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'
import { adapt, openToy, toyBatch } from '../../support/toy'

/** The value of an f16, from its bits. */
function valueOf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  const size = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024)
  return bits & 0x8000 ? -size : size
}
const FINITE = Array.from({ length: 0x7c00 }, (_, bits) => bits)
const LARGEST = 65504

const f16Of = (words: Uint32Array) => [...words].flatMap((word) => [word & 0xffff, word >>> 16])
const rounded = (values: Float32Array) => Float32Array.from(f16Of(toF16(values)), valueOf)

test('every f16 value is exact, with either sign; other values become the nearest, ties the even one', () => {
  const all = Float32Array.from([...FINITE, ...FINITE.map((bits) => bits | 0x8000)], valueOf)
  const same = f16Of(toF16(all)).map((bits, i) => Object.is(valueOf(bits), all[i]))
  assert.ok(same.every(Boolean))
  for (const by of [0.25, 0.5, 0.75]) {
    const between = Float32Array.from({ length: 0x7bfe }, (_, b) => valueOf(b) * (1 - by) + valueOf(b + 1) * by)
    const wrong = f16Of(toF16(between)).filter((bits, i) => bits !== (by === 0.5 ? i + (i % 2) : Math.round(i + by)))
    assert.is(wrong.length, 0, `${by}: ${wrong.slice(0, 5)}`)
  }
})

test('values too large for f16 become the largest, NaN stays NaN', () => {
  const values = Float32Array.of(65519, 65520, 1e9, Infinity, -Infinity, 1e-9, -1e-9, NaN)
  const bits = f16Of(toF16(values))
  assert.equal(bits.slice(0, 5).map(valueOf), [LARGEST, LARGEST, LARGEST, LARGEST, -LARGEST])
  assert.equal(bits.slice(5, 7), [0, 0x8000])
  assert.ok(((bits[7] >> 10) & 31) === 31 && bits[7] & 1023)
})

/** Packs and unpacks on the GPU, memory poisoned. */
async function through(values: Float32Array): Promise<{ words: Uint32Array; back: Float32Array }> {
  const g = new Graph(engine)
  const count = values.length / 4
  const x = g.input('x', [values.length])
  const words = g.keep(g.tensor('words', [values.length / 2]))
  const y = g.keep(g.tensor('y', [values.length]))
  const { rounds, grid } = elementwiseGrid(engine, count)
  g.dispatch(shader, 'pack', { x, words }, { count, rounds }, grid)
  g.dispatch(shader, 'unpack', { packed_words: words, y }, { count, rounds }, grid)
  const program = await g.compile()
  program.poison()
  program.write(x, values)
  program.run()
  const result = { words: new Uint32Array(await engine.readBytes(words)), back: await program.read(y) }
  program.destroy()
  return result
}

test('the kernels: every f16 value passes through unchanged, other numbers change by less than the last digit of f16', async () => {
  const exact = Float32Array.from([...FINITE, ...FINITE.map((bits) => bits | 0x8000)], valueOf)
  const passed = await through(exact)
  assert.equal(passed.back, exact)
  assert.equal(passed.words, toF16(exact))
  for (const [size, scale] of [
    [4, 1],
    [1028, 1e-3],
    [4 * 8391, 300],
  ]) {
    const values = randomArray(size, size, scale)
    const { back } = await through(values)
    // drivers may round up or down: by one unit in the last place, or the smallest f16
    back.forEach((v, i) => assert.ok(Math.abs(v - values[i]) <= Math.max(2 ** -10 * Math.abs(values[i]), 2 ** -24)))
    assert.ok(back.some((v, i) => v !== values[i]))
  }
  const { back } = await through(Float32Array.of(65505, 1e30, -7e4, -65504))
  assert.equal([...back], [LARGEST, LARGEST, -LARGEST, -LARGEST])
})

test('a frozen weight stored as f16 gives the results of its rounded values, forward and backward, in half the memory', async () => {
  const [m, n, k] = [37, 68, 96]
  const values = randomArray(3, n * k, 0.2)
  assert.ok(eligibleForF16(values.length))
  const run = async (data: Float32Array, storage: StorageType) => {
    const before = engine.bytes.weight
    const weight = engine.weight('W', [n, k], data, storage)
    const bytes = engine.bytes.weight - before
    const g = new Graph(engine, true)
    const x = g.input('x', [m, k])
    x.requiresGrad = true
    const y = g.keep(linear(g, scale(g, x, 1), { weight }))
    const upstream = g.input('upstream', y.shape)
    g.backward(y, upstream)
    const dx = g.keep(g.gradientOf(x)!)
    const program = await g.compile()
    program.poison()
    program.write(x, randomArray(1, m * k))
    program.write(upstream, randomArray(2, m * n))
    program.run()
    const result = { y: await program.read(y), dx: await program.read(dx) }
    program.destroy()
    const held = engine.bytes.weight
    engine.release(weight)
    assert.is(held - engine.bytes.weight, bytes)
    return { result, bytes }
  }
  const [half, full] = [await run(values, 'f16'), await run(rounded(values), 'f32')]
  assert.equal(half.result, full.result)
  assert.is(half.bytes, full.bytes / 2)
  assert.is.not(relativeError(half.result.y, (await run(values, 'f32')).result.y), 0)
})

test('tensors stored as f16 cannot be written or read by the host; small or odd tensors stay f32', async () => {
  const weight = engine.weight('W', [64, 128], randomArray(1, 8192), 'f16')
  const g = new Graph(engine)
  const x = g.input('x', [8192])
  const params = { count: 8192, rounds: 1, repeat: 8192, alpha: 1, beta: 0 }
  const write = () => g.dispatch(pointwise, 'scale', { a: x, out: weight }, params, [128])
  assert.throws(write, /cannot write W, which is stored as f16/)
  assert.throws(() => engine.write(weight, new Float32Array(8192)), /W is stored as f16/)
  const read = await engine.read(weight).catch((error: Error) => error.message)
  assert.match(String(read), /W is stored as f16/)
  engine.release(weight)
  for (const size of [4092, 8191]) {
    const data = randomArray(2, size)
    const small = engine.weight('small', [size], data, 'f16')
    assert.equal(await engine.read(small), data)
    engine.release(small)
  }
})

/** y = gelu(gelu(3x)) + 6x: the backward pass needs the inputs of both gelus, which the forward pass wrote. */
async function chain(storage: StorageType, size: number, keepInner = false) {
  const g = new Graph(engine, true, { storage })
  const x = g.input('x', [size])
  x.requiresGrad = true
  const a = scale(g, x, 3)
  if (keepInner) g.keep(a)
  const y = g.keep(add(g, activate(g, activate(g, a, 'gelu'), 'gelu'), scale(g, a, 2)))
  const upstream = g.input('upstream', [size])
  const forward = g.dispatches.length
  g.backward(y, upstream)
  const gradient = g.keep(g.gradientOf(x)!)
  const labels = g.dispatches.map(({ label }) => label.split('/')[1])
  const program = await g.compile()
  program.poison()
  program.write(x, randomArray(5, size))
  program.write(upstream, randomArray(6, size))
  program.run()
  const result = { y: await program.read(y), gradient: await program.read(gradient) }
  const { memory } = program
  program.destroy()
  return { ...result, labels, forward, memory }
}

test('activations kept for the backward pass are stored as f16: the forward pass is the same to the bit, gradients nearly', async () => {
  const size = 8192
  const [f32, f16] = [await chain('f32', size), await chain('f16', size)]
  assert.equal(f16.y, f32.y)
  const error = relativeError(f16.gradient, f32.gradient)
  assert.ok(error > 1e-6 && error < 1e-3, `relative error of the gradient ${error}`)
  const count = (what: string) => f16.labels.filter((label) => label === what).length
  assert.equal([count('pack'), count('unpack')], [2, 2])
  // packed right after the last use in the forward pass, unpacked right before the first use in the backward pass
  const last = f16.labels.lastIndexOf('pack')
  assert.ok(last < f16.labels.indexOf('unpack'))
  assert.ok(f16.labels.indexOf('pack') < f16.forward, 'the first is packed inside the forward pass')
  f16.labels.forEach((label, i) => label === 'unpack' && assert.is(f16.labels[i + 1], 'activate_backward'))
  assert.ok(f16.memory.liveBytes < f32.memory.liveBytes)
})

test('small tensors and tensors that the host keeps stay f32', async () => {
  const [f32, f16] = [await chain('f32', 1024), await chain('f16', 1024)]
  assert.equal(f16.labels, f32.labels)
  assert.equal(f16.gradient, f32.gradient)
  assert.is((await chain('f16', 8192, true)).labels.filter((label) => label === 'pack').length, 1)
})

test('training steps of whole models: the same first loss, nearly the same gradients and weights, less memory', async () => {
  for (const name of ['toy_vit', 'toy_tiny_vit'] as const)
    for (const recompute of [recomputeNothing, { decoder: true, blocks: 2 }]) {
      const model = await openToy(name, 192)
      const run = async (storage: StorageType) => {
        const { adapter, parameters } = adapt(model, { targets: [...LORA_TARGETS] })
        const loss = { dice: 1, bce: 1, iou: 0.5 }
        const config = { microBatch: 2, prompts: 2, slots: 3, loss, recompute, storage, optimizer: defaultOptimizer }
        const step = await TrainingStep.create(model, parameters, config)
        step.poison()
        step.run([toyBatch(model, 20, [2, 1], 2)], 1e-3)
        const report = await step.report()
        const gradients = await engine.read(parameters.chunks[0].gradients)
        const { plan } = step
        step.destroy()
        adapter.release()
        parameters.release()
        return { report, gradients, plan }
      }
      const [f32, f16] = [await run('f32'), await run('f16')]
      assert.equal(f16.report.parts, f32.report.parts)
      const error = relativeError(f16.gradients, f32.gradients)
      assert.ok(error > 1e-6 && error < 5e-3, `${name}: relative error of the gradients ${error}`)
      assert.ok(f16.plan.live < f32.plan.live, `${name}: ${f16.plan.live} of ${f32.plan.live} bytes`)
      model.release()
    }
})

test('a golden model with everything stored as f16 is as near to its golden tensors as f16 precision allows', async () => {
  const golden = await openGolden(engine, 'golden/files/toy_vit', 'f16')
  const computed = await computeGolden(engine, golden)
  const errors = [...computed].map(([name, { data }]) => relativeError(data, golden.tensors.get(name)!.data))
  assert.ok(errors.length > 8 && Math.max(...errors) < 1e-2 && Math.max(...errors) > 1e-5, `${Math.max(...errors)}`)
  const { adapter, parameters } = adapt(golden.model, { targets: ['lin1'] })
  const refused = await mergeLora(engine, adapter).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(refused, 'stored as f16')
  adapter.release()
  parameters.release()
  golden.model.release()
})

test.run()
