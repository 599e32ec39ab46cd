/** @file `wgsam eval` with two adapters and masks found automatically, on a toy model. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/eval'
import { openDataset } from '../../../src/dataset/dataset'
import { listHash } from '../../../src/dataset/split'
import { writeSynth } from '../../../src/synth/synth-dataset'
import { describeSeenImages } from '../../../src/evaluation/training-images'
import { measureNames } from '../../../src/evaluation/measures'
import { openModel } from '../../../src/model/open-model'
import { readAdapter, writeAdapter } from '../../../src/weights/peft'
import { refusal, scratch } from '../../support/files'
import { writeRandom } from '../../support/adapter'
import { engine } from '../../support/engine'

const MODEL = 'golden/files/toy_vit.pth'
const CONFIG = 'golden/files/toy_vit.json'
const folder = scratch()
const data = join(folder, 'scenes')
const adapters: string[] = []
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** Runs the command and returns what it prints. */
async function run(...argv: string[]): Promise<string> {
  const { values, positionals } = parse(command, argv)
  const lines: string[] = []
  const { log, error } = console
  console.log = (line: string) => void lines.push(line)
  console.error = () => {}
  try {
    assert.is((await command.run(values, positionals)) ?? 0, 0)
  } finally {
    Object.assign(console, { log, error })
  }
  return lines.join('\n')
}

test.before(async () => {
  await writeSynth(data, { count: 2, width: 96, height: 80, seed: 3, particles: [4, 8] })
  const model = await openModel(engine, MODEL, { config: json(CONFIG) })
  const config = { rank: 2, alpha: 4, rslora: false, targets: ['q' as const, 'v' as const], blocks: null }
  adapters.push(await writeRandom(model, config, MODEL))
  model.release()
  // the same matrices, three times as strong
  const stronger = await readAdapter(adapters[0])
  const other = join(scratch(), 'stronger')
  await writeAdapter(other, { ...stronger, config: { ...stronger.config, lora_alpha: 12 } })
  adapters.push(other)
})

const common = () => ['--data', data, '--split', 'all', '--model', MODEL, '--model-config', CONFIG, '--size', '64']
// the masks of a toy model pass no realistic threshold
const loose = [
  '--points-per-side',
  '6',
  '--pred-iou-thresh',
  '0',
  '--stability-score-thresh',
  '0',
  '--floor-pred-iou',
  '0',
  '--floor-stability',
  '0',
  '--max-area',
  '1',
  '--keep-frames',
]
const both = () => adapters.flatMap((path) => ['--adapter', path])

