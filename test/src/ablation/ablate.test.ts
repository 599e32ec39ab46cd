/** @file `wgsam ablate` on a toy model: cells are training runs that can be interrupted and resumed, and are never repeated. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ablate } from '../../../src/ablation/ablate'
import { measureRivals } from '../../../src/ablation/cell'
import { cellsOf, checkGrid } from '../../../src/ablation/grid'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/ablate'
import { openDataset } from '../../../src/dataset/dataset'
import { FeatureCache } from '../../../engine/finetune/feature-cache'
import { readMetrics } from '../../../src/tracking/metrics-file'
import { train } from '../../../src/training/train'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { readAnyAdapter } from '../../../src/weights/any-adapter'
import { engine } from '../../support/engine'
import { smallEngine } from '../../support/small-engine'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

const recipe = toyConfig(data, { maxSteps: 3, validation: { every: 0 }, augment: false })
const out = join(scratch, 'out')
const grid = checkGrid({ kind: ['lora', 'full'], rank: [2], where: ['encoder', 'decoder'] }, 'grid')
const cells = cellsOf(grid, recipe, join(out, 'split.json'), 'recipe')

function start(stop = () => false) {
  const log: string[] = []
  const options = { out, cells, recipe, part: 'test' as const, images: 1, instances: 3, command: 'wgsam ablate <x>' }
  return ablate(engine, { ...options, stop, log: (line) => log.push(line) }).then((ablation) => ({ ...ablation, log }))
}

test('it resumes after an interruption at any step, and writes runs, tables and a report', async () => {
  let polls = 0
  let sessions = 0
  let result: Awaited<ReturnType<typeof start>>
  do {
    result = await start(() => ++polls % 7 === 0)
    assert.ok(++sessions < 30)
  } while (!result.finished)
  assert.ok(sessions > 2)
  assert.is(result.outcomes.length, 4)
  for (const { cell, result: done, count } of result.outcomes) {
    assert.is(done!.steps, 3)
    assert.is(done!.parameters, count.parameters)
    assert.ok(done!.scores.point.dice >= 0 && done!.scores.box.dice <= 1 && done!.secondsPerStep > 0)
    assert.ok(done!.plannedBytes > 1e5)
    const split = await readFile(join(out, 'cells', cell.name, 'split.json'), 'utf8')
    assert.is(split, await readFile(join(out, 'split.json'), 'utf8'), 'one split for all')
    const adapter = await readAnyAdapter(join(out, 'cells', cell.name, 'last'))
    assert.is('differences' in adapter, cell.kind === 'full')
  }
  const markdown = await readFile(join(out, 'ablation.md'), 'utf8')
  // the base model, whose own size is the recipe's, and the watershed
  assert.is(markdown.trim().split('\n').length, 2 + 2 + 4)
  for (const name of ['base model at 80', 'Otsu and watershed']) assert.match(markdown, name)
  const html = await readFile(join(out, 'report.html'), 'utf8')
  assert.match(html, 'wgsam ablate &lt;x&gt;')
  assert.not.match(html, /<(script|link|img)|https?:\/\/(?!www\.w3\.org)/, 'needs nothing from elsewhere')
  assert.match(await readFile(join(out, 'ablation.svg'), 'utf8'), 'Dice against rank')
  assert.is((await readFile(join(out, 'ablation.csv'), 'utf8')).trim().split('\n').length, 5)
})

test('at another input size than its own the base model is a rival at both', async () => {
  const small = toyConfig(data, { size: 48, images: 1 })
  const dataset = await openDataset([data])
  const rivals = await measureRivals(engine, small, {
    items: dataset.items.slice(0, 1),
    instances: 2,
    seed: 0,
    stop: () => false,
  })
  assert.equal(
    rivals!.map(({ name, size }) => [name, size]),
    [
      ['base model at 80', 80],
      ['base model at 48', 48],
      ['Otsu and watershed', null],
    ],
  )
  assert.ok(rivals!.every(({ scores }) => scores.point.dice >= 0 && scores.box.instanceDice <= 1))
  assert.is.not(rivals![0].scores.box.instanceDice, rivals![1].scores.box.instanceDice)
  assert.is(await measureRivals(engine, small, { items: dataset.items, instances: 1, seed: 0, stop: () => true }), null)
})

test('finished cells are kept, missing files are written again, another recipe is refused', async () => {
  const file = (name: string, of: string) => join(out, 'cells', name, of)
  const [first, second] = cells.map(({ name }) => name)
  const before = await stat(file(first, 'last/checkpoint.safetensors'))
  const kept = JSON.parse(await readFile(file(second, 'cell.json'), 'utf8'))
  await rm(file(second, 'cell.json'))
  const { log, outcomes } = await start()
  assert.equal(log.filter((line) => line.startsWith('cell ')).length, 1)
  assert.is((await stat(file(first, 'last/checkpoint.safetensors'))).mtimeMs, before.mtimeMs)
  assert.equal(outcomes[1].result!.scores, kept.scores, 'measured again, the same')

  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => '',
      (error: Error) => `${error.name}: ${error.message}`,
    )
  await writeFile(file(second, 'cell.json'), '{"version": 1')
  assert.match(await refusal(start()), /UserError: .*cell.json is damaged/)
  await rm(file(second, 'cell.json'))
  const config = JSON.parse(await readFile(file(first, 'config.json'), 'utf8'))
  await writeFile(file(first, 'config.json'), JSON.stringify({ ...config, batch: 4 }))
  assert.match(await refusal(start()), /UserError: .* was made by another recipe:\n {2}batch: 4 there, 2 now/)
  await writeFile(file(first, 'config.json'), JSON.stringify(config))
})

test('a cell that fails is reported, and the next ones still run', async () => {
  const bad = cellsOf(
    checkGrid({ rank: [2], lr: [5e-3] }, 'g'),
    { ...recipe, lora: { ...recipe.lora, blocks: ['layers.1.blocks.0'] } },
    join(scratch, 'bad', 'split.json'),
    'r',
  )
  // a batch that an adapter of WebGPU's default limits cannot bind
  const own = await smallEngine()
  const huge = {
    ...bad[0],
    name: 'huge',
    group: 'huge',
    config: { ...bad[0].config, prompts: { ...recipe.prompts, count: 512 }, size: 2048 },
  }
  const options = {
    out: join(scratch, 'bad'),
    recipe,
    part: 'test' as const,
    images: 1,
    instances: 1,
    command: '',
    stop: () => false,
    log() {},
  }
  const { outcomes, finished } = await ablate(own, { ...options, cells: [huge, ...bad] })
  own.destroy()
  assert.ok(finished)
  assert.match(outcomes[0].failure!, 'does not fit the adapter')
  assert.ok(outcomes[1].result)
  assert.match(await readFile(join(scratch, 'bad', 'ablation.md'), 'utf8'), 'failed: this training step does not fit')
})

test('a dry run lists cells and trains nothing; wrong flags are refused', async () => {
  const model = ['--model', recipe.model, '--model-config', recipe.modelConfig!]
  const run = async (...flags: string[]) => {
    const lines: string[] = []
    const { log } = console
    console.log = (line: string) => lines.push(line)
    try {
      const { values } = parse(command, ['--data', data, '--out', join(scratch, 'dry'), ...model, ...flags])
      await command.run(values, [])
      return lines.join('\n')
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`
    } finally {
      console.log = log
    }
  }
  const listed = await run('--dry-run', '--rank', '2,64', '--targets', 'q,v|q,k,v')
  assert.match(listed, /r64_q\+k\+v_lr0\.0003_seed0 .* past break-even in \d+ of \d+ matrices/)
  assert.match(listed, '4 of 4 to do; the time can be estimated after the first')
  assert.ok(!(await readdir(scratch)).includes('dry'))
  await writeFile(
    join(scratch, 'grid.json'),
    JSON.stringify({ grids: [{ rank: [2] }, { kind: ['full'] }], lr: [1e-3] }),
  )
  assert.match(await run('--dry-run', '--grid', join(scratch, 'grid.json')), '2 of 2 to do')
  assert.match(await run('--dry-run', '--rank', '4,x'), /UserError: --rank takes comma-separated numbers/)
  assert.match(await run('--dry-run', '--rnak', '4'), 'did you mean --rank?')
  assert.match(await run('--dry-run', '--lr', '-1'), /UserError: the grid:\n {2}lr takes numbers above 0/)
  assert.match(await run('--dry-run', '--size', '50'), /UserError: wgsam ablate:\n {2}size .*must be a multiple of 16/)
  assert.match(await run('--part', 'train'), /UserError: --part takes one of test, val/)
})

/** Runs of the decoder alone, from kept embeddings or not. */
async function decoderRun(name: string, features?: FeatureCache, over = {}, stop?: () => boolean) {
  const run = runFolder(join(scratch, name))
  const config = toyConfig(data, {
    augment: false,
    maxSteps: 8,
    validation: { every: 2, images: 1, instances: 2 },
    lora: { rank: 4, targets: ['decoder.q', 'decoder.out'] },
    ...over,
  })
  await beginRun(run, config)
  const lines: string[] = []
  let summary = await train({ engine, config, run, features, stop, log: (line) => lines.push(line) })
  while (!summary.finished) summary = await train({ engine, config: await resumeRun(run, {}), run, features, stop })
  return { run, lines }
}

