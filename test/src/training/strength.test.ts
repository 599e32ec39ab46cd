/** The strength of an adapter: the choice from scores, and a toy run whose adapter hurts a foreign source. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Predictor } from '../../../engine/sam/predictor'
import { type DatasetItem, loadItem, openDataset } from '../../../src/dataset/dataset'
import { instances } from '../../../engine/masks/instances'
import { predictorSegmenter } from '../../../src/evaluation/model-segmenter'
import { writePng } from '../../../src/images/png-writer'
import { labelMap } from '../../../engine/masks/paint-label-map'
import { openModel } from '../../../src/model/open-model'
import { averaged } from '../../../engine/train/split-adapter'
import { readCheckpoint } from '../../../src/training/checkpoint-file'
import { mergeConfig, type RawConfig } from '../../../src/training/config'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { betterAtOwnSize } from '../../../src/evaluation/adapter-warnings'
import { bestStrength, scaled } from '../../../engine/finetune/strength'
import { describeStrength } from '../../../src/training/strength'
import { train } from '../../../src/training/train'
import { openSources } from '../../../src/training/validation-sources'
import { readAdapterProfile } from '../../../src/weights/adapter-profile'
import { readAdapter } from '../../../src/weights/peft'
import { engine } from '../../support/engine'
import { temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

const both = (point: number, box: number) => ({ point, box })

test('the best mean wins among strengths with which no source falls, by points or by boxes', () => {
  const base = [both(0.5, 0.9), both(0.6, 0.8)]
  const at = (...scores: [number, number][][]) =>
    new Map(scores.map((list, i) => [(i + 1) / 4, list.map(([point, box]) => both(point, box))]))
  const rising = at([[0.6, 0.9], [0.6, 0.8]], [[0.7, 0.9], [0.6, 0.8]], [[0.8, 0.91], [0.61, 0.8]], [[0.9, 0.92], [0.62, 0.8]]) // prettier-ignore
  assert.equal(bestStrength(base, rising), { value: 1, safe: true })
  // full strength gains most by points, but boxes of the second source fall
  const hurting = at([[0.6, 0.9], [0.6, 0.8]], [[0.7, 0.9], [0.6, 0.8]], [[0.8, 0.91], [0.61, 0.7995]], [[0.99, 0.99], [0.9, 0.79]]) // prettier-ignore
  assert.equal(bestStrength(base, hurting), { value: 0.75, safe: true })
  const always = at([[0.6, 0.9], [0.59, 0.8]], [[0.7, 0.9], [0.58, 0.8]], [[0.8, 0.91], [0.57, 0.8]], [[0.9, 0.92], [0.2, 0.8]]) // prettier-ignore
  assert.equal(bestStrength(base, always), { value: 0.25, safe: false })
})

test('a prompt head that finds less at full strength counts beside points and boxes, but decides no safety', () => {
  const base = [both(0.5, 0.8)]
  const at = (head: number[]) =>
    new Map(head.map((found, i) => [(i + 1) / 4, [{ point: 0.6 + 0.01 * i, box: 0.8, head: found }]] as const))
  assert.equal(bestStrength(base, at([0.5, 0.6, 0.7, 0.8])), { value: 1, safe: true })
  assert.equal(bestStrength(base, at([0.5, 0.6, 0.8, 0.7])), { value: 0.75, safe: true })
  assert.equal(bestStrength(base, at([0, 0, 0, 0])), { value: 1, safe: true })
})

test('scaling changes LoRA’s B and full differences only', () => {
  const state = (name: string) => ({ name, shape: [2], values: Float32Array.of(1, -2), m: new Float32Array(2), v: new Float32Array(2) }) // prettier-ignore
  const values = scaled(['x.lora_A', 'x.lora_B', 'y.delta', 'head.weight'].map(state), 0.5).map(({ values }) => [...values]) // prettier-ignore
  assert.equal(values, [
    [1, -2],
    [0.5, -1],
    [0.5, -1],
    [1, -2],
  ])
})

test('sources are folders of the run, foreign folders and synthetic scenes, which are the same each time', async () => {
  const item = (id: string) => ({ id }) as DatasetItem
  const config = toyConfig(data, { data: ['a', 'b'], validation: { synthetic: 2, foreign: [data] } })
  const own = [...Array.from({ length: 20 }, (_, i) => item(`a/${i}`)), item('b/0')]
  const sources = await openSources(config, own, 8)
  assert.equal(
    sources.map(({ name, foreign, items }) => [name, foreign, items.length]),
    [
      ['a', false, 8],
      ['b', false, 1],
      ['data', true, 8],
      ['synthetic scenes', true, 2],
    ],
  )
  const few = await openSources(
    toyConfig(data, { data: ['a', 'b'], synthetic: 0.5, validation: { synthetic: 3 } }),
    own,
    3,
  )
  assert.equal(
    few.map(({ foreign, items }) => [foreign, items.length]),
    [
      [false, 3],
      [false, 1],
      [false, 3],
    ],
    'on a software adapter fewer images; synthetic scenes that are trained on are no foreign source',
  )
  const { items, load } = sources[3]
  const scene = await load!(items[1])
  assert.ok(instances({ ...scene, data: scene.labels }).length > 10)
  assert.equal(await load!(items[1]), scene)
  assert.not.equal((await load!(items[0])).rgb, scene.rgb)
  assert.equal(await openSources(toyConfig(data, { validation: { synthetic: 0 } }), [], 8), [])
})

/** A dataset whose labels are what the base model predicts from them, so that any adapter is worse there. */
async function perfectForBase(folder: string, items: readonly DatasetItem[]): Promise<string> {
  const config = toyConfig(data)
  const toy = JSON.parse(await readFile(config.modelConfig!, 'utf8'))
  const model = await openModel(engine, config.model, { inputSize: config.size!, config: toy })
  const predictor = await Predictor.create(model, { slots: 2 })
  const segmenter = predictorSegmenter(predictor)
  await mkdir(folder, { recursive: true })
  for (const item of items) {
    let sample = await loadItem(item)
    // masks of the masks' own prompts, until they hardly change
    for (let round = 0; round < 8; round++) {
      const found = instances({ ...sample, data: sample.labels }).filter(({ area }) => area >= 16)
      await segmenter.encode(sample)
      const { masks } = await segmenter.prompted!(sample, found, 'box', item)
      sample = { ...sample, labels: labelMap(masks.slice(0, 1), sample).data }
    }
    const { width, height, rgb, labels } = sample
    await writePng(join(folder, 'images', `${item.id}.png`), { width, height, channels: 3, data: rgb })
    await writePng(join(folder, 'masks', `${item.id}.png`), { width, height, channels: 1, data: labels })
  }
  predictor.destroy()
  model.release()
  return folder
}

