/** The graph and the program: gradients passed on without copies, and errors that are reported. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import pointwise from '../../../shaders/pointwise.wgsl'
import { Engine } from '../../../engine/device/engine'
import type { Shader } from '../../../engine/device/shader'
import { Graph, grid1d } from '../../../engine/graph/graph'
import type { Tensor } from '../../../engine/device/tensor'
import { add, fill, scale } from '../../../engine/ops/pointwise'
import { openEngine } from '../../../src/host/gpu'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

const refused = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was refused',
    (error: Error) => error.message,
  )

const scaleParams = (count: number) => ({ count, rounds: 1, repeat: count, alpha: 2, beta: 0 })

test('reading a tensor that nothing has written, and reading and writing one tensor at once, are refused by name', async () => {
  const g = new Graph(engine)
  scale(g, g.tensor('never written', [8]), 2)
  assert.match(await refused(g.compile()), /pointwise.* reads never written, which nothing has written/)

  const h = new Graph(engine)
  const x = h.input('x', [8])
  h.dispatch(pointwise, 'scale', { a: x, out: x }, scaleParams(8), [1])
  assert.match(await refused(h.compile()), 'pointwise/scale: x is bound for reading and for writing at once')

  // two views of one persistent buffer, which the adapter would refuse
  const arena = engine.persistent('adapter', 'arena', [128])
  const k = new Graph(engine)
  k.dispatch(pointwise, 'scale', { a: arena.slice(0, 64), out: arena.slice(64, 128) }, scaleParams(64), [1])
  assert.match(await refused(k.compile()), 'arena is bound for reading and for writing at once')
  engine.release(arena)
})

test('a tensor larger than the adapter can bind is refused when it is created, with advice', () => {
  const elements = Math.floor(engine.maxBinding / 4) + 1
  const g = new Graph(engine)
  assert.throws(
    () => g.tensor('scores', [elements]),
    new RegExp(
      `scores \\[${elements}\\] takes ${elements * 4} bytes, over the ${engine.maxBinding} .*smaller micro-batch`,
    ),
  )
  assert.throws(() => engine.persistent('weight', 'table', [elements]), /table .* binds at most/)
  for (const shape of [[0], [2, -1], [1.5], [NaN]]) assert.throws(() => g.tensor('odd', shape), /whole numbers from 1/)
})

test('bindings, parameters, entries and grids that are missing or unknown are refused by name', () => {
  const g = new Graph(engine)
  const [a, out] = [g.input('a', [8]), g.input('out', [8])]
  const dispatch = (
    bindings: Record<string, Tensor>,
    params: Record<string, number> = scaleParams(8),
    grid: [number, number?, number?] = [1],
    entry = 'scale',
  ) => g.dispatch(pointwise, entry, bindings, params, grid)
  assert.throws(() => dispatch({ a }), /pointwise\/scale: nothing is bound to "out"/)
  assert.throws(() => dispatch({ a, out, extra: a }), /no binding "extra"/)
  assert.throws(() => dispatch({ a, out }, { ...scaleParams(8), gamma: 1 }), /no parameter "gamma"/)
  const { alpha: _, ...rest } = scaleParams(8)
  assert.throws(() => dispatch({ a, out }, rest), /parameter "alpha" is missing/)
  assert.throws(
    () => dispatch({ a, out }, { ...scaleParams(8), count: -1 }),
    /"count" must be a whole number from 0, got -1/,
  )
  assert.throws(() => dispatch({ a, out }, { ...scaleParams(8), count: 0.5 }), /"count" must be a whole number/)
  assert.throws(() => dispatch({ a, out }, scaleParams(8), [1], 'scales'), /no entry point scales/)
  const limit = engine.device.limits.maxComputeWorkgroupsPerDimension
  for (const grid of [[0], [limit + 1], [1, 0], [1, 1, 1.5]] as [number, number?, number?][])
    assert.throws(() => dispatch({ a, out }, scaleParams(8), grid), /a grid of .* workgroups is not within 1 to/)
  assert.is(g.dispatches.length, 0, 'nothing that was refused was recorded')
})

test('a grid covers its items, also beyond one dimension of workgroups', () => {
  for (const count of [1, 255, 256, 257, 256 * 32768, 256 * 32768 + 1, 1 << 30]) {
    const [x, y] = grid1d(count)
    assert.ok(x * y * 256 >= count && x <= 65535 && y <= 65535, `${count}: ${x} x ${y}`)
    assert.ok((x * y - x) * 256 < count, `${count}: ${x} x ${y} has a row too many`)
  }
})

/** y = 2(a + b) + 3a, with an upstream gradient of y. */
async function sumWithTwoConsumers(sumFirst: boolean) {
  const g = new Graph(engine, true)
  const a0 = g.input('a', [64])
  const b0 = g.input('b', [64])
  a0.requiresGrad = b0.requiresGrad = true
  const [a, b] = [scale(g, a0, 1), scale(g, b0, 1)]
  const early = sumFirst ? null : scale(g, a, 3)
  const sum = scale(g, add(g, a, b), 2)
  const y = g.keep(add(g, sum, early ?? scale(g, a, 3)))
  const upstream = g.input('upstream', [64])
  g.backward(y, upstream)
  const [da, db] = [g.keep(g.gradientOf(a0)!), g.keep(g.gradientOf(b0)!)]
  const program = await g.compile()
  program.poison()
  const data = randomArray(3, 64)
  program.write(a0, randomArray(1, 64))
  program.write(b0, randomArray(2, 64))
  program.write(upstream, data)
  program.run()
  return { data, da: await program.read(da), db: await program.read(db), upstream: await program.read(upstream) }
}