test('if the encoder is not trained an image is encoded once; runs and resumed runs are bit-identical', async () => {
  const kept = new FeatureCache()
  const { run, lines } = await decoderRun('kept', kept)
  assert.ok(lines.some((line) => line.includes('each image is encoded once')))
  const { items } = await openDataset([data])
  assert.ok(kept.encoded > 1 && kept.encoded < items.length, `${kept.encoded} of ${items.length}`)
  let polls = 0
  await decoderRun('forgetful', new FeatureCache(0), {}, () => ++polls % 5 === 0)
  assert.equal(await fingerprint(join(scratch, 'forgetful')), await fingerprint(run.root))
  const again = kept.encoded
  await decoderRun('shared', kept)
  assert.is(kept.encoded, again, 'a second run finds them all')
  assert.equal(await fingerprint(join(scratch, 'shared')), await fingerprint(run.root))

  const { lines: encodes } = await decoderRun('augmented', undefined, { augment: true })
  assert.not.ok(encodes.some((line) => line.includes('encoded once')))
})

test('the loss of full tuning falls, and a resumed run is bit-identical', async () => {
  const tuned = { lora: { kind: 'full' }, optimizer: { learningRate: 1e-3 }, augment: false, maxSteps: 16 }
  const { run } = await decoderRun('tuned', undefined, tuned)
  let polls = 0
  await decoderRun('tuned-broken', undefined, tuned, () => ++polls % 6 === 0)
  assert.equal(await fingerprint(join(scratch, 'tuned-broken')), await fingerprint(run.root))
  const losses = (await readMetrics(run.metrics)).flatMap((r) => (r.kind === 'step' ? [r.loss] : []))
  const mean = (part: number[]) => part.reduce((a, b) => a + b, 0) / part.length
  assert.ok(mean(losses.slice(-5)) < mean(losses.slice(0, 5)), losses.join(' '))
})

test.run()
