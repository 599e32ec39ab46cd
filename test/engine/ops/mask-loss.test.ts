import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import type { Tensor } from '../../../engine/device/tensor'
import { iouLoss } from '../../../engine/ops/iou-loss'
import {
  addLosses,
  maskStatistics,
  selectMasks,
  maskSupervision,
  weightedMaskLoss,
} from '../../../engine/ops/mask-loss'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

type Numbers = ArrayLike<number>

/** Dice loss, mean BCE, IoU and Σp + Σt + smooth of one mask, in float64. */
function statisticsOf(logits: Numbers, targets: Numbers, smooth: number): [number, number, number, number] {
  let [both, p, t, bce, inter, union] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < logits.length; i++) {
    const x = logits[i]
    const y = targets[i]
    const s = 1 / (1 + Math.exp(-x))
    both += s * y
    p += s
    t += y
    bce += Math.max(x, 0) - x * y + Math.log1p(Math.exp(-Math.abs(x)))
    if (x > 0 && y > 0.5) inter++
    if (x > 0 || y > 0.5) union++
  }
  const u = p + t + smooth
  return [1 - (2 * both + smooth) / u, bce / logits.length, union ? inter / union : 1, u]
}

function reference(shape: number[], smooth: number, logits: Numbers, targets: Numbers): number[][] {
  const [prompts, masks, n] = shape
  const part = (a: Numbers, at: number) => Array.prototype.slice.call(a, at * n, (at + 1) * n) as number[]
  return Array.from({ length: prompts * masks }, (_, i) =>
    statisticsOf(part(logits, i), part(targets, Math.floor(i / masks)), smooth),
  )
}

const binary = (seed: number, size: number) => randomArray(seed, size).map((v) => (v > 0.3 ? 1 : 0))
const soft = (seed: number, size: number) => randomArray(seed, size).map((v) => (v + 1) / 2)

/** Records `build` on inputs with the given values, runs it `runs` times and reads the tensors it returned. */
async function evaluate(
  data: Record<string, { shape: number[]; data: Float32Array | Uint32Array }>,
  build: (g: Graph, t: Record<string, Tensor>) => Tensor[],
) {
  const g = new Graph(engine, true)
  const t = Object.fromEntries(Object.entries(data).map(([name, { shape }]) => [name, g.input(name, shape)]))
  if (t.logits) t.logits.requiresGrad = true
  const results = build(g, t).map((r) => g.keep(r))
  const program = await g.compile()
  program.poison()
  for (const [name, { data: values }] of Object.entries(data)) program.write(t[name], values)
  program.run()
  const out: Float32Array[] = []
  for (const r of results) out.push(await program.read(r))
  program.destroy()
  return out
}

test('statistics of masks short and long, soft and binary targets, large logits', async () => {
  for (const [shape, smooth, scale, targets] of [
    [[3, 4, 1], 1, 3, binary],
    [[2, 3, 333], 0.5, 30, soft],
    [[1, 2, 4097], 1, 5, soft],
    [[2, 1, 131_075], 1, 8, binary],
  ] as const) {
    const [prompts, masks, n] = shape
    const logits = randomArray(3, prompts * masks * n, scale)
    const wanted = targets(4, prompts * n)
    const [got] = await evaluate(
      { logits: { shape: [...shape], data: logits }, targets: { shape: [prompts, n], data: wanted } },
      (g, t) => [maskStatistics(g, { logits: t.logits, targets: t.targets, smooth })],
    )
    reference([...shape], smooth, logits, wanted).forEach((row, i) =>
      row.forEach((value, k) => {
        const error = Math.abs(got[4 * i + k] - value) / Math.max(1, Math.abs(value))
        assert.ok(error < 1e-6, `N = ${n}, mask ${i}, number ${k}: ${got[4 * i + k]} for ${value}`)
      }),
    )
  }
})

test('a mask by hand: perfect, empty, and far from zero', async () => {
  const far = 40
  const logits = Float32Array.of(far, far, -far, -far, -far, -far, -far, -far, 0, 0, 0, 0, 100, 100, 100, 100)
  const targets = Float32Array.of(1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0)
  const [got] = await evaluate(
    { logits: { shape: [4, 1, 4], data: logits }, targets: { shape: [4, 4], data: targets } },
    (g, t) => [maskStatistics(g, { logits: t.logits, targets: t.targets })],
  )
  const expected = [
    [0, 0, 1, 5],
    [0, 0, 1, 1],
    [1 - 3 / 5, Math.LN2, 0, 5],
    [1 - 1 / 5, 100, 0, 5],
  ].flat()
  expected.forEach((v, i) => assert.ok(Math.abs(got[i] - v) < 1e-6, `${i}: ${got[i]} for ${v}`))
})

