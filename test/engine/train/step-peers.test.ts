/** @file A training step whose micro-batches are divided among processes: here several steps on one device that meet in memory. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultOptimizer } from '../../../engine/train/adam'
import { shareWords } from '../../../engine/train/step-peers'
import { type MicroBatch, type StepConfig, type StepReport, TrainingStep } from '../../../engine/train/training-step'
import { localPeers } from '../../support/local-peers'
import { relativeError } from '../../support/random'
import { adapt, openToy, toyBatch } from '../../support/toy'

const model = await openToy('toy_tiny_vit', 48)

async function trainer() {
  const { adapter, parameters } = adapt(model, { targets: ['q', 'v', 'decoder.v'] }, true, false)
  const config: StepConfig = {
    ...{ microBatch: 1, prompts: 3, slots: 3, loss: { dice: 1, bce: 1, iou: 0.5 } },
    optimizer: { ...defaultOptimizer, algorithm: 'adamw', maxNorm: 1 },
  }
  const step = await TrainingStep.create(model, parameters, config)
  adapter.detach()
  return {
    step,
    values: async () => (await parameters.download()).flatMap(({ values }) => [...values]),
    end: () => (step.destroy(), adapter.release(), parameters.release()),
  }
}

/** One after the other: a model has one adapter at a time while a step is recorded. */
async function trainers(n: number) {
  const made: Awaited<ReturnType<typeof trainer>>[] = []
  while (made.length < n) made.push(await trainer())
  return made
}

/** Images with different numbers of prompts, so that the mean over a rank's prompts is not the mean over all. */
const batches = (seed: number) => [3, 1, 2].map((count, i) => toyBatch(model, seed + 7 * i, [count], 3))

/**
 * Takes steps whose images are divided: `shares` images at each rank.
 * @param groupBytes of each rank, see TrainingStep
 */
async function divided(shares: number[], steps: MicroBatch[][], groupBytes: number[] = []) {
  const peers = localPeers(shares.length)
  const ranks = await trainers(peers.length)
  ranks.forEach(({ step }, r) => (step.groupBytes = groupBytes[r]))
  const { sum } = peers[0]
  const exchanged: number[] = []
  peers[0].sum = (values) => (exchanged.push(values.length), sum(values))
  const reports = await Promise.all(
    peers.map(async (one, r) => {
      const first = shares.slice(0, r).reduce((a, b) => a + b, 0)
      const made: StepReport[] = []
      for (const images of steps) {
        await ranks[r].step.runWith(one, images.slice(first, first + shares[r]), 1e-2)
        made.push(await ranks[r].step.report())
      }
      return made
    }),
  )
  const values = await Promise.all(ranks.map(({ values }) => values()))
  for (const rank of ranks) rank.end()
  return { reports, values, exchanged }
}

test('ranks that share the images of steps learn what one rank learns from all of them', async () => {
  const steps = [batches(20), batches(60)]
  const whole = await trainer()
  const reports: StepReport[] = []
  for (const images of steps) {
    whole.step.run(images, 1e-2)
    reports.push(await whole.step.report())
  }
  const alone = await whole.values()
  whole.end()
  for (const shares of [
    [2, 1],
    [1, 1, 1],
  ]) {
    const one = await divided(shares, steps)
    assert.ok(relativeError(one.values[0], alone) < 1e-5, `relative error ${relativeError(one.values[0], alone)}`)
    one.reports[0].forEach((report, i) => {
      assert.ok(Math.abs(report.loss - reports[i].loss) < 1e-5)
      assert.ok(Math.abs(report.gradientNorm / reports[i].gradientNorm - 1) < 1e-4)
    })
    // every rank has the same bits, and has them again
    for (const values of one.values) assert.equal(values, one.values[0])
    for (const report of one.reports) assert.equal(report, one.reports[0])
    assert.equal((await divided(shares, steps)).values[0], one.values[0])
  }
})

test('gradients that are exchanged in groups during the backward pass give the bits of those exchanged after it', async () => {
  const steps = [batches(20), batches(60)]
  const whole = await divided([2, 1], steps, [Infinity, Infinity])
  assert.is(whole.exchanged.length, 2)
  const groups = await divided([2, 1], steps, [4, 4])
  assert.ok(groups.exchanged.length > 8, `${groups.exchanged.length} exchanges`)
  const total = (counts: number[]) => counts.reduce((a, b) => a + b, 0)
  assert.is(total(groups.exchanged), total(whole.exchanged))
  assert.equal(groups.values, whole.values)
  assert.equal(groups.reports, whole.reports)
})

test('ranks that would form other groups exchange all gradients at once', async () => {
  const steps = [batches(20)]
  const whole = await divided([2, 1], steps, [Infinity, Infinity])
  const differing = await divided([2, 1], steps, [4, 1 << 14])
  assert.equal(differing.exchanged, whole.exchanged)
  assert.equal(differing.values, whole.values)
})

test('pixels that are no numbers at one rank make all ranks skip the update, and say where they were', async () => {
  const [first, second, third] = batches(20)
  const spoilt = { ...second, images: second.images.slice() }
  spoilt.images[5] = NaN
  const before = await divided([1, 1, 1], [])
  const { reports, values } = await divided([1, 1, 1], [[first, spoilt, third]])
  for (const [report] of reports) {
    assert.is(report.skipped, true)
    assert.is(report.origin?.where, 'pixels of image 2 of the batch')
  }
  for (const one of values) assert.equal(one, before.values[0])
})

test('words travel unchanged', async () => {
  const peers = localPeers(2)
  const words = Uint32Array.of(0, 1, 0xffffffff, 0x80000001, 0x7f800000)
  const [a, b] = await Promise.all(peers.map((peer, r) => shareWords(peer, r ? words : new Uint32Array(5), 1)))
  assert.equal([...a], [...words])
  assert.equal([...b], [...words])
})

test('a step without any prompt is refused at every rank', async () => {
  const empty = toyBatch(model, 3, [0], 3)
  const peers = localPeers(2)
  const ranks = await trainers(peers.length)
  const refused = await Promise.all(peers.map((one, r) => ranks[r].step.runWith(one, [empty], 1e-2).catch(String)))
  for (const text of refused) assert.match(String(text), /at least one prompt/)
  for (const rank of ranks) rank.end()
})

test.run()
