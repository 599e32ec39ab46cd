/** Gradient checkpointing: the same bits as without it, and only needed dispatches are recomputed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import pointwise from '../../../shaders/pointwise.wgsl'
import { Graph } from '../../../engine/graph/graph'
import type { Tensor } from '../../../engine/device/tensor'
import { activate, add, scale } from '../../../engine/ops/pointwise'
import { type Recomputation, recomputeNothing } from '../../../engine/sam/recomputation'
import { defaultOptimizer } from '../../../engine/train/adam'
import { LORA_TARGETS, type LoraConfig } from '../../../engine/train/lora'
import { TrainingStep } from '../../../engine/train/training-step'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'
import { adaptKind, openToy, toyBatch } from '../../support/toy'

const MANY = 99
const all: Recomputation = { decoder: true, blocks: MANY }
const models = { toy_vit: await openToy('toy_vit', 48), toy_tiny_vit: await openToy('toy_tiny_vit', 48) }
type Name = keyof typeof models

/** Runs two steps of two micro-batches each, and reads all of their results. */
async function steps(name: Name, kind: 'lora' | 'full', recompute: Recomputation, over: Partial<LoraConfig>) {
  const model = models[name]
  const { parameters, record, end } = await adaptKind(model, kind, over)
  const config = { microBatch: 2, prompts: 2, slots: 3, loss: { dice: 1, bce: 1, iou: 0.5 }, recompute }
  const step = await TrainingStep.create(model, parameters, { ...config, optimizer: defaultOptimizer }, record)
  const reports = []
  for (let i = 0; i < 2; i++) {
    step.poison()
    step.run([toyBatch(model, 20, [2, 1], 2), toyBatch(model, 31, [1, 2], 2)], 1e-2)
    reports.push(await step.report())
  }
  const { plan } = step
  const states = await parameters.download()
  const gradients = []
  for (const chunk of parameters.chunks) gradients.push(await engine.read(chunk.gradients))
  step.destroy()
  end()
  return { plan, bits: { reports, states, gradients } }
}

test('a step that recomputes its segments has the same losses, gradients, moments and values to the bit', async () => {
  const targets = [...LORA_TARGETS]
  for (const name of ['toy_vit', 'toy_tiny_vit'] as const)
    for (const kind of ['lora', 'full'] as const) {
      const kept = await steps(name, kind, recomputeNothing, { targets })
      assert.ok(kept.bits.reports.every(({ loss, gradientNorm }) => loss > 0 && gradientNorm > 0))
      assert.ok(kept.bits.gradients.every((g) => g.every(Number.isFinite)))
      const parts = [
        { decoder: true, blocks: 0 },
        { decoder: false, blocks: 3 },
      ]
      let { arenas } = kept.plan
      for (const recompute of kind === 'lora' ? [...parts, all] : [all]) {
        const again = await steps(name, kind, recompute, { targets })
        assert.equal(again.bits, kept.bits, `${name}, ${kind}, ${JSON.stringify(recompute)}`)
        assert.ok(again.plan.dispatches > kept.plan.dispatches, 'something is recomputed')
        arenas = again.plan.arenas
      }
      assert.ok(arenas < kept.plan.arenas, `all of it takes ${arenas} bytes, nothing ${kept.plan.arenas}`)
    }
})

test('blocks in which nothing trains, and blocks before the first that trains, are not recomputed', async () => {
  const only = { targets: ['q', 'v'] as const, blocks: ['blocks.1'] }
  const over = { targets: [...only.targets], blocks: only.blocks }
  const kept = await steps('toy_vit', 'lora', recomputeNothing, over)
  const first = await steps('toy_vit', 'lora', { decoder: false, blocks: 1 }, over)
  assert.is(first.plan.dispatches, kept.plan.dispatches)
  assert.not(kept.plan.segments.some(({ name }) => name === 'encoder.0'))
  assert.ok(kept.plan.segments.some(({ name }) => name === 'encoder.1'))
  const second = await steps('toy_vit', 'lora', { decoder: false, blocks: 2 }, over)
  assert.ok(second.plan.dispatches > kept.plan.dispatches)
  assert.equal(second.bits, kept.bits)
})

/** x -> gelu -> gelu -> 3x, recomputed or not, with a second consumer of the segment's input and of its outputs. */
async function chain(again: boolean, nested = false) {
  const g = new Graph(engine, true, { recompute: () => again })
  const x = g.input('x', [64])
  x.requiresGrad = true
  const start = scale(g, x, 1)
  const inside = (): [Tensor, Tensor] => {
    const a = activate(g, start, 'gelu')
    const [b] = nested
      ? g.segment('inner', () => [scale(g, activate(g, a, 'gelu'), 3)])
      : [scale(g, activate(g, a, 'gelu'), 3)]
    return [add(g, b, start), a]
  }
  const [y, a] = g.segment('outer', inside)
  const forward = g.dispatches.length
  const end = g.keep(add(g, add(g, y, scale(g, a, 2)), scale(g, start, 5)))
  const rest = g.dispatches.length
  const upstream = g.input('upstream', [64])
  g.backward(end, upstream)
  const gradient = g.keep(g.gradientOf(x)!)
  const program = await g.compile()
  program.poison()
  program.write(x, randomArray(1, 64))
  program.write(upstream, randomArray(2, 64))
  program.run()
  const result = { end: await program.read(end), gradient: await program.read(gradient) }
  program.destroy()
  return { g, result, forward, backward: g.dispatches.slice(rest).map(({ label }) => label) }
}

test('segments with several outputs, shared inputs and nested segments give the same bits', async () => {
  const kept = await chain(false)
  assert.ok(kept.result.gradient.every((v) => Number.isFinite(v) && v !== 0))
  for (const nested of [false, true]) assert.equal((await chain(true, nested)).result, kept.result)
})

test('dispatches that only the segment’s output needs are not recomputed', async () => {
  const [kept, again] = [await chain(false), await chain(true)]
  const more = again.backward.length - kept.backward.length
  // of gelu, gelu, scale and add, only the backward passes of the gelus read forward results, their inputs: the first gelu is needed
  assert.is(more, 1, again.backward.join())
  assert.equal(
    again.g.segments.map(({ name, recompute }) => [name, recompute]),
    [['outer', true]],
  )
})

test('a segment that would write a persistent tensor twice is refused, and a graph without training records it once', async () => {
  const sum = engine.persistent('optimizer', 'a sum', [64])
  const g = new Graph(engine, true, { recompute: () => true })
  const x = g.input('x', [64])
  x.requiresGrad = true
  const params = { count: 64, rounds: 1, repeat: 64, alpha: 1, beta: 0 }
  const build = () => {
    g.dispatch(pointwise, 'scale', { a: x, out: sum }, params, [1], { accumulate: 1 })
    return [scale(g, x, 2)]
  }
  assert.throws(() => g.segment('sums', build), /sums: pointwise\/scale writes a sum, which would be written twice/)
  engine.release(sum)
  const plain = new Graph(engine, false, { recompute: () => true })
  const source = plain.input('x', [64])
  plain.segment('one', () => [scale(plain, source, 2)])
  assert.is(plain.dispatches.length, 1)
  assert.equal(plain.segments, [])
})

test.run()