test('rivals and two adapters, prompted and automatic, in one table', async () => {
  const [out, report] = [join(folder, 'scores.json'), join(folder, 'report.html')]
  const table = await run(
    ...common(),
    ...both(),
    '--prompt',
    'auto,box',
    ...loose,
    '--resamples',
    '200',
    '--rivals',
    'same,watershed',
    '--worst',
    '0',
    '--out',
    out,
    '--report',
    report,
  )
  const { models, prompts, bootstrap, generator, rivals, thresholds } = json(out)
  assert.equal(prompts, ['box', 'auto'])
  assert.equal(rivals, ['same', 'watershed'])
  assert.is(bootstrap.resamples, 200)
  assert.is(generator.length, 3)
  assert.is(thresholds.length, 3)
  assert.match(thresholds[2], /^predicted IoU above 0, .*--pred-iou-thresh/)
  assert.equal(
    models.map(({ evaluations }: { evaluations: { prompt: string }[] }) => evaluations.map(({ prompt }) => prompt)),
    Array(4).fill(['box', 'auto']),
  )
  const [base, watershed, first, second] = models
  assert.equal([base.name, base.rival, base.size], ['base at 64', true, 64])
  assert.equal([watershed.name, watershed.rival, watershed.size], ['watershed', true, null])
  for (const [i, prompt] of ['box', 'auto'].entries()) {
    assert.is(base.evaluations[i].change, null)
    const [before, one, two] = [base, first, second].map(({ evaluations }) => evaluations[i])
    assert.is.not(one.instanceIou, two.instanceIou, `${prompt}: the adapters differ`)
    const { from, values } = one.change
    const best = Math.max(before.dice, watershed.evaluations[i].dice)
    assert.is(values.dice, one.dice - best)
    assert.is(from.dice, before.dice === best ? 'base at 64' : 'watershed')
    assert.is(one.perImage.length, 2)
    assert.is(before.instances, one.instances)
    for (const name of measureNames) {
      assert.is(typeof one[name], 'number', name)
      const [low, high] = one.intervals[name]
      assert.ok(low <= high, name)
    }
  }
  const found = watershed.evaluations[1]
  assert.equal([found.ap, found.ap50, found.intervals.ap], [null, null, null])
  assert.ok(found.masks > 0)
  assert.match(table, /box prompts +base at 64 +watershed .*\n[^]*automatic +base at 64 +watershed/)
  const html = readFileSync(report, 'utf8')
  // image, labels, four models, two changes; two images for each of two prompt modes
  assert.is([...html.matchAll(/src="data:image\/jpeg;base64,/g)].length, 4 * 8)
  assert.not.match(html.replace(/data:image[^"]*/g, ''), /NaN|undefined/)
  // of two images, one is shown as the worst and one as the best
  for (const [word, times] of [
    ['Worst', 2],
    ['Median', 0],
    ['Best', 2],
  ] as const)
    assert.is([...html.matchAll(new RegExp(`<h4>${word}:`, 'g'))].length, times, word)
  assert.match(html, '<h1>toy_vit.pth, adapted and not</h1>')
  assert.match(html, /Thresholds<\/th><td>the base model: predicted IoU above 0/)
  assert.match(html, /Segmentation of 2 labelled images, all of /)
})

test('eval reports images that an adapter was trained on; equal names in another dataset do not count', async () => {
  const { items } = await openDataset(data)
  const ids = items.map(({ id }) => id)
  const split = {
    version: 1,
    seed: 0,
    shares: [1, 1, 1],
    hash: listHash(items),
    train: [ids[0]],
    val: [],
    test: [ids[1]],
  }
  const runWith = (changes: object) => {
    const adapter = join(scratch(), 'best')
    cpSync(adapters[0], adapter, { recursive: true })
    writeFileSync(join(adapter, '..', 'split.json'), JSON.stringify({ ...split, ...changes }))
    return adapter
  }
  const seen = async (...argv: string[]) => {
    const out = JSON.parse(await run(...common(), ...argv, '--prompt', 'point', '--resamples', '100', '--json'))
    return out.seen
  }
  const [own, foreign] = [runWith({}), runWith({ hash: 'other' })]
  assert.equal(await seen('--adapter', own, '--adapter', foreign), [{ train: 1, val: 0 }, null])
  const choosing = runWith({ train: ids, test: [] })
  writeFileSync(join(choosing, '..', 'config.json'), JSON.stringify({ images: 1, seed: 0 }))
  assert.equal(await seen('--adapter', dirname(own)), [{ train: 1, val: 0 }], 'of the folder of a run its best adapter')
  assert.equal(await seen('--adapter', choosing), [{ train: 1, val: 0 }], 'of two images one was chosen')
  const report = join(folder, 'seen.html')
  const test = ['--data', data, '--model', MODEL, '--model-config', CONFIG, '--size', '64', '--report', report]
  await run(...test, '--adapter', own, '--prompt', 'point')
  const html = readFileSync(report, 'utf8')
  assert.match(html, 'Segmentation of 1 labelled image that training never saw.')
  assert.match(html, '<h4>Only: ')
  assert.is(describeSeenImages(4, 'x', [{ train: 0, val: 2 }]).includes('best checkpoint'), true)
  assert.match(describeSeenImages(4, 'x', [null, { train: 3, val: 0 }]), '3 of which training has seen')
  assert.match(describeSeenImages(4, 'the test part of x', [null]), 'labelled images, the test part of x.')
})

test('files that cannot be written or read are refused before any work', async () => {
  const asked = (...argv: string[]) => refusal(run(...common(), ...argv))
  assert.match(await asked('--out', folder), 'is a folder')
  assert.match(await asked('--report', join(MODEL, 'x.html')), 'is a file, not a folder')
  const plain = ['--data', data, '--split', 'all', '--model', MODEL, '--model-config', CONFIG]
  assert.match(await refusal(run(...plain, '--size', '63')), 'multiple of 16')
  assert.match(await asked('--adapter', join(folder, 'nothing')), 'nothing: there is no such adapter')
  assert.match(await refusal(run('--data', join(folder, 'nothing'))), 'there is no folder')
})

test('automatic masks depend neither on what else is evaluated nor on the run', async () => {
  const [before, , after] = json(join(folder, 'scores.json')).models
  const rivals = ['--rivals', 'same,watershed']
  const typed = ['--prompt', 'auto', ...loose, '--resamples', '200', '--adapter', adapters[0], ...rivals, '--json']
  const [base, , adapted] = JSON.parse(await run(...common(), ...typed)).models
  assert.equal([base.evaluations[0], adapted.evaluations[0]], [before.evaluations[1], after.evaluations[1]])
})

test('--thresholds: one file for all models, or one for each', async () => {
  const file = (name: string, predIouThresh: number) => {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify({ thresholds: { predIouThresh, stabilityScoreThresh: 0, minArea: 7 } }))
    return path
  }
  const [low, high] = [file('low.json', 0.001), file('high.json', 0.999)]
  const options = [
    ...common(),
    '--adapter',
    adapters[0],
    '--prompt',
    'auto',
    '--json',
    '--points-per-side',
    '4',
    '--floor-pred-iou',
    '0',
    '--floor-stability',
    '0',
  ]
  const { generator } = JSON.parse(await run(...options, '--thresholds', low, '--thresholds', high))
  assert.equal(
    generator.map(({ predIouThresh, minArea }: Record<string, number>) => [predIouThresh, minArea]),
    [
      [0.001, 7],
      [0.999, 7],
    ],
  )
  const one = JSON.parse(await run(...options, '--thresholds', high))
  assert.is(one.generator[0].predIouThresh, 0.999)
  assert.is(one.models[0].evaluations[0].masks, 0, 'nothing passes')
  const thrice = [low, low, high].flatMap((path) => ['--thresholds', path])
  assert.match(await refusal(run(...options, ...thrice)), '3 times for 2 models')
  assert.match(await refusal(run(...common(), '--thresholds', low)), '--prompt auto')
})

test('the rivals by default are the base model at its own input size and the watershed, also for prompts', async () => {
  const point = ['--prompt', 'point,box', '--resamples', '100', '--json']
  const named = (models: { name: string; size: number | null; rival: boolean }[]) =>
    models.map(({ name, size, rival }) => [name, size, rival])
  const [figure, report] = [join(folder, 'worst.png'), join(folder, 'worst.html')]
  const files = ['--worst', '2', '--worst-image', figure, '--report', report]
  const { models, rivals, worst } = JSON.parse(await run(...common(), '--adapter', adapters[0], ...point, ...files))
  assert.equal(rivals, ['base', 'watershed'])
  assert.equal(named(models), [
    ['base', 96, true],
    ['watershed', null, true],
    ['adapted', 64, false],
  ])
  assert.equal(
    worst.map(({ model, prompt, cases }: { model: string; prompt: string; cases: object[] }) => [
      model,
      prompt,
      cases.length,
    ]),
    ['adapted', 'base'].flatMap((model) => ['point', 'box'].map((prompt) => [model, prompt, 2])),
  )
  assert.equal([...readFileSync(figure).subarray(1, 4)], [...Buffer.from('PNG')])
  assert.match(readFileSync(report, 'utf8'), 'Adapted model, box prompts: the 2 worst particles')
  const own = ['--data', data, '--split', 'all', '--model', MODEL, '--model-config', CONFIG]
  const whole = JSON.parse(await run(...own, '--rivals', 'none', ...point)).models
  assert.equal(named(whole), [['base', 96, false]], 'without adapters the base model is what is evaluated')
  const strip = ({ evaluations }: { evaluations: object[] }) => evaluations.map((one) => ({ ...one, change: null }))
  assert.equal(strip(models[0]), strip(whole[0]), 'a model opened after another has the same scores as alone')
  const small = JSON.parse(await run(...common(), ...point)).models
  assert.equal(named(small), [
    ['base', 96, true],
    ['watershed', null, true],
    ['base at 64', 64, false],
  ])
  const none = JSON.parse(await run(...common(), '--adapter', adapters[0], '--rivals', 'none', ...point)).models
  assert.equal(named(none), [['adapted', 64, false]])
  assert.is(none[0].evaluations[0].change, null)
  const both = JSON.parse(await run(...common(), '--adapter', adapters[0], '--rivals', 'base,same', ...point)).models
  assert.equal(named(both).slice(0, 2), [
    ['base', 96, true],
    ['base at 64', 64, true],
  ])
})

test('corrections: a point and clicks on what is wrong, of models but not of the watershed', async () => {
  const report = join(folder, 'corrected.html')
  const scores = async (...more: string[]) =>
    JSON.parse(await run(...common(), '--prompt', 'point,corrected', '--resamples', '100', '--json', ...more))
  const { models, corrections, prompts, worst } = await scores('--rivals', 'watershed', '--report', report)
  assert.equal([prompts, corrections], [['point', 'corrected'], 2])
  const modes = ({ evaluations }: { evaluations: { prompt: string }[] }) => evaluations.map(({ prompt }) => prompt)
  assert.equal(models.map(modes), [['point'], ['point', 'corrected']])
  assert.ok(worst.some(({ prompt }: { prompt: string }) => prompt === 'corrected'))
  const [point, twice] = models[1].evaluations
  assert.is.not(twice.instanceDice, point.instanceDice)
  assert.is(twice.change, null, 'no rival was corrected')
  assert.match(readFileSync(report, 'utf8'), /Points and corrections[^]*2 clicks after the first point/)
  const [, once] = (await scores('--rivals', 'none', '--corrections', '1')).models[0].evaluations
  assert.is.not(once.instanceDice, twice.instanceDice)
  const alone = JSON.parse(await run(...common(), '--prompt', 'corrected', '--resamples', '100', '--json')).models
  assert.equal(alone.map(modes), [['corrected'], ['corrected']], 'the watershed is left out')
  assert.equal(alone[1].evaluations[0].instanceDice, twice.instanceDice)
})

test('each adapter is evaluated at the input size of its training', async () => {
  const trained = adapters.map((path, i) => {
    const folder = join(scratch(), `at${i}`)
    cpSync(path, folder, { recursive: true })
    writeFileSync(join(folder, 'wgsam.json'), JSON.stringify({ version: 1, size: [64, 96][i] }))
    return folder
  })
  const own = ['--data', data, '--split', 'all', '--model', MODEL, '--model-config', CONFIG, '--prompt', 'box']
  const argv = [...trained.flatMap((path) => ['--adapter', path]), '--rivals', 'none', '--resamples', '100', '--json']
  const { models } = JSON.parse(await run(...own, ...argv))
  assert.equal(
    models.map(({ path, size }: { path: string; size: number }) => [path, size]),
    trained.map((path, i) => [path, [64, 96][i]]),
  )
})

test('wrong option values', async () => {
  assert.match(await refusal(run(...common(), '--rivals', 'base,watershead')), '"watershead"')
  assert.match(await refusal(run(...common(), '--worst', '-1')), 'from 0')
  assert.match(await refusal(run(...common(), '--worst-image', 'worst.bmp')), '.png')
  assert.match(await refusal(run(...common(), '--prompt', 'point,boxes')), '"boxes"')
  assert.match(await refusal(run(...common(), '--prompt', '')), '--prompt')
  assert.match(await refusal(run(...common(), '--resamples', '3')), 'from 100')
  assert.match(await refusal(run(...common(), '--corrections', '3')), '--prompt corrected')
  assert.match(await refusal(run(...common(), '--prompt', 'corrected', '--corrections', '0')), 'from 1')
  assert.match(await refusal(run(...common(), '--boundary-tolerance', '-1')), 'from 0')
  assert.match(await refusal(run(...common(), '--prompt', 'auto', '--pred-iou-thresh', '2')), '--pred-iou-thresh')
})

test('adapters of different models are refused', async () => {
  const foreign = await readAdapter(adapters[0])
  const path = join(scratch(), 'foreign')
  await writeAdapter(path, { ...foreign, config: { ...foreign.config, base_model_name_or_path: 'sam_vit_b' } })
  const argv = ['--data', data, '--split', 'all', '--adapter', adapters[0], '--adapter', path]
  assert.match(await refusal(run(...argv)), '--model')
})

test.run()