test('the loss and its gradient, against finite differences', async () => {
  for (const shape of [
    [3, 4, 35],
    [1, 2, 4500],
  ]) {
    const [prompts, masks, n] = shape
    const weights = randomArray(6, prompts * masks).map((v) => Math.abs(v))
    weights[0] = 0
    const factors = { dice: 0.7, bce: 1.9 }
    await checkOp({
      inputs: {
        logits: { shape, grad: true, data: randomArray(5, prompts * masks * n, 2) },
        targets: { shape: [prompts, n], data: soft(7, prompts * n) },
        weights: { shape: [prompts, masks], data: weights },
      },
      build: (g, { logits, targets, weights }) => {
        const perMask = maskStatistics(g, { logits, targets, smooth: 2 })
        return weightedMaskLoss(g, { logits, targets, perMask, weights, ...factors })
      },
      reference: ({ logits, targets, weights }) => {
        const rows = reference(shape, 2, logits, targets)
        return [rows.reduce((sum, [d, b], i) => sum + weights[i] * (factors.dice * d + factors.bce * b), 0)]
      },
    })
  }
})

test('with one mask per prompt, weights of 1 / P and factors of 1, the loss is the mean dice loss plus the mean BCE', async () => {
  const shape = [3, 4, 50]
  const logits = randomArray(8, 600, 3)
  const targets = binary(9, 150)
  const weights = Float32Array.from({ length: 12 }, (_, i) => (i % 4 ? 0 : 1 / 3))
  const [loss] = await evaluate(
    {
      logits: { shape, data: logits },
      targets: { shape: [3, 50], data: targets },
      weights: { shape: [3, 4], data: weights },
    },
    (g, { logits, targets, weights }) => {
      const perMask = maskStatistics(g, { logits, targets })
      return [weightedMaskLoss(g, { logits, targets, perMask, weights, dice: 1, bce: 1 })]
    },
  )
  const first = reference(shape, 1, logits, targets).filter((_, i) => i % 4 === 0)
  const expected = first.reduce((sum, [d, b]) => sum + (d + b) / 3, 0)
  assert.ok(Math.abs(loss[0] - expected) < 1e-6)
})

test('masks of weight 0 may hold NaN and infinities', async () => {
  const shape = [2, 2, 70]
  const logits = randomArray(10, 280)
  logits.fill(NaN, 70, 140)
  logits.fill(Infinity, 210, 280)
  const [loss, gradient, total] = await evaluate(
    {
      logits: { shape, data: logits },
      targets: { shape: [2, 70], data: binary(11, 140) },
      weights: { shape: [2, 2], data: Float32Array.of(1, 0, 0.5, 0) },
      predicted: { shape: [2, 2], data: Float32Array.of(0.5, NaN, 0.5, Infinity) },
      upstream: { shape: [1], data: Float32Array.of(1) },
    },
    (g, t) => {
      const { logits, targets, weights, predicted } = t
      const perMask = maskStatistics(g, { logits, targets })
      const loss = weightedMaskLoss(g, { logits, targets, perMask, weights, dice: 1, bce: 1 })
      const total = addLosses(g, [loss, iouLoss(g, { predicted, perMask, weights, coefficient: 1 })])
      g.backward(total, t.upstream)
      return [loss, g.gradientOf(logits)!, total]
    },
  )
  assert.ok(loss[0] > 0 && Number.isFinite(loss[0]) && Number.isFinite(total[0]))
  for (let i = 0; i < 280; i++) {
    const dead = Math.floor(i / 70) % 2 === 1
    assert.ok(dead ? gradient[i] === 0 : Number.isFinite(gradient[i]) && gradient[i] !== 0, `${i}: ${gradient[i]}`)
  }
})

