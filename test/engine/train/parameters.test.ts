/** @file Parameters in flat arenas: where they are placed, their gradients, download and upload. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { scale } from '../../../engine/ops/pointwise'
import { type ParameterSpec, ParameterSet } from '../../../engine/train/parameters'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

const spec = (name: string, ...shape: number[]): ParameterSpec => {
  const size = shape.reduce((a, b) => a * b, 1)
  return { name, shape, init: randomArray(size, size) }
}

test('parameters start at multiples of 256 bytes, never span two buffers, and have zeros between them', async () => {
  const bytes = { ...engine.bytes }
  const specs = [spec('a', 3, 5), spec('b', 128), spec('c', 1), spec('d', 300), spec('e', 65)]
  const set = new ParameterSet(engine, specs, 2100)
  // 2100 bytes are 512 elements: a, b and c take 64 + 128 + 64, d does not fit beside them, e fits beside d
  assert.equal(
    set.chunks.map(({ values }) => values.size),
    [256, 448],
  )
  for (const { name, shape, init } of specs) {
    const tensor = set.get(name)
    assert.equal(tensor.shape, shape)
    assert.is(tensor.label, name)
    assert.is(tensor.storage.offset % 256, 0)
    assert.ok(tensor.requiresGrad)
    assert.equal(tensor.grad!.shape, shape)
    assert.is(tensor.grad!.storage.offset, tensor.storage.offset)
    assert.equal(await engine.read(tensor), init)
  }
  const [first] = set.chunks
  assert.is(set.get('c').storage.buffer, first.values.storage.buffer)
  assert.equal([...(await engine.read(first.values)).subarray(15, 64)], new Array(49).fill(0))
  assert.is(set.count, 15 + 128 + 1 + 300 + 65)
  assert.is(engine.bytes.adapter - bytes.adapter, 704 * 4)
  assert.is(engine.bytes.optimizer - bytes.optimizer, 2 * 704 * 4)
  set.release()
  assert.equal(engine.bytes, bytes)
})

test('gradients accumulate over runs until they are zeroed', async () => {
  const set = new ParameterSet(engine, [spec('a', 70), spec('b', 500)], 2048)
  const g = new Graph(engine, true)
  const y = scale(g, set.get('b'), 3)
  const upstream = g.input('upstream', [500])
  g.backward(y, upstream)
  const step = await g.compile()
  const data = randomArray(8, 500)
  step.write(upstream, data)
  const zero = new Graph(engine)
  set.zeroGradients(zero)
  const clear = await zero.compile()
  const gradient = set.get('b').grad!
  engine.write(
    gradient,
    data.map(() => NaN),
  )
  clear.run()
  step.run()
  step.run()
  const got = await engine.read(gradient)
  got.forEach((v, i) => assert.ok(Math.abs(v - 6 * data[i]) < 1e-5))
  clear.run()
  for (const { gradients } of set.chunks) assert.ok((await engine.read(gradients)).every((v) => v === 0))
  for (const program of [step, clear]) program.destroy()
  set.release()
})

test('a downloaded checkpoint can be uploaded, in any order; an invalid one changes nothing', async () => {
  const set = new ParameterSet(engine, [spec('a', 2, 3), spec('b', 500)], 2048)
  const initial = await set.download()
  const states = initial.map((s, i) => ({
    ...s,
    values: randomArray(31 + i, s.values.length),
    m: randomArray(41 + i, s.values.length),
    v: randomArray(51 + i, s.values.length),
  }))
  const [a, b] = states
  assert.throws(() => set.upload([b]), /missing: a/)
  assert.throws(() => set.upload([a, a, b]), /twice/)
  assert.throws(() => set.upload([a, b, { ...b, name: 'c' }]), /no parameter c/)
  assert.throws(() => set.upload([a, { ...b, shape: [5, 100] }]), /\[500\], not \[5, 100\]/)
  assert.throws(() => set.upload([a, { ...b, m: b.m.subarray(1) }]), /500/)
  assert.equal(await set.download(), initial)
  set.upload([b, a])
  assert.equal(await set.download(), states)
  set.release()
})

test('parameters that cannot be placed are rejected', () => {
  assert.throws(() => new ParameterSet(engine, []), /nothing to train/)
  assert.throws(() => new ParameterSet(engine, [spec('big', 600)], 2048), /big .* 2400 bytes/)
  assert.throws(() => new ParameterSet(engine, [spec('a', 2), spec('a', 2)]), /two parameters/)
  assert.throws(() => new ParameterSet(engine, [{ ...spec('a', 2), shape: [3] }]), /takes 3 values, got 2/)
})

test.run()
