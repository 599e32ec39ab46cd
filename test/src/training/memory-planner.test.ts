/** Planning a run for a memory budget: the chosen plan fits, is the cheapest that does, and is what the GPU then allocates. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Engine } from '../../../engine/device/engine'
import { planningDevice } from '../../../engine/device/planning-device'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/train'
import { openEngine } from '../../../src/host/gpu'
import { MEMORY, parseBytes } from '../../../src/text/byte-size'
import { describePlan, summarisePlan } from '../../../src/training/plan-text'
import { planRun, type RunPlan } from '../../../src/training/memory-planner'
import { train } from '../../../src/training/train'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { openSession, planSession } from '../../../src/training/session'
import { type RawConfig, type TrainConfig, checkConfig, readConfigFile } from '../../../src/training/config'
import { shapesOfArchitecture } from '../../../engine/finetune/plan-training'
import { publishedArchitectures } from '../../../src/weights/weight-shapes'
import { engine } from '../../support/engine'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

const GiB = 2 ** 30

/** A typical graphics card: bindings of 2 GiB, buffers of 4 GiB, the kernel variants for GPUs. */
function gpu(): Engine {
  const limits = {
    maxStorageBufferBindingSize: 2 ** 31 - 4,
    maxBufferSize: 4 * GiB,
    minStorageBufferOffsetAlignment: 256,
    minUniformBufferOffsetAlignment: 256,
    maxComputeWorkgroupsPerDimension: 65535,
  } as GPUSupportedLimits
  const adapterInfo = { description: 'a card', isFallbackAdapter: false } as GPUAdapterInfo
  return new Engine(planningDevice({ limits, features: new Set(), adapterInfo }))
}

const card = gpu()
const shapes = (model: string) => shapesOfArchitecture(publishedArchitectures[model])
/** Rank 512 on q and v, at 512 pixels. */
const recipe = (over: RawConfig): TrainConfig =>
  checkConfig({ data: ['none'], size: 512, lora: { targets: ['q', 'v'] }, ...over }, 'the recipe')
/** A plan for ViT-B. */
const planB = (over: RawConfig = {}) => planRun(card, shapes('sam_vit_b'), recipe(over))

const all = { decoder: true, blocks: 32 }
const nothing = { decoder: false, blocks: 0 }

test('ViT-B at 512, batch 8, rank 512 takes less than 4 GiB, ViT-H at 1024 less than 16; both much less with a smaller budget', async () => {
  const b = await planB({ memory: '4GiB', microBatch: 8 })
  assert.is(b.microBatch, 8)
  assert.ok(b.total <= 4 * GiB && b.total > 2 * GiB, `${b.total}`)
  const least = await planB({ recompute: all, microBatch: 8 })
  assert.ok(least.total < 2.6 * GiB, `${least.total}`)
  const without = await planB()
  assert.equal([without.microBatch, without.recompute], [8, nothing])
  assert.ok(without.total > 5 * GiB, 'the budget does matter')
  const wide = await planB({ size: 1024 })
  assert.equal([wide.microBatch, wide.recompute], [2, nothing], 'without a budget as many images at once as 8 GiB hold')
  assert.ok(wide.total <= 8 * GiB && (await planB({ size: 1024, microBatch: 4 })).total > 8 * GiB)

  const large = { model: 'sam_vit_h', size: 1024, batch: 1 }
  for (const [adapter, memory, most] of [
    [card, '16GiB', 16],
    [engine, '16GiB', 16],
    [card, '6GiB', 6],
  ] as const) {
    const plan = await planRun(adapter, shapes('sam_vit_h'), recipe({ ...large, memory }))
    assert.ok(plan.total <= most * GiB, `${memory}: ${plan.total}`)
    assert.is(plan.recompute.decoder, most === 6)
  }
})

test('with f16 storage the same step takes 2.5 GiB, and activations without recomputation take half the memory', async () => {
  const [f32, f16] = [await planB(), await planB({ storage: 'f16' })]
  assert.ok(f16.step.arenas < 0.6 * f32.step.arenas, `${f16.step.arenas} of ${f32.step.arenas}`)
  assert.ok(f16.step.persistent.weight < 0.6 * f32.step.persistent.weight)
  assert.is(f16.step.persistent.adapter, f32.step.persistent.adapter)
  const b = await planB({ storage: 'f16', memory: '2.5GiB', microBatch: 8 })
  assert.ok(b.total <= 2.5 * GiB && b.recompute.blocks < 12, `${b.total}, ${b.recompute.blocks} blocks`)
  const large = { model: 'sam_vit_h', size: 1024, batch: 1, storage: 'f16', memory: '8GiB' }
  const h = await planRun(card, shapes('sam_vit_h'), recipe(large))
  assert.equal(h.recompute, nothing)
})

