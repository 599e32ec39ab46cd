/** Cached features of the frozen first blocks: a step that starts from them equals a step with the whole encoder. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Graph } from '../../../engine/graph/graph'
import { defaultOptimizer } from '../../../engine/train/adam'
import type { LoraConfig, LoraTarget } from '../../../engine/train/lora'
import { type StepConfig, TrainingStep } from '../../../engine/train/training-step'
import type { Batch } from '../../../engine/finetune/batches'
import type { RawConfig } from '../../../src/training/config'
import { openEngine } from '../../../src/host/gpu'
import { FeatureCache, FrozenEncoder } from '../../../engine/finetune/feature-cache'
import { train } from '../../../src/training/train'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { openSession, planSession } from '../../../src/training/session'
import { engine } from '../../support/engine'
import { adaptKind, openToy, asBytes, toyBatch } from '../../support/toy'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'

const models = { toy_vit: await openToy('toy_vit', 48), toy_tiny_vit: await openToy('toy_tiny_vit', 48) }
type Name = keyof typeof models

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

const asTheyAre = toyConfig(data, { augment: false })
const varied = toyConfig(data)

/** Runs three steps on the same two micro-batches, with or without the encoder's frozen parts; returns all results. */
async function steps(
  name: Name,
  kind: 'lora' | 'full',
  over: Partial<LoraConfig>,
  kept: boolean,
  more: Partial<StepConfig> = {},
) {
  const model = models[name]
  const { parameters, record, end } = await adaptKind(model, kind, over)
  const cache = new FeatureCache()
  const frozen = kept ? await FrozenEncoder.open(model, asTheyAre, cache) : null
  const config = {
    microBatch: 2,
    prompts: 2,
    slots: 3,
    loss: { dice: 1, bce: 1, iou: 0.5 },
    frozen: frozen?.parts,
    inputs: 'bytes' as const,
    ...more,
  }
  const step = await TrainingStep.create(model, parameters, { ...config, optimizer: defaultOptimizer }, record)
  const batch = {
    microBatches: [toyBatch(model, 20, [2, 1], 2), toyBatch(model, 31, [1, 2], 2)].map(asBytes),
    ids: ['a', 'b', 'c', 'd'],
  } as Batch
  const reports = []
  for (let i = 0; i < 3; i++) {
    step.poison()
    step.run((await frozen?.encode(batch)) ?? batch.microBatches, 1e-2)
    reports.push(await step.report())
  }
  const states = await parameters.download()
  const { plan } = step
  step.destroy()
  frozen?.destroy()
  end()
  return { plan, parts: frozen?.parts ?? 0, encoded: cache.encoded, bits: { reports, states } }
}

/** The number of dispatches of the encoder up to a part, if nothing in it is trained. */
function dispatchesUpTo(name: Name, end: number): number {
  const { inputSize: size, encodeUpTo } = models[name]
  const g = new Graph(engine)
  encodeUpTo.call(models[name], g, g.input('raw', [2, size, size, 3]), g.input('sizes', [2, 2]), end)
  return g.dispatches.length
}

test('a step that starts at the first trained block has the losses, moments and values of the whole step to the bit', async () => {
  const cases: [Name, 'lora' | 'full', Partial<LoraConfig>, string | undefined][] = [
    ['toy_vit', 'lora', { blocks: ['1', '2'], targets: ['q', 'v', 'lin2', 'decoder.v'] }, 'image_encoder.blocks.1'],
    ['toy_vit', 'full', { blocks: ['2'], targets: ['proj', 'k'] }, 'image_encoder.blocks.2'],
    ['toy_tiny_vit', 'lora', { blocks: ['layers.3.blocks.0'] }, 'image_encoder.layers.3.blocks.0'],
    ['toy_tiny_vit', 'full', { blocks: ['layers.2.blocks.1'], targets: ['lin1'] }, 'image_encoder.layers.2.blocks.1'],
    // there are no adapters in TinyViT's convolutions: with all blocks adapted they are still frozen
    ['toy_tiny_vit', 'lora', {}, 'image_encoder.layers.1.blocks.0'],
    ['toy_tiny_vit', 'lora', { targets: ['decoder.q'] }, undefined],
  ]
  for (const [name, kind, over, path] of cases) {
    const what = `${name}, ${kind}, ${JSON.stringify(over)}`
    const whole = await steps(name, kind, over, false)
    const short = await steps(name, kind, over, true)
    assert.is(models[name].parts[short.parts]?.path, path, what)
    assert.is(short.encoded, 4, 'each image once in three steps')
    assert.ok(whole.bits.reports.every(({ loss, gradientNorm }) => loss > 0 && gradientNorm > 0))
    assert.equal(short.bits, whole.bits, what)
    const less = whole.plan.dispatches - short.plan.dispatches
    // the short step looks once for features that are no numbers; bytes, the whole step's input, need no look
    const looks = 1
    assert.is(less, dispatchesUpTo(name, short.parts) - looks, `${what}: none of the frozen parts is recorded`)
    const again = await steps(name, kind, over, true, { recompute: { decoder: true, blocks: 99 } })
    assert.equal(again.bits, whole.bits, `${what}: computed again`)
    assert.ok(again.plan.dispatches > short.plan.dispatches)
    assert.ok(short.plan.arenas < whole.plan.arenas, `${what}: ${short.plan.arenas} of ${whole.plan.arenas}`)
  }
})

