/**
 * @file The optimiser against a float64 reference of torch.optim.Adam and AdamW, and its check for non-finite
 * gradients.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import {
  type OptimizerConfig,
  averageDecay,
  defaultOptimizer,
  optimizerReport,
  optimizerState,
  recordExchange,
  recordOptimizerStep,
} from '../../../engine/train/adam'
import { ParameterSet, type ParameterSpec } from '../../../engine/train/parameters'
import { engine } from '../../support/engine'
import { randomArray, relativeError } from '../../support/random'

const SIZES = [1, 64, 65, 777, 3000]
const LOSSES = Float32Array.of(2, 5)

async function trainer(
  config: Partial<OptimizerConfig>,
  sizes = SIZES,
  maxBytes?: number,
  seed = 1,
  updates: readonly Pick<ParameterSpec, 'decays' | 'rate'>[] = [],
) {
  const settings = { ...defaultOptimizer, ...config }
  const specs = sizes.map((size, i): ParameterSpec => ({
    name: `p${i}`,
    shape: [size],
    init: randomArray(seed + i, size),
    ...updates[i],
  }))
  const parameters = new ParameterSet(engine, specs, maxBytes, !!settings.average)
  const g = new Graph(engine)
  const losses = g.input('losses', [2])
  const { state, report } = recordOptimizerStep(g, parameters, settings, losses)
  const program = await g.compile()
  program.poison()
  let t = 0
  return {
    settings,
    specs,
    parameters,
    async step(gradients: Float32Array[], rate: number, scale = 1) {
      gradients.forEach((data, i) => engine.write(parameters.get(`p${i}`).grad!, data))
      program.write(losses, LOSSES)
      program.write(state, optimizerState(settings, ++t, rate, scale))
      program.run()
      return optimizerReport(await engine.read(report), 2)
    },
    end() {
      program.destroy()
      parameters.release()
      engine.release(report)
    },
  }
}

type Trainer = Awaited<ReturnType<typeof trainer>>

/** torch.optim.Adam and AdamW after clip_grad_norm_, in float64. */
function reference({ settings, specs }: Trainer, steps: { gradients: Float32Array[]; rate: number; scale: number }[]) {
  const { algorithm, betas, eps, weightDecay, maxNorm } = settings
  const values = specs.map(({ init }) => Float64Array.from(init))
  const m = values.map((x) => new Float64Array(x.length))
  const v = values.map((x) => new Float64Array(x.length))
  steps.forEach(({ gradients, rate, scale }, k) => {
    const norm = scale * Math.sqrt(gradients.reduce((s, g) => g.reduce((a, x) => a + x * x, s), 0))
    const clip = maxNorm ? Math.min(1, maxNorm / (norm + 1e-6)) : 1
    values.forEach((x, p) => {
      const { decays = true, rate: factor = 1 } = specs[p]
      const [own, decay] = [factor * rate, decays ? weightDecay : 0]
      for (let i = 0; i < x.length; i++) {
        let gradient = gradients[p][i] * scale * clip
        if (algorithm === 'adamw') x[i] *= 1 - own * decay
        else gradient += decay * x[i]
        m[p][i] = betas[0] * m[p][i] + (1 - betas[0]) * gradient
        v[p][i] = betas[1] * v[p][i] + (1 - betas[1]) * gradient ** 2
        const first = m[p][i] / (1 - betas[0] ** (k + 1))
        const second = v[p][i] / (1 - betas[1] ** (k + 1))
        x[i] -= (own * first) / (Math.sqrt(second) + eps)
      }
    })
  })
  return { values, m, v }
}

const flat = (parts: ArrayLike<number>[]) => parts.flatMap((p) => Array.from(p))
const randomGradients = (seed: number, sizes = SIZES) => sizes.map((size, i) => randomArray(seed + i, size, 0.3))

