/** @file The cells of a grid, their names and parameter counts, and invalid grids. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdir } from 'node:fs/promises'
import { countParameters, linearShapes } from '../../../src/ablation/parameter-count'
import { cellsOf, checkGrid, targetsAt } from '../../../src/ablation/grid'
import { parseSetting } from '../../../src/ablation/settings'
import { readConfigFile } from '../../../src/training/config'
import {
  cellsOfTable,
  csvTable,
  markdownTable,
  meanOf,
  type CellOutcome,
  rowsOf,
} from '../../../src/ablation/ablation-table'
import { chartsOf, chartsSvg } from '../../../src/ablation/charts'
import { recipeOf } from '../../../src/ablation/plan'
import type { CellResult } from '../../../src/ablation/cell'
import { loraConfig } from '../../../engine/finetune/adaptation'
import { openAdaptation } from '../../../src/training/adaptation'
import { openToy } from '../../support/toy'
import { toyConfig } from '../../support/toy-training'

// targets and learning rate are stated, so that the names do not depend on the recipe's defaults
const base = {
  data: ['particles'],
  model: 'golden/files/toy_vit.pth',
  modelConfig: 'golden/files/toy_vit.json',
  lora: { targets: ['q', 'v'] },
  optimizer: { learningRate: 1e-4 },
}
const spanned = (raw: object, over: object = {}) =>
  cellsOf(checkGrid(raw, 'grid.json'), { ...base, ...over }, 'out/split.json', 'recipe')
const refused = (make: () => unknown, what: RegExp) =>
  assert.throws(make, (error: Error) => error.name === 'UserError' && what.test(error.message))

test('every combination once, each with its own recipe; full tuning has no rank', () => {
  const cells = spanned({ kind: ['lora', 'full'], rank: [4, 16], lr: [1e-4, 1e-3], seeds: [0, 1] }, { batch: 2 })
  assert.is(cells.length, 2 * 2 * 2 + 2 * 2)
  assert.is(new Set(cells.map(({ name }) => name)).size, cells.length)
  const { config, group } = cells.find(({ name }) => name === 'r16_q+v_lr0.001_seed1')!
  assert.is(group, 'r16_q+v_lr0.001')
  assert.equal([config.lora.rank, config.optimizer.learningRate, config.seed, config.batch], [16, 1e-3, 1, 2])
  assert.is(config.split, 'out/split.json')
  const full = cells.find(({ name }) => name === 'full_q+v_lr0.0001_seed0')!
  assert.equal([full.rank, full.config.lora.kind], [null, 'full'])
  assert.equal(spanned({}).length, 1, 'no axis: the recipe itself')
})

test('numbers of training images are an axis; the names without them are those of the recipe', () => {
  const cells = spanned({ rank: [4], images: [1, 5, null], seeds: [0, 1] })
  assert.equal(
    cells.filter(({ seed }) => seed === 1).map(({ name, images, config }) => [name, images, config.images]),
    [
      ['n1_r4_q+v_lr0.0001_seed1', 1, 1],
      ['n5_r4_q+v_lr0.0001_seed1', 5, 5],
      ['nall_r4_q+v_lr0.0001_seed1', null, null],
    ],
  )
  assert.equal(
    [...new Set(cells.map(({ group }) => recipeOf(group)))],
    spanned({ rank: [4] }).map(({ group }) => group),
  )
  refused(() => spanned({ images: [0] }), /images takes whole numbers from 1/)
  refused(() => spanned({ images: ['all'] }), /images takes whole numbers/)
})

test('any other key of the configuration is an axis; what the recipe has anyway is not in the name', () => {
  const cells = spanned({ rank: [4], set: { 'loss.boundary': [0, 1], 'augment.magnification': [[1, 2], 'auto'] } })
  assert.equal(
    cells.map(({ name, config }) => [
      name,
      config.loss.boundary,
      (config.augment as { magnification: unknown }).magnification,
    ]),
    [
      ['r4_q+v_lr0.0001_augment.magnification-1-2-_seed0', 0, [1, 2]],
      ['r4_q+v_lr0.0001_augment.magnificationauto_seed0', 0, 'auto'],
      ['r4_q+v_lr0.0001_loss.boundary1_augment.magnification-1-2-_seed0', 1, [1, 2]],
      ['r4_q+v_lr0.0001_loss.boundary1_augment.magnificationauto_seed0', 1, 'auto'],
    ],
  )
  assert.is(cells[2].config.loss.bce, cells[0].config.loss.bce, 'other keys of the same part stay')
  const decay = { 'optimizer.algorithm': ['adamw'], 'optimizer.weightDecay': [1] }
  const [{ config, group }] = spanned({ rank: [4], lr: [1e-3], set: decay })
  assert.equal([config.optimizer.learningRate, config.optimizer.weightDecay], [1e-3, 1])
  assert.is(group, 'r4_q+v_lr0.001_optimizer.algorithmadamw_optimizer.weightDecay1')
  const outcome = (cell: (typeof cells)[number]): CellOutcome => ({ cell, count: { parameters: 1, dense: 0, all: 1 }, result: null, failure: null }) // prettier-ignore
  const table = cellsOfTable(rowsOf(cells.map(outcome)), [])
  assert.equal(table.map((row) => row[4]), ['loss.boundary', '0', '0', '1', '1']) // prettier-ignore
  assert.match(csvTable(cells.map(outcome)).split('\n')[1], ',0,"[1,2]",0,')

  refused(() => spanned({ set: { 'lora.rank': [4] } }), /recipe: lora.rank has an axis, rank/)
  refused(() => spanned({ set: { data: [['x']] } }), /data is the same in all cells/)
  refused(() => spanned({ set: { 'loss.boundry': [1] } }), /loss.boundry/)
  refused(() => spanned({ set: { 'loss.boundary': [-1] } }), /loss.boundary must be/)
  refused(() => spanned({ set: { 'loss.boundary': 1 } }), /set takes lists of values by key/)
  refused(() => spanned({ set: { '__proto__.x': [1] } }), /is no key of a configuration/)
  assert.equal(parseSetting('loss.boundary=0, 1'), ['loss.boundary', [0, 1]])
  assert.equal(parseSetting('augment.magnification=[1,2],auto'), ['augment.magnification', ['[1', '2]', 'auto']])
  assert.equal(parseSetting('augment.magnification=[1,2],"auto"'), ['augment.magnification', [[1, 2], 'auto']])
  assert.equal(parseSetting('optimizer.algorithm=adam,adamw'), ['optimizer.algorithm', ['adam', 'adamw']])
  refused(() => parseSetting('average'), /--set takes KEY=VALUE/)
})

test('the recipes of bench/recipes are grids of the defaults', async () => {
  const files = await readdir('bench/recipes')
  const shared = await readConfigFile('bench/recipes/base.json')
  for (const file of files.filter((name) => name !== 'base.json')) {
    const { grids = [{}], ...common } = await readConfigFile(`bench/recipes/${file}`)
    const cells = (grids as object[]).flatMap((grid) =>
      cellsOf(checkGrid({ ...common, ...grid }, file), { data: ['x'], ...shared }, 'split.json', file),
    )
    assert.ok(cells.length >= 3, file)
    assert.is(new Set(cells.map(({ name }) => name)).size, cells.length, file)
  }
})

test('scales: fixed, divided by the rank, divided by its square root', () => {
  const scales = spanned({ rank: [4, 16], alphaScale: ['0.5', '8/r', '4/sqrt'] }).map(({ config: { lora } }) => [
    lora.rank,
    lora.alpha,
    lora.rslora,
  ])
  assert.equal(scales, [
    [4, 2, false],
    [4, 8, false],
    [4, 4, true],
    [16, 8, false],
    [16, 8, false],
    [16, 4, true],
  ])
})

test('targets in the encoder, the decoder, both', () => {
  assert.equal(targetsAt(['q', 'v', 'lin1'], 'encoder'), ['q', 'v', 'lin1'])
  assert.equal(targetsAt(['q', 'v', 'lin1', 'decoder.iou'], 'decoder'), ['decoder.q', 'decoder.v', 'decoder.iou'])
  assert.equal(targetsAt(['proj', 'q'], 'both'), ['q', 'proj', 'decoder.q', 'decoder.out'])
  refused(() => targetsAt(['lin2'], 'decoder'), /where decoder with targets lin2: none of them is in the decoder/)
  const sets = spanned({
    targets: [
      ['v', 'q'],
      ['q', 'k', 'v'],
    ],
    where: ['encoder', 'decoder'],
  })
  assert.equal(
    sets.map(({ targets }) => targets.join()),
    ['q,v', 'q,k,v', 'decoder.q,decoder.v', 'decoder.q,decoder.k,decoder.v'],
  )
})

test('an invalid grid is refused, naming the axis', () => {
  refused(() => spanned({ ranks: [4] }), /grid.json:\n {2}ranks is not an axis: did you mean rank\?/)
  refused(() => spanned({ rank: [] }), /rank takes a list of at least one/)
  refused(() => spanned({ rank: [2.5] }), /rank takes whole numbers/)
  refused(() => spanned({ rank: '4' }), /rank takes a list/)
  refused(() => spanned({ lr: [0] }), /lr takes numbers above 0/)
  refused(() => spanned({ lr: [NaN] }), /lr takes/)
  refused(() => spanned({ alphaScale: ['0/r'] }), /alphaScale takes scales/)
  refused(() => spanned({ alphaScale: ['$(rm)'] }), /alphaScale takes scales/)
  refused(() => spanned({ targets: [['q', '../x']] }), /targets takes sets of/)
  refused(() => spanned({ kind: ['none'] }), /kind takes lora, full/)
  refused(() => spanned({ rank: [1e6] }), /lora.rank must be a whole number from 1 to 8192/)
  refused(() => checkGrid(null, 'x'), /x:/)
  refused(
    () => spanned({ where: ['encoder'], targets: [['decoder.q']] }),
    /recipe: where encoder with targets decoder.q: none of them is in the encoder/,
  )
  let deep: unknown = 4
  for (let i = 0; i < 1e5; i++) deep = [deep]
  refused(() => spanned({ rank: deep }), /rank takes .*, not a list$/)
})

test('the parameter count is that of training, and break-even is at half the width', async () => {
  const model = await openToy('toy_vit', 48)
  const shapes = await linearShapes(toyConfig('nowhere', base))
  for (const over of [
    { rank: 3 },
    { rank: 5, targets: ['q', 'proj', 'decoder.iou'] },
    { kind: 'full', targets: ['k', 'lin1'] },
  ]) {
    const config = toyConfig('nowhere', { ...base, lora: over })
    const adaptation = await openAdaptation(model, config, () => {})
    assert.is(countParameters(shapes, config).parameters, adaptation.adapterParameters)
    adaptation.release()
  }
  const width = shapes.get('image_encoder.blocks.0.attn.qkv')!.weight.shape[1]
  const dense = (over: object) => countParameters(shapes, toyConfig('nowhere', { ...base, lora: over })).dense
  assert.is(dense({ rank: width / 2 }), 0)
  assert.ok(dense({ rank: width / 2 + 1 }) > 0)
  assert.is(dense({ rank: width, kind: 'full' }), 0)
  refused(
    () => countParameters(shapes, toyConfig('x', { ...base, lora: { blocks: ['77'] } })),
    /blocks not in this model: 77/,
  )
  assert.is(loraConfig(toyConfig('x', base)).alpha, 4)
})

test('means and standard deviations over the seeds, and their tables and charts', () => {
  assert.equal(meanOf([0.9]), { mean: 0.9, spread: null })
  const { mean, spread } = meanOf([1, 2, 6])
  assert.is(mean, 3)
  assert.ok(Math.abs(spread! - Math.sqrt(7)) < 1e-12)

  const cells = spanned({ kind: ['lora', 'full'], rank: [4, 16], seeds: [0, 1] })
  const measured = (dice: number) => ({ dice, miou: dice, accuracy: dice, instanceDice: dice })
  const outcomes = cells.map((cell, i): CellOutcome => {
    const scores = { point: measured(0.8 + i / 100), box: measured(0.9) }
    const numbers = { parameters: 7, steps: 2, seconds: 30, secondsPerStep: 2, wallSeconds: 40, plannedBytes: 2 ** 20 }
    const result: CellResult = { version: 1, name: cell.name, ...numbers, adapter: 'last', scores }
    const failed = i === 3
    const count = { parameters: 7, dense: cell.rank === 16 ? 2 : 0, all: 4 }
    return { cell, count, result: failed ? null : result, failure: failed ? 'the loss is NaN | so\nmore' : null }
  })
  const rows = rowsOf(outcomes)
  assert.equal(
    rows.map(({ seeds }) => seeds),
    [[0, 1], [0], [0, 1]],
  )
  const table = cellsOfTable(rows, [{ name: 'base', size: 96, scores: { point: measured(0.5), box: measured(0.6) } }])
  assert.is(table.length, 5)
  assert.ok(table[1].includes('50.00') && table[1].includes('60.00'))
  assert.ok(table[2].includes('80.50 ± 0.71'), table[2].join())
  assert.ok(
    table[3].includes('82.00') &&
      table[3].at(-1) === 'past break-even in 2 of 4 matrices; failed: the loss is NaN | so',
  )
  assert.ok(markdownTable(table).includes('NaN \\| so |'))
  const csv = csvTable(outcomes).trim().split('\n')
  assert.is(csv.length, 7)
  assert.ok(csv[1].startsWith('r4_q+v_lr0.0001_seed0,lora,4,,0.0001,q v,,0,7,0,0.8,'))
  const charts = chartsOf(rows)
  assert.equal(
    charts[0].series.map(({ name, points }) => [name, points.length]),
    [
      ['LoRA, lr 0.0001', 2],
      ['full, lr 0.0001', 2],
    ],
  )
  const svg = chartsSvg(charts)
  assert.match(svg, '>16<')
  assert.not.match(svg, 'NaN')
  assert.is(chartsSvg(chartsOf([])), '')

  // more than four lines: each set of targets has its own charts
  const many = spanned({ kind: ['lora'], rank: [4, 16], lr: [1e-4, 1e-3, 1e-2], targets: [['q'], ['v']] }).map(
    (cell): CellOutcome => ({
      ...outcomes[0],
      cell,
    }),
  )
  const split = chartsOf(rowsOf(many))
  assert.equal(
    split.slice(0, 4).map(({ targets, series }) => [targets, series.length]),
    [
      ['q', 3],
      ['q', 2],
      ['v', 3],
      ['v', 2],
    ],
  )
  assert.match(split[0].html, 'Dice against rank, point prompts, %: q')
  assert.match(chartsSvg(split), '<text y="30">v</text>')

  // a set of targets with a single rank and a single rate has no chart
  const lone = spanned({ kind: ['lora'], rank: [4], lr: [1e-3], targets: [['k']] }).map((cell): CellOutcome => ({
    ...outcomes[0],
    cell,
  }))
  assert.ok(chartsOf(rowsOf([...many, ...lone])).every(({ targets }) => targets === 'q' || targets === 'v'))
})

test.run()