test('selection: nothing, mask 0, the one of lowest loss of the others, all', async () => {
  // columns: dice, bce, IoU, U
  const rows = [
    [0.9, 0.1, 0, 0, 0.5, 0.9, 0, 0, 0.4, 0.5, 0, 0, 0.1, 0.95, 0, 0],
    [0.1, 0.1, 0, 0, 0.2, 0.3, 0, 0, 0.6, 0.0, 0, 0, 0.5, 0.5, 0, 0],
  ]
  const flags = [
    maskSupervision.nothing,
    maskSupervision.best,
    maskSupervision.single,
    maskSupervision.all,
    maskSupervision.best,
    0,
  ]
  const perMask = Float32Array.from([rows[0], rows[0], rows[1], rows[1], rows[1], rows[0].map(() => NaN)].flat())
  const choose = async (dice: number, bce: number, of = flags) => {
    const [weights] = await evaluate(
      { perMask: { shape: [6, 4, 4], data: perMask }, flags: { shape: [6], data: Uint32Array.from(of) } },
      (g, t) => [selectMasks(g, { perMask: t.perMask, flags: t.flags, dice, bce })],
    )
    // of a quarter, without the units in the last place that a GPU's division may be off
    const times4 = (w: number) => Math.round(w * 4e6) / 1e6
    return Array.from({ length: 6 }, (_, p) => Array.from(weights.subarray(4 * p, 4 * p + 4), times4))
  }
  const none = [0, 0, 0, 0]
  assert.equal(await choose(1, 1), [none, [1, 0, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0], none])
  assert.equal(await choose(1, 0), [none, [1, 0, 0, 1], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0], none])
  assert.equal(await choose(0, 1), [none, [1, 0, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 0], none])
  assert.equal(await choose(1, 1, [0, 0, 0, 0, 0, 0]), Array(6).fill(none))
})

test('selection over many prompts divides by the number that train', async () => {
  const prompts = 700
  const flags = Uint32Array.from({ length: prompts }, (_, i) => (i % 7 ? 1 : 0))
  const [weights] = await evaluate(
    {
      perMask: { shape: [prompts, 1, 4], data: randomArray(1, prompts * 4) },
      flags: { shape: [prompts], data: flags },
    },
    (g, t) => [selectMasks(g, { perMask: t.perMask, flags: t.flags, dice: 1, bce: 1 })],
  )
  // a GPU's division may be off by some units in the last place; all weights are alike
  const [, one] = weights
  assert.ok(Math.abs(600 * one - 1) < 1e-6, `${one}`)
  weights.forEach((w, i) => assert.is(w, i % 7 ? one : 0))
})

test('the IoU loss and its gradient, and a sum of losses', async () => {
  const statistics = randomArray(12, 4 * 310)
  await checkOp({
    inputs: {
      predicted: { shape: [155, 2], grad: true },
      perMask: { shape: [155, 2, 4], data: statistics },
      weights: { shape: [155, 2], data: soft(13, 310) },
    },
    build: (g, { predicted, perMask, weights }) =>
      addLosses(
        g,
        [0.5, 2].map((coefficient) => iouLoss(g, { predicted, perMask, weights, coefficient })),
      ),
    reference: ({ predicted, perMask, weights }) => [
      predicted.reduce((sum, v, i) => sum + 2.5 * weights[i] * (v - perMask[4 * i + 2]) ** 2, 0),
    ],
  })
})

test('the same bits on every run', async () => {
  const shape = [2, 2, 20_001]
  const run = () =>
    evaluate(
      {
        logits: { shape, data: randomArray(14, 80_004, 4) },
        targets: { shape: [2, 20_001], data: soft(15, 40_002) },
        weights: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
        upstream: { shape: [1], data: Float32Array.of(0.7) },
      },
      (g, { logits, targets, weights, upstream }) => {
        const perMask = maskStatistics(g, { logits, targets })
        const loss = weightedMaskLoss(g, { logits, targets, perMask, weights, dice: 1, bce: 1 })
        g.backward(loss, upstream)
        return [loss, g.gradientOf(logits)!]
      },
    )
  assert.equal(await run(), await run())
})

test('shapes that do not fit are refused', () => {
  const g = new Graph(engine)
  const t = (...shape: number[]) => g.input('t', shape)
  const [logits, targets] = [t(2, 3, 5), t(2, 5)]
  assert.throws(() => maskStatistics(g, { logits: t(6, 5), targets }), /\(P, T, N\)/)
  assert.throws(() => maskStatistics(g, { logits, targets: t(2, 3, 5) }), /targets/)
  assert.throws(() => maskStatistics(g, { logits, targets, smooth: 0 }), /smooth/)
  const masks = { logits, targets, dice: 1, bce: 1 }
  assert.throws(() => weightedMaskLoss(g, { ...masks, perMask: t(2, 3, 4), weights: t(2) }), /weights/)
  assert.throws(() => weightedMaskLoss(g, { ...masks, perMask: t(2, 3), weights: t(2, 3) }), /statistics/)
  assert.throws(() => selectMasks(g, { perMask: t(2, 3, 4), flags: t(3), dice: 1, bce: 1 }), /flags/)
  assert.throws(
    () => iouLoss(g, { predicted: t(2, 3), perMask: t(2, 3), weights: t(2, 3), coefficient: 1 }),
    /statistics/,
  )
  assert.throws(() => addLosses(g, []), /no loss/)
})

test.run()