test('a sum passes its gradient on without a copy, and each consumer of it gets its own contribution', async () => {
  for (const sumFirst of [true, false]) {
    const { data, da, db, upstream } = await sumWithTwoConsumers(sumFirst)
    const near = (got: Float32Array, factor: number) =>
      got.every((x, i) => Math.abs(x - factor * data[i]) <= 1e-6 * Math.abs(factor * data[i]))
    assert.ok(near(da, 5), 'the gradient of a, which two operations use')
    assert.ok(near(db, 2), 'the gradient of b must not get what is added to that of a')
    assert.equal(upstream, data, 'the upstream gradient is the host’s and stays as it was')
  }
  const g = new Graph(engine, true)
  const x = g.input('x', [64])
  x.requiresGrad = true
  const [a, b] = [scale(g, x, 2), scale(g, x, 3)]
  const sum = add(g, a, b)
  const y = scale(g, sum, 5)
  g.backward(y, g.input('upstream', [64]))
  const [ga, gb, gs] = [a, b, sum].map((t) => g.gradientOf(t)!.storage)
  assert.is(ga, gs, 'the first input gets the gradient itself')
  assert.is.not(gb, gs, 'the second has a copy')
})

test('backward refuses what has no gradient or another size', () => {
  const g = new Graph(engine, true)
  const x = g.input('x', [8])
  const y = scale(g, x, 2)
  assert.throws(() => g.backward(y, g.input('upstream', [8])), /depends on nothing that requires a gradient/)
  const w = g.input('w', [8])
  w.requiresGrad = true
  assert.throws(() => g.backward(scale(g, w, 2), g.input('upstream', [4])), /another size/)
  const plain = new Graph(engine)
  assert.throws(() => plain.backward(scale(plain, w, 2), w), /recorded without training/)
})

/** One dispatch on a separate engine. */
async function smallProgram(own: Engine) {
  const g = new Graph(own)
  const out = g.keep(g.tensor('out', [64]))
  fill(g, out, 3)
  return { program: await g.compile(), out }
}

test('a lost device is reported as an error, never as zeros', async () => {
  const ours = await openEngine()
  const { program, out } = await smallProgram(ours)
  program.run()
  assert.equal([...(await program.read(out))], new Array(64).fill(3))
  // as if the driver had reset it: the engine did not ask for it
  ours.device.destroy()
  await ours.device.lost
  await new Promise((resolve) => setTimeout(resolve))
  assert.throws(() => program.run(), /the GPU device was lost/)
  assert.match(await refused(program.read(out)), 'the GPU device was lost')
  assert.match(await refused(ours.idle()), 'the GPU device was lost')

  const closed = await openEngine()
  const small = await smallProgram(closed)
  closed.destroy()
  assert.match(
    await refused((async () => (small.program.run(), await small.program.read(small.out)))()),
    /out from the GPU failed/,
  )
})

test('a shader that does not compile, and errors that the device reports asynchronously, are thrown', async () => {
  const ours = await openEngine()
  const entry = { workgroup: [1, 1, 1] as [number, number, number], bindings: [], uniform: null }
  const broken: Shader = {
    name: 'broken',
    code: '@compute @workgroup_size(1)\nfn main() { let x: f32 = nothing; }',
    sources: [],
    entries: { main: entry },
  }
  const g = new Graph(ours)
  g.dispatch(broken, 'main', {}, {}, [1])
  assert.match(await refused(g.compile()), /broken\/main.* does not compile[^]*broken\.wgsl:2:\d+ .*nothing/)

  const other = await openEngine()
  const { program, out } = await smallProgram(other)
  program.run()
  other.device.queue.writeBuffer(out.storage.buffer!, 1 << 20, new Uint32Array(4)) // past its end
  await other.device.queue.onSubmittedWorkDone()
  assert.match(await refused(program.read(out)), 'the GPU device reported an error')
  assert.throws(() => program.run(), /the GPU device reported an error/)
  ours.destroy()
  other.destroy()
})

test('host data of the wrong size is refused by name', async () => {
  const { program, out } = await smallProgram(engine)
  assert.throws(() => program.write(out, new Float32Array(63)), /out \[64\] takes 256 bytes, got 252/)
  const g = new Graph(engine)
  assert.throws(() => engine.write(g.input('later', [4]), new Float32Array(4)), /later has no memory yet/)
  program.destroy()
})

test.run()
