import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { boundaryWeights } from '../../../engine/ops/boundary-weights'
import { maskStatistics, weightedMaskLoss } from '../../../engine/ops/mask-loss'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

/** The weights of one mask in float64. */
function reference(targets: ArrayLike<number>, side: number, boundary: number): Float64Array {
  const taps = Array.from({ length: 9 }, (_, i) => Math.exp(-((i - 4) ** 2) / (2 * 1.5 ** 2)))
  const total = taps.reduce((a, b) => a + b)
  const clamp = (v: number) => Math.max(0, Math.min(side - 1, v))
  const near = Float64Array.from({ length: side * side }, (_, i) => {
    let m = 0
    for (let dy = -4; dy <= 4; dy++)
      for (let dx = -4; dx <= 4; dx++)
        m +=
          ((taps[dy + 4] * taps[dx + 4]) / total ** 2) *
          targets[clamp(Math.floor(i / side) + dy) * side + clamp((i % side) + dx)]
    return 1 + boundary * 4 * m * (1 - m)
  })
  const mean = near.reduce((a, b) => a + b) / near.length
  return near.map((w) => w / mean)
}

async function weightsOf(targets: Float32Array, prompts: number, boundary: number): Promise<Float32Array> {
  const g = new Graph(engine)
  const t = g.input('targets', [prompts, targets.length / prompts])
  const out = g.keep(boundaryWeights(g, { targets: t, boundary }))
  const program = await g.compile()
  program.poison()
  program.write(t, targets)
  program.run()
  const weights = await program.read(out)
  program.destroy()
  return weights
}

/** Disks of a target's soft areas, one a mask. */
const disks = (side: number, radii: number[]) =>
  Float32Array.from(radii.flatMap((r) => Array.from({ length: side * side }, (_, i) => disk(side, r, i))))
const disk = (side: number, r: number, i: number) =>
  Math.max(0, Math.min(1, r + 0.5 - Math.hypot((i % side) - side / 2, Math.floor(i / side) - side / 3)))

test('weights of random and of disk-shaped targets, small and odd sides', async () => {
  for (const [side, boundary] of [
    [1, 3],
    [5, 0.5],
    [17, 4],
    [64, 10],
  ]) {
    const targets = Float32Array.from([
      ...randomArray(3, side * side).map((v) => (v + 1) / 2),
      ...disks(side, [0.6, side / 4]),
    ])
    const weights = await weightsOf(targets, 3, boundary)
    for (let p = 0; p < 3; p++) {
      const n = side * side
      const expected = reference(targets.subarray(p * n, (p + 1) * n), side, boundary)
      // m (1 - m) loses digits where m is near 1
      const limit = 1e-6 * (1 + boundary)
      expected.forEach((w, i) => {
        const got = weights[p * n + i]
        assert.ok(Math.abs(got - w) < limit, `side ${side}, mask ${p}: ${got} for ${w}`)
      })
    }
  }
})

test('an outline weighs 1 + boundary times what is far from it, inside and outside; without one all weights are 1', async () => {
  const side = 40
  const half = Float32Array.from({ length: side * side }, (_, i) => (i % side < 20 ? 1 : i % side === 20 ? 0.5 : 0))
  const weights = await weightsOf(Float32Array.from([...half, ...new Float32Array(side * side)]), 2, 4)
  const across = weights.subarray(7 * side, 8 * side)
  assert.ok(Math.abs(across[20] / across[0] - 5) < 1e-5)
  assert.ok(Math.abs(across[39] / across[0] - 1) < 1e-6)
  for (let d = 1; d < 6; d++) {
    assert.ok(across[20 + d] <= across[19 + d] && across[20 - d] <= across[21 - d], 'falls with the distance')
    assert.ok(Math.abs(across[20 + d] - across[20 - d]) < 1e-5, 'the same on both sides')
  }
  assert.ok(across[25] / across[0] < 1.05)
  assert.ok(weights.subarray(side * side).every((w) => w === 1))
})

test('the loss with weighted pixels and its gradient, against finite differences', async () => {
  const [prompts, masks, side] = [2, 3, 9]
  const n = side * side
  const soft = disks(side, [2.2, 3.4])
  const perMaskWeights = Float32Array.of(0.5, 0, 1.2, 0.3, 0.8, 0)
  await checkOp({
    inputs: {
      logits: { shape: [prompts, masks, n], grad: true, data: randomArray(5, prompts * masks * n, 2) },
      targets: { shape: [prompts, n], data: soft },
      weights: { shape: [prompts, masks], data: perMaskWeights },
    },
    samples: 200,
    build: (g, { logits, targets, weights }) => {
      const inputs = { logits, targets, pixelWeights: boundaryWeights(g, { targets, boundary: 6 }) }
      const perMask = maskStatistics(g, inputs)
      return weightedMaskLoss(g, { ...inputs, perMask, weights, dice: 0.4, bce: 1.7 })
    },
    reference: ({ logits, targets, weights }) => {
      let loss = 0
      for (let mask = 0; mask < prompts * masks; mask++) {
        const wanted = targets.subarray(Math.floor(mask / masks) * n, (Math.floor(mask / masks) + 1) * n)
        const pixels = reference(wanted, side, 6)
        let [both, areas, bce] = [0, 0, 0]
        wanted.forEach((t, i) => {
          const x = logits[mask * n + i]
          const p = 1 / (1 + Math.exp(-x))
          both += p * t
          areas += p + t
          bce += (pixels[i] * (Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))))) / n
        })
        loss += weights[mask] * (0.4 * (1 - (2 * both + 1) / (areas + 1)) + 1.7 * bce)
      }
      return [loss]
    },
  })
})

test('the same bits on every run', async () => {
  const targets = disks(48, [5, 11])
  assert.equal(await weightsOf(targets, 2, 3), await weightsOf(targets, 2, 3))
})

test('targets that are not square, and a boundary of 0, are refused', () => {
  const g = new Graph(engine)
  const t = (...shape: number[]) => g.input('t', shape)
  assert.throws(() => boundaryWeights(g, { targets: t(2, 12), boundary: 1 }), /side²/)
  assert.throws(() => boundaryWeights(g, { targets: t(36), boundary: 1 }), /side²/)
  for (const boundary of [0, -1, NaN, Infinity])
    assert.throws(() => boundaryWeights(g, { targets: t(2, 9), boundary }), /above 0/)
  const inputs = { logits: t(2, 3, 9), targets: t(2, 9), pixelWeights: t(2, 8) }
  assert.throws(() => maskStatistics(g, inputs), /pixel weights/)
})

test.run()