test('three steps of Adam and AdamW, clipped or not, in one arena or many', async () => {
  const betas = [0.8, 0.97] as const
  for (const algorithm of ['adam', 'adamw'] as const)
    for (const maxNorm of [0, 0.5])
      for (const maxBytes of [undefined, 3072 * 4]) {
        const trained = await trainer({ algorithm, betas, weightDecay: 0.1, maxNorm }, SIZES, maxBytes)
        assert.is(trained.parameters.chunks.length, maxBytes ? 2 : 1)
        const steps = [1, 2, 3].map((k) => ({ gradients: randomGradients(10 * k), rate: 0.01 * k, scale: 1 / k }))
        for (const { gradients, rate, scale } of steps) {
          const report = await trained.step(gradients, rate, scale)
          const norm = scale * Math.sqrt(flat(gradients).reduce((s, x) => s + x * x, 0))
          assert.ok(Math.abs(report.norm - norm) < 1e-6 * norm, `norm ${report.norm} for ${norm}`)
          const clip = maxNorm ? Math.min(1, maxNorm / norm) : 1
          assert.ok(Math.abs(report.clip - clip) < 1e-5, `clip ${report.clip} for ${clip}`)
          assert.not(report.skipped)
        }
        const expected = reference(trained, steps)
        const got = await trained.parameters.download()
        assert.equal(
          got.map(({ name }) => name),
          trained.parameters.names,
        )
        for (const part of ['values', 'm', 'v'] as const) {
          const error = relativeError(flat(got.map((s) => s[part])), flat(expected[part]))
          assert.ok(error < 1e-6, `${algorithm}, norm ${maxNorm}: ${part} off by ${error}`)
        }
        trained.end()
      }
})

test('parameters have learning rates and weight decay of their own', async () => {
  const updates = [{}, { rate: 4 }, { rate: 4, decays: false }, { rate: 4, decays: false }, { rate: 0.5 }]
  for (const algorithm of ['adam', 'adamw'] as const) {
    const trained = await trainer({ algorithm, weightDecay: 0.1, maxNorm: 0.5 }, SIZES, undefined, 1, updates)
    assert.equal(
      trained.parameters.chunks.map(({ rate, decays }) => [rate, decays]),
      [
        [1, true],
        [4, true],
        [4, false],
        [0.5, true],
      ],
    )
    const steps = [1, 2].map((k) => ({ gradients: randomGradients(10 * k), rate: 0.01 * k, scale: 1 }))
    for (const { gradients, rate } of steps) await trained.step(gradients, rate)
    const got = await trained.parameters.download()
    const { values } = reference(trained, steps)
    got.forEach((state, p) => {
      const error = relativeError([...state.values], [...values[p]])
      assert.ok(error < 1e-6, `${algorithm}: ${state.name} off by ${error}`)
    })
    trained.end()
  }
})

test('moving averages of the values, with a decay that grows, in one arena or many', async () => {
  for (const maxBytes of [undefined, 3072 * 4])
    for (const most of [0.6, 0.999]) {
      const trained = await trainer({ average: most, weightDecay: 0.1 }, SIZES, maxBytes)
      const expected = trained.specs.map(({ init }) => Float64Array.from(init))
      const decays = [0, 1 / 10, 2 / 11, 3 / 12]
      for (const decay of decays) {
        await trained.step(randomGradients(1 + 10 * decay), 0.05)
        const values = (await trained.parameters.download()).map(({ values }) => values)
        expected.forEach((a, p) => a.forEach((x, i) => (a[i] = decay * x + (1 - decay) * values[p][i])))
      }
      const averages = (await trained.parameters.download()).map(({ average }) => average!)
      assert.ok(relativeError(flat(averages), flat(expected)) < 1e-6)
      assert.ok(relativeError(flat(averages), flat((await trained.parameters.download()).map((s) => s.values))) > 1e-3)
      trained.end()
    }
  assert.equal(
    [1, 2, 10, 19, 100000].map((step) => averageDecay(0.6, step)),
    [0, 0.1, 0.5, 0.6, 0.6],
  )
  assert.is(averageDecay(0.999, 100000), 0.999)
  assert.is(averageDecay(0, 50), 0, 'the average is the last value')
})

test('an exchange of values and averages, twice, leaves both as they were; a skipped step leaves the average', async () => {
  const trained = await trainer({ average: 0.9 }, SIZES, 3072 * 4)
  await trained.step(randomGradients(3), 0.1)
  await trained.step(randomGradients(4), 0.1)
  const before = await trained.parameters.download()
  const gradients = randomGradients(5)
  gradients[1][3] = NaN
  assert.ok((await trained.step(gradients, 0.1)).skipped)
  assert.equal(await trained.parameters.download(), before)
  const g = new Graph(engine)
  recordExchange(g, trained.parameters)
  const program = await g.compile()
  program.run()
  const exchanged = before.map((s) => ({ ...s, values: s.average!, average: s.values }))
  assert.equal(await trained.parameters.download(), exchanged)
  program.run()
  assert.equal(await trained.parameters.download(), before)
  trained.parameters.upload(exchanged)
  assert.equal(await trained.parameters.download(), exchanged)
  const without = before.map(({ average: _, ...state }) => state)
  assert.throws(() => trained.parameters.upload(without), /needs its average/)
  program.destroy()
  trained.end()
})