async function run(name: string, over: RawConfig, stop = () => false) {
  const folder = runFolder(join(scratch, name))
  const config = toyConfig(data, mergeConfig({ strength: 'auto' }, over))
  await beginRun(folder, config)
  const log: string[] = []
  return { folder, log, summary: await train({ engine, config, run: folder, stop, log: (line) => log.push(line) }) }
}

test('an adapter that hurts a foreign source is stored scaled, with a warning, its scores, and again after a stop', async () => {
  const { items } = await openDataset(data)
  const foreign = await perfectForBase(join(scratch, 'foreign'), items.slice(0, 2))
  const over = { optimizer: { learningRate: 0.05 }, validation: { foreign: [foreign], every: 2 } }
  let asked = 0
  const { folder, log, summary } = await run('hurting', over, () => (asked++, false))
  assert.ok(summary.finished)
  const { strength } = await readAdapterProfile(folder.best)
  assert.equal(
    strength!.sources.map(({ name, foreign, images }) => [name, foreign, images]),
    // so short a run on a software adapter compares on one image of each
    [
      ['validation images', false, 1],
      ['foreign', true, 1],
    ],
  )
  assert.ok(strength!.value < 1, `strength ${strength!.value}`)
  for (const line of describeStrength(strength!)) assert.ok(log.includes(line), line)
  const states = averaged((await readCheckpoint(folder.best)).parameters)
  const layer = states.find(({ name }) => name.endsWith('lora_B'))!
  const path = layer.name.replace('.lora_B', '')
  const { targets } = (await readAdapter(folder.best)).tensors
  const stored = [...targets]
    .filter(([name]) => name.startsWith(path.replace(/qkv$/, '')))
    .flatMap(([, { B }]) => [...B])
  assert.equal(stored, [...layer.values.map((x) => strength!.value * x)])
  assert.is((await readAdapterProfile(folder.last)).strength, undefined, 'last/ is as it was trained')

  // the same again: nothing to do
  const again = await train({ engine, config: await resumeRun(folder, {}), run: folder, log: (line) => log.push(line) })
  assert.ok(again.finished)
  assert.equal((await readAdapterProfile(folder.best)).strength, strength)

  // stopped while the sources are compared, then resumed
  let polls = 0
  const stopped = await run('stopped', over, () => ++polls === asked - 3)
  assert.is(stopped.summary.finished, false)
  assert.is(stopped.summary.steps, stopped.summary.totalSteps)
  assert.is((await readAdapterProfile(stopped.folder.best)).strength, undefined)
  const kept = await resumeRun(stopped.folder, {})
  assert.ok((await train({ engine, config: kept, run: stopped.folder })).finished)
  assert.equal((await readAdapterProfile(stopped.folder.best)).strength, strength)
})

