/** @file The end of a training: the strength of its adapter, the comparison with the base model, the generator's thresholds. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { train, Trainer } from '../../../engine/finetune/trainer'
import type { Adapter } from '../../../engine/train/adapter'
import type { TrainOptions } from '../../../engine/finetune/train-options'
import { generate } from '../../../engine/generate/generate'
import { attachAdapter } from '../../../engine/train/attach-adapter'
import { discSamples } from '../../hosts/train-as-embedder'
import { openToy } from '../../support/toy'

const model = await openToy('toy_tiny_vit', 64)
const samples = discSamples()
// fast, so that the masks change
const options: TrainOptions = {
  ...{ batch: 2, maxSteps: 3, average: 0, seed: 3, prompts: { count: 3 } },
  lora: { rank: 4, targets: ['q', 'v'] },
  optimizer: { learningRate: 0.02 },
  schedule: { kind: 'constant', warmup: 0 },
  validation: { every: 3 },
  validationSamples: samples.slice(1),
  foreignSamples: samples.slice(0, 1),
  comparedScenes: 1,
  tuneImages: 1,
}
/** As it was trained, without measurements at the end. */
const full = await train(model, samples, { ...options, strength: 'full', tuneImages: 0 })
const matrices = ({ adapter }: { adapter: unknown }) => [...(adapter as Adapter).tensors.targets.values()]

test('the strength that is chosen is in the adapter, with the scores of every source', async () => {
  const stages: string[] = []
  const onMeasure: TrainOptions['onMeasure'] = ({ measuring, done, total }) => {
    assert.ok(done >= 0 && done <= total)
    if (stages.at(-1) !== measuring) stages.push(measuring)
  }
  const found = await train(model, samples, { ...options, onMeasure })
  assert.equal(stages, ['strength', 'thresholds'])
  assert.is(full.profile.strength, undefined)
  const { value, sources } = found.profile.strength!
  assert.ok([0.25, 0.5, 0.75, 1].includes(value))
  assert.equal(
    sources.map(({ name, foreign, images }) => [name, foreign, images]),
    [
      ['validation images', false, 1],
      ['foreign images', true, 1],
      ['synthetic scenes', true, 1],
    ],
  )
  for (const { base, adapter, head } of sources)
    for (const score of [base.point, base.box, adapter.point, adapter.box, head!]) assert.ok(score >= 0 && score <= 1)
  // the base model is the one before the first step, which was validated on the same image
  const { point, box } = sources[0].base
  assert.ok(Math.abs((point + box) / 2 - found.base!) < 1e-9, `${point} ${box} ${found.base}`)
  assert.not.equal(sources[0].adapter, sources[0].base)
  matrices(found).forEach(({ A, B }, i) => {
    assert.equal(A, matrices(full)[i].A)
    assert.equal(B, matrices(full)[i].B.map((x) => value * x)) // prettier-ignore
  })
  assert.is(found.profile.size, 64)
  assert.equal(found.profile.diameters, found.diameters)
})

test('a pause in the measurements repeats them with the same result; the checkpoint is that of the last step', async () => {
  let pauses = 2
  const short = { ...options, foreignSamples: [], comparedScenes: 0 }
  const trainer = await Trainer.create(model, samples, {
    ...short,
    onMeasure: ({ measuring }) => {
      if (pauses && measuring === (pauses === 2 ? 'strength' : 'thresholds')) (trainer.pause(), pauses--)
    },
  })
  assert.not(await trainer.run())
  const early = await trainer.checkpoint()
  assert.not(await trainer.run())
  assert.ok(await trainer.run())
  assert.is(pauses, 0)
  assert.equal(await trainer.checkpoint(), early)
  const { adapter, profile } = await trainer.result()
  trainer.destroy()
  const resumed = await train(model, samples, { ...short, resume: early })
  assert.equal(resumed.adapter, adapter)
  assert.equal(resumed.profile, profile)
})

test('thresholds of a profile are used by generate, for the prompts that they were tuned for', async () => {
  const { adapter, head, diameters } = full
  const attached = await attachAdapter(model, adapter, head)
  const kept = async (prompts: 'learned' | 'grid', own: object = {}) => {
    const stored = { part: 'val', images: 1, instances: 1, pointsPerSide: 4, f1: { before: 0, after: 1 } } as const
    const thresholds = { ...stored, prompts, predIouThresh: 0, stabilityScoreThresh: 0, relativeScoreThresh: 0 }
    const profile = { size: 64, diameters, thresholds }
    const settings = { pointsPerSide: 4, prompts: 'grid', maxArea: 1, dropFrames: false, ...own } as const
    return (await generate(model, samples[0].image, { ...settings, profile })).masks.length
  }
  const found = await kept('grid')
  assert.ok(found > 0)
  const usual = await kept('learned')
  assert.ok(usual < found, 'the defaults are stricter')
  assert.is(await kept('grid', { predIouThresh: 0.88, stabilityScoreThresh: 0.95 }), usual, 'options win')
  attached.release()
})

test.run()