test('with f16 storage, cached features stay f32: losses equal those of the whole step up to f16 rounding', async () => {
  const over = { blocks: ['2'], targets: ['q', 'v'] as LoraTarget[] }
  const [whole, short] = [
    await steps('toy_vit', 'lora', over, false, { storage: 'f16' }),
    await steps('toy_vit', 'lora', over, true, { storage: 'f16' }),
  ]
  whole.bits.reports.forEach(({ loss, gradientNorm }, i) => {
    const other = short.bits.reports[i]
    assert.ok(Math.abs(other.loss / loss - 1) < 1e-3, `${other.loss} and ${loss}`)
    assert.ok(Math.abs(other.gradientNorm / gradientNorm - 1) < 1e-2, `${other.gradientNorm} and ${gradientNorm}`)
  })
})

test('with augmentation, or if the first block is trained, a step starts with the images', async () => {
  const model = models.toy_vit
  for (const [config, blocks, parts] of [
    [asTheyAre, ['2'], 2],
    [varied, ['2'], null],
    [toyConfig(data, { augment: { noise: 0 } }), ['2'], null],
    [asTheyAre, null, null],
  ] as const) {
    const { end } = await adaptKind(model, 'lora', { blocks: blocks && [...blocks] })
    const frozen = await FrozenEncoder.open(model, config, new FeatureCache())
    assert.is(frozen?.parts ?? null, parts)
    frozen?.destroy()
    end()
  }
})

test('a step that omits trained parts is refused', async () => {
  const { parameters, end } = await adaptKind(models.toy_vit, 'lora', { blocks: ['1'] })
  const config = { microBatch: 1, prompts: 2, slots: 3, loss: { dice: 1, bce: 1, iou: 0 }, optimizer: defaultOptimizer }
  const refused = await TrainingStep.create(models.toy_vit, parameters, { ...config, frozen: 2 }).catch(String)
  assert.match(
    String(refused),
    'the first 2 parts of the encoder cannot be left out of the step, because something in them',
  )
  end()
})

test('features are cached by image and number of parts; only those of another number of parts are evicted', async () => {
  const cache = new FeatureCache(48) // three of them
  const made: string[] = []
  const get = (id: string, parts: number) =>
    cache.get(id, parts, async () => (made.push(`${id}${parts}`), Float32Array.of(parts, 0, 0, 0)))
  const all = async (...asked: [string, number][]) => {
    made.length = 0
    for (const [id, parts] of asked) assert.is((await get(id, parts))[0], parts)
    return made.join(' ')
  }
  assert.is(await all(['a', 1], ['a', 2], ['b', 1], ['a', 1], ['a', 2]), 'a1 a2 b1')
  assert.is(await all(['c', 1], ['a', 1], ['b', 1], ['c', 1]), 'c1', 'made room for by a2')
  assert.is(await all(['d', 1], ['a', 1], ['b', 1], ['c', 1], ['d', 1]), 'd1 d1', 'no room: made each time')
  assert.is(await all(['a', 2], ['b', 2], ['a', 2], ['c', 1], ['b', 1]), 'a2 b2 b1')
  assert.is(cache.encoded, 9)
})

/** A run that trains the last stage, stopped when `stop` says so and resumed. */
async function run(name: string, over: RawConfig = {}, features?: FeatureCache, stop?: () => boolean) {
  const folder = runFolder(join(scratch, name))
  const base = { augment: false, lora: { blocks: ['layers.3.blocks.0'] }, maxSteps: 8 }
  const config = toyConfig(data, { ...base, validation: { every: 2, images: 1, instances: 2 }, ...over })
  await beginRun(folder, config)
  const lines: string[] = []
  const options = { engine, run: folder, features, stop, log: (line: string) => lines.push(line) }
  let summary = await train({ ...options, config })
  while (!summary.finished) summary = await train({ ...options, config: await resumeRun(folder, {}) })
  return { lines, print: await fingerprint(folder.root) }
}

test('a run encodes each image once up to the trained blocks, and ends with the same bits without cache and when resumed', async () => {
  const kept = new FeatureCache()
  const whole = await run('kept', {}, kept)
  assert.ok(
    whole.lines.some((line) =>
      /nothing before image_encoder.layers.3.blocks.0 is trained: each image .* once/.test(line),
    ),
  )
  assert.is(kept.encoded, 6, 'the images of the training part')
  let polls = 0
  const broken = await run('forgetful', {}, new FeatureCache(0), () => ++polls % 5 === 0)
  assert.equal(broken.print, whole.print)

  const unused = new FeatureCache()
  const { lines } = await run('augmented', { augment: true, maxSteps: 2 }, unused)
  assert.is(unused.encoded, 0)
  assert.not.ok(lines.some((line) => line.includes('is encoded')))
})

test('the plan contains the step without the frozen parts, and the program of these', async () => {
  for (const storage of ['f32', 'f16']) {
    const last = { storage, lora: { blocks: ['layers.3.blocks.0'] }, validation: { every: 0 } }
    const config = toyConfig(data, { ...last, augment: false })
    const whole = await planSession(engine, toyConfig(data, last))
    const own = await openEngine()
    const session = await openSession(own, config, () => {})
    const { plan, step, frozen } = session
    assert.equal(step.plan, plan.step)
    assert.is(plan.others, frozen!.bytes)
    assert.is(whole.others, 0)
    assert.ok(frozen!.bytes > 0 && plan.step.peak < whole.step.peak)
    session.release()
    own.destroy()
  }
})

test.run()