test('memory is linear in the images at once, and in pixels, until prompts are decoded in groups', async () => {
  for (const recompute of [nothing, all]) {
    const arenas: number[] = []
    for (const microBatch of [1, 2, 4]) arenas.push((await planB({ microBatch, recompute })).step.arenas)
    const each = arenas.map((bytes, i) => bytes / 2 ** i)
    const grouped = (await planB({ microBatch: 8, recompute })).step.arenas
    assert.ok(grouped < 1.8 * arenas[2] && grouped > arenas[2], `${grouped / arenas[2]} of that for 4 images`)
    assert.ok(Math.max(...each) < 1.1 * Math.min(...each), `bytes an image: ${each}`)
    const wide = await planB({ microBatch: 1, recompute, size: 1024 })
    assert.ok(
      wide.step.arenas < 4.3 * arenas[0] && wide.step.arenas > 3.5 * arenas[0],
      `${wide.step.arenas / arenas[0]}`,
    )
  }
})

test('a smaller budget means more recomputation, then fewer images at once; the plan fits, and none cheaper does', async () => {
  const work = ({ microBatch, recompute: { decoder, blocks } }: RunPlan) => [-microBatch, decoder ? 1 + blocks : 0]
  const plans: RunPlan[] = []
  for (const memory of ['6.5GiB', '5GiB', '4GiB', '3GiB', '2.5GiB', '1.8GiB', '1.05GiB']) {
    const plan = await planB({ memory })
    assert.ok(plan.total <= parseBytes(memory)!, memory)
    plans.push(plan)
  }
  const order = plans.map(work)
  for (let i = 1; i < order.length; i++) {
    const [[a, b], [c, d]] = [order[i - 1], order[i]]
    assert.ok(c > a || (c === a && d > b), `${order[i - 1]} before ${order[i]}`)
  }
  assert.equal(order[0], [-8, 0])
  assert.ok(order.at(-1)![0] > -8, 'the least needs fewer images at once')
  assert.ok(plans.some(({ recompute: { blocks } }) => blocks > 0 && blocks < 12))

  // a plan's own size is enough for it, one byte less is not
  const plan = plans[2]
  const { blocks } = plan.recompute
  const same = await planB({ memory: plan.total })
  assert.equal(work(same), work(plan))
  assert.is((await planB({ memory: plan.total - 1 })).recompute.blocks, blocks + 1)
  const fewer = await planB({ recompute: { decoder: true, blocks: blocks - 1 }, microBatch: 8 })
  assert.ok(fewer.total > 4 * GiB)
})

test('a budget that is too small is refused with the minimum, which is indeed enough', async () => {
  const refusal = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => '',
      (error: Error) => `${error.name}: ${error.message}`,
    )
  const said = await refusal(planB({ memory: '700MiB' }))
  assert.match(
    said,
    /UserError: 700.0 MiB of memory are too little .*It needs at least .* one image at once and all 12 /,
  )
  const least =
    /--memory (\d+MiB), or reduce its needs: --storage f16, a smaller --size, --rank or number of --prompts, a smaller --model/.exec(
      said,
    )
  assert.ok(least, said)
  assert.is((await planB({ memory: least![1] })).microBatch, 1)
  const fixed = await refusal(planB({ memory: '1.5GiB', microBatch: 8 }))
  assert.match(fixed, /8 images at once and all 12 encoder blocks and the mask decoder .*a smaller --micro-batch/s)
})