test('full strength is left alone, and without a source there is nothing to compare', async () => {
  const full = await run('full', { strength: 'full', maxSteps: 2 })
  assert.is((await readAdapterProfile(full.folder.best)).strength, undefined)
  const alone = await run('alone', { shares: [1, 0, 0], maxSteps: 1 })
  assert.is((await readAdapterProfile(alone.folder.last)).strength, undefined)
  assert.ok(alone.log.some((line) => /strength of the adapter is not chosen: there are no/.test(line)))
  const scenes = await run('scenes', { shares: [1, 0, 0], maxSteps: 1, validation: { synthetic: 1 } })
  assert.is((await readAdapterProfile(scenes.folder.last)).strength!.sources[0].name, 'synthetic scenes')
})

test('a run at a smaller input is compared with the base model at its own, and says where that is better', async () => {
  const { summary, folder, log } = await run('small', { size: 48, maxSteps: 1, validation: { synthetic: 1 } })
  const { strength } = await readAdapterProfile(folder.best)
  assert.is(strength!.ownSize, 80)
  for (const { own, used, head } of strength!.sources) {
    assert.ok(own!.point >= 0 && own!.box <= 1)
    assert.ok(used!.point >= 0 && used!.box <= 1)
    assert.ok(head! >= 0 && head! <= 1)
  }
  const better = strength!.sources.filter(({ own, used }) => own!.point > used!.point + 0.001 || own!.box > used!.box + 0.001) // prettier-ignore
  assert.equal(summary.advice, betterAtOwnSize(strength!))
  assert.is(summary.advice.length, better.length)
  for (const [i, line] of summary.advice.entries()) {
    assert.ok(line.startsWith(`on images like ${better[i].name} the base model at its own input of 80 is better with `))
    assert.ok(log.includes(line))
  }
  // the model is the base model: its scores are those of an own run's step 0 only by chance, but the same each time
  const again = await train({ engine, config: await resumeRun(folder, {}), run: folder })
  assert.equal(again.advice, summary.advice)
  const [{ name, adapter }] = strength!.sources
  const source = {
    name,
    foreign: false,
    images: 1,
    base: adapter,
    adapter,
    own: both(adapter.point + 0.1, adapter.box),
  }
  const stored = { value: 1, safe: true, ownSize: 80 }
  const [points] = betterAtOwnSize({ ...stored, sources: [source] })
  assert.match(points, 'is better with point prompts (score ')
  assert.not.match(points, 'box')
  const mixed = { ...source, own: both(adapter.point - 0.1, adapter.box + 0.1) }
  assert.match(
    betterAtOwnSize({ ...stored, sources: [mixed] })[0],
    /is better with box prompts \(score [\d.-]+, with the adapter [\d.-]+\); with point prompts the adapter is better \(/,
  )
  assert.equal(betterAtOwnSize({ value: 1, safe: true, ownSize: 80, sources: [{ ...source, own: adapter }] }), [])
  // what counts is the adapter as it is used, in tiles
  assert.equal(betterAtOwnSize({ ...stored, sources: [{ ...source, used: source.own }] }), [])
})

test.run()
