/** @file The prompt head's loss and its gradient against a float64 reference. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Graph } from '../../../engine/graph/graph'
import { headLoss } from '../../../engine/ops/head-loss'
import { addProduct } from '../../../engine/ops/pointwise'
import { checkOp } from '../../support/check-op'
import { engine } from '../../support/engine'
import { randomArray } from '../../support/random'

const EMPHASIS = [0, 4, 1.5] as const

/** Targets in [0, 1] of which some are exactly 0 or 1; every cell for which `beyond` holds has none. */
function targetsOf(cells: number, beyond: (cell: number) => boolean): Float32Array {
  return randomArray(8, 3 * cells).map((v, i) => (beyond(Math.floor(i / 3)) ? -1 : Math.max(0, Math.min(1, 0.5 + v))))
}

function reference(logits: ArrayLike<number>, targets: ArrayLike<number>, images: number): number {
  const cells = logits.length / 3 / images
  let total = 0
  for (let image = 0; image < images; image++)
    for (let map = 0; map < 3; map++) {
      let [loss, weight] = [0, 0]
      for (let cell = 0; cell < cells; cell++) {
        const i = (image * cells + cell) * 3 + map
        const [x, t] = [logits[i], targets[i]]
        if (t < 0) continue
        const w = 1 + EMPHASIS[map] * t
        loss += w * (Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))))
        weight += w
      }
      if (weight) total += loss / weight
    }
  return total / 3 / images
}

test('the loss and its gradient, of one cell, of many parts, with cells beyond the image and an image without cells', async () => {
  for (const [images, cells, beyond] of [
    [1, 1, () => false],
    [3, 37, (cell: number) => cell % 5 === 2],
    [2, 9000, (cell: number) => cell % 9000 > 7777],
    [2, 20, (cell: number) => cell >= 20],
  ] as const)
    await checkOp({
      inputs: {
        logits: { shape: [images * cells, 3], data: randomArray(5, 3 * images * cells, 4), grad: true },
        targets: { shape: [images * cells, 3], data: targetsOf(images * cells, beyond) },
      },
      build: (g, { logits, targets }) => headLoss(g, { logits, targets, images, emphasis: EMPHASIS }),
      reference: ({ logits, targets }) => [reference(logits, targets, images)],
      samples: 20,
    })
})

/** The loss and its gradient for given values. */
async function run(logits: Float32Array, targets: Float32Array, images: number) {
  const g = new Graph(engine, true)
  const x = g.input('logits', [logits.length / 3, 3])
  x.requiresGrad = true
  const t = g.input('targets', x.shape)
  const upstream = g.input('upstream', [1])
  const loss = g.keep(headLoss(g, { logits: x, targets: t, images, emphasis: EMPHASIS }))
  const sum = engine.persistent('optimizer', 'sum', [1])
  addProduct(g, loss, upstream, { tensor: sum, accumulate: 1 })
  g.backward(loss, upstream)
  const gradient = g.keep(g.gradientOf(x)!)
  const program = await g.compile()
  program.poison()
  program.write(x, logits)
  program.write(t, targets)
  program.write(upstream, Float32Array.of(1))
  program.run()
  const result = { loss: (await program.read(loss))[0], gradient: await program.read(gradient) }
  program.destroy()
  engine.release(sum)
  return result
}

test('cells beyond the image may have any logits, and large logits are exact', async () => {
  const cells = 5000
  const targets = targetsOf(cells, (cell) => cell % 3 === 0)
  const logits = randomArray(6, 3 * cells, 60)
  const clean = await run(logits, targets, 1)
  const expected = reference(logits, targets, 1)
  assert.ok(Math.abs(clean.loss / expected - 1) < 1e-6, `${clean.loss} for ${expected}`)
  const wild = logits.map((v, i) => (targets[i] < 0 ? (i % 2 ? NaN : Infinity) : v))
  const same = await run(wild, targets, 1)
  assert.equal(same, clean)
  assert.ok(same.gradient.every((v, i) => (targets[i] < 0 ? v === 0 : Number.isFinite(v))))
  assert.equal(await run(logits, targets, 1), clean, 'the same bits each time')
})

test('the loss of several images is the mean of theirs, however many cells each has', async () => {
  const cells = 40
  const targets = targetsOf(2 * cells, (cell) => cell > 45)
  const logits = randomArray(7, 6 * cells, 2)
  const both = await run(logits, targets, 2)
  const parts = []
  for (const i of [0, 1])
    parts.push(
      await run(logits.slice(3 * cells * i, 3 * cells * (i + 1)), targets.slice(3 * cells * i, 3 * cells * (i + 1)), 1),
    )
  assert.ok(Math.abs(both.loss - (parts[0].loss + parts[1].loss) / 2) < 1e-6)
})

test('sizes that do not fit are refused', () => {
  const g = new Graph(engine)
  const t = (...shape: number[]) => g.input('t', shape)
  assert.throws(() => headLoss(g, { logits: t(8, 3), targets: t(9, 3), images: 1, emphasis: EMPHASIS }), /three maps/)
  assert.throws(() => headLoss(g, { logits: t(8, 3), targets: t(8, 3), images: 3, emphasis: EMPHASIS }), /three maps/)
  assert.throws(() => headLoss(g, { logits: t(8, 4), targets: t(8, 4), images: 1, emphasis: EMPHASIS }), /three maps/)
})

test.run()