test('one step, by hand', async () => {
  // the first step moves every value by the learning rate against its gradient's sign, however large the gradient
  const plain = await trainer({ algorithm: 'adam' }, [3])
  const start = plain.specs[0].init
  await plain.step([Float32Array.of(5, -0.001, 0)], 0.1)
  const [{ values, m, v }] = await plain.parameters.download()
  const moved = Array.from(values, (x, i) => x - start[i])
  ;[-0.1, 0.1, 0].forEach((d, i) => assert.ok(Math.abs(moved[i] - d) < 2e-6, `${moved[i]} for ${d}`))
  assert.ok(Math.abs(m[0] - 0.5) < 1e-6 && Math.abs(v[0] - 0.025) < 1e-7)
  plain.end()
  // decoupled decay alone shrinks; Adam's decay alone is a gradient, whose size does not matter in the first step
  const shrunk = await trainer({ algorithm: 'adamw', weightDecay: 0.5 }, [3])
  await shrunk.step([new Float32Array(3)], 0.1)
  const [after] = await shrunk.parameters.download()
  after.values.forEach((x, i) => assert.ok(Math.abs(x - 0.95 * start[i]) < 1e-7))
  assert.equal([...after.m], [0, 0, 0])
  shrunk.end()
})

test('a gradient that is not finite changes nothing and is reported', async () => {
  for (const algorithm of ['adam', 'adamw'] as const) {
    const trained = await trainer({ algorithm, weightDecay: 0.1, maxNorm: 1 })
    await trained.step(randomGradients(3), 0.01)
    const before = await trained.parameters.download()
    // 3e38 is finite, its square is not
    const cases = [NaN, Infinity, -Infinity, 3e38]
    for (const [k, bad] of cases.entries()) {
      const gradients = randomGradients(20)
      gradients[3][500] = bad
      gradients[0][0] = bad
      const report = await trained.step(gradients, 0.01)
      assert.is(report.skipped, true)
      assert.is(report.nonFinite, Number.isFinite(bad) ? 0 : 2)
      assert.is(report.skippedSteps, k + 1)
      assert.is(report.steps, k + 2)
      assert.equal(report.losses, [2, 5], 'means over the steps that counted')
      assert.equal(await trained.parameters.download(), before)
    }
    const report = await trained.step(randomGradients(20), 0.01)
    assert.is(report.skipped, false)
    assert.equal(report.losses, [2, 5])
    assert.not.equal(await trained.parameters.download(), before)
    trained.end()
  }
})

test('the same bits on every run', async () => {
  const runs = []
  for (let run = 0; run < 2; run++) {
    const trained = await trainer({ weightDecay: 0.01, maxNorm: 0.1 }, [200_001, 70])
    for (const seed of [5, 6]) await trained.step(randomGradients(seed, [200_001, 70]), 1e-3)
    runs.push(await trained.parameters.download())
    trained.end()
  }
  assert.equal(runs[0], runs[1])
})

test('settings and states out of range are rejected', async () => {
  const bad: [Partial<OptimizerConfig>, RegExp][] = [
    [{ algorithm: 'sgd' as 'adam' }, /sgd/],
    [{ betas: [0.9, 1] }, /betas/],
    [{ eps: 0 }, /eps/],
    [{ weightDecay: -1 }, /decay/],
    [{ maxNorm: NaN }, /norm/],
    [{ average: 1 }, /average 1/],
    [{ average: 0.9 }, /made without averages/],
  ]
  const parameters = new ParameterSet(engine, [{ name: 'p', shape: [2], init: new Float32Array(2) }])
  for (const [config, message] of bad)
    assert.throws(() => recordOptimizerStep(new Graph(engine), parameters, { ...defaultOptimizer, ...config }), message)
  assert.throws(() => optimizerState(defaultOptimizer, 0, 1e-3), /from 1/)
  assert.throws(() => optimizerState(defaultOptimizer, 1, NaN), /learning rate/)
  assert.throws(() => recordExchange(new Graph(engine), parameters), /made without averages/)
  parameters.release()
})

test.run()