test('amounts of memory: bytes and units are accepted, anything else is refused', () => {
  const good: [string | number, number][] = [
    ['8GiB', 8 * GiB],
    ['2.5 GiB', 2.5 * GiB],
    ['512MiB', 2 ** 29],
    ['1KiB', 1024],
    ['123456', 123456],
    [123456, 123456],
  ]
  for (const [typed, bytes] of good) {
    assert.is(parseBytes(typed), bytes)
    assert.is(recipe({ memory: typed }).memory, typed)
  }
  for (const typed of [
    '',
    '8GB',
    '8 gib',
    '-1GiB',
    '0',
    'GiB',
    '1e9',
    '8GiB!',
    'much',
    0,
    -5,
    NaN,
    1.5e300,
    '9'.repeat(30),
  ]) {
    assert.is(parseBytes(typed), null, String(typed))
    assert.throws(() => recipe({ memory: typed }), `memory must be ${MEMORY}`)
  }
  assert.throws(() => recipe({ recompute: { decoder: true } }), /recompute must be 'auto', or \{ "decoder"/)
  assert.is(recipe({}).memory, null)
})

test('the GPU then allocates what was planned', async () => {
  for (const over of [{}, { recompute: { decoder: true, blocks: 3 } }, { lora: { kind: 'full' } }]) {
    const config = toyConfig(data, over)
    const own = await openEngine()
    const { step, plan, release } = await openSession(own, config, () => {})
    assert.equal(step.plan, plan.step)
    const held = Object.values(own.bytes).reduce((a, b) => a + b, 0)
    assert.is(
      held,
      Object.values(plan.step.persistent).reduce((a, b) => a + b, 0),
    )
    assert.is(plan.total, plan.step.peak + plan.others)
    assert.ok(plan.others > 0)
    const unwatched = await planSession(own, { ...config, validation: { ...config.validation, every: 0 } })
    assert.is(unwatched.others, 0)
    release()
    own.destroy()
  }
})

test('a run keeps its plan, ends with the same bits under a smaller budget, and resumes with another budget', async () => {
  const began = async (name: string, over: RawConfig, stopAfter?: number) => {
    const run = runFolder(join(scratch, name))
    const config = toyConfig(data, over)
    await beginRun(run, config)
    let polls = 0
    const stop = () => stopAfter !== undefined && ++polls > stopAfter
    const log: string[] = []
    return { run, log, summary: await train({ engine, config, run, stop, log: (line) => log.push(line) }) }
  }
  const base = { microBatch: 2, maxSteps: 4, validation: { every: 2, images: 1, instances: 2 } }
  const plenty = await began('plenty', base)
  assert.equal(plenty.summary.recompute, nothing)
  const least = (await planSession(engine, toyConfig(data, { ...base, recompute: all }))).total
  assert.ok(least < plenty.summary.plannedBytes)

  const tight = await began('tight', { ...base, memory: least }, 3)
  assert.not(tight.summary.finished)
  assert.ok(tight.summary.plannedBytes <= least && tight.summary.recompute.decoder)
  assert.ok(tight.log.some((line) => /; GPU memory: .* of .* with recomputation to save memory/.test(line)))
  const kept = await readConfigFile(tight.run.config)
  assert.equal([kept.memory, kept.microBatch, kept.recompute], [least, 2, tight.summary.recompute])

  const same = await resumeRun(tight.run, {})
  assert.equal(same.recompute, tight.summary.recompute)
  const roomy = await resumeRun(tight.run, { memory: '4GiB' })
  assert.is(roomy.recompute, 'auto')
  const rest = await train({ engine, config: roomy, run: tight.run })
  assert.ok(rest.finished)
  assert.equal(rest.recompute, nothing)
  const [a, b] = [await fingerprint(tight.run.root), await fingerprint(plenty.run.root)]
  assert.equal(a, b)
})

test('a dry run prints the plan, even of a model that was not fetched, and writes nothing', async () => {
  const runs = existsSync('runs')
  const printed: string[] = []
  const { log } = console
  console.log = (line: string) => printed.push(line)
  const cache = process.env.WGSAM_CACHE
  process.env.WGSAM_CACHE = join(scratch, 'empty cache')
  try {
    const run = async (...args: string[]) => command.run(parse(command, args).values, [])
    await run('--dry-run', '--model', 'sam_vit_l', '--size', '512', '--memory', '8GiB')
    assert.match(
      printed.join('\n'),
      /step: input 512 × 512; .*of 8 images at once; .*recomputed.*\n.*largest binding: .*\n.*planned of 8.0 GiB/,
    )
    printed.length = 0
    const file = join(scratch, 'recipe.json')
    await writeFile(file, JSON.stringify({ ...toyConfig(data), memory: null }))
    await run('--dry-run', '--json', '--config', file)
    const plan = JSON.parse(printed.join('\n')) as RunPlan
    // the command's engine found no measured kernel variants in the empty cache, nor may this one
    const own = await openEngine()
    const expected = await planSession(own, toyConfig(data))
    own.destroy()
    assert.equal(plan, expected)
    assert.is(describePlan(plan, { batch: 2, storage: 'f32' }).length, 3)
    const line = summarisePlan(plan, { batch: 2 })
    assert.match(line, /^input 80 × 80 pixels, steps of 2 images, 1 at once; GPU memory: [\d.]+ [KM]iB$/)
    assert.match(summarisePlan({ ...plan, budget: 2 ** 30 }, { batch: 1 }), /one image a step; .* of 1(\.0)? GiB$/)
  } finally {
    console.log = log
    if (cache === undefined) delete process.env.WGSAM_CACHE
    else process.env.WGSAM_CACHE = cache
  }
  assert.is(existsSync('runs'), runs, 'no folder of a run is made')
})

test.run()
