/** @file The evaluation report: a self-contained page, safe with hostile names, with the right scores and drawings. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wholeView } from '../../../engine/scale/view'
import type { Mask } from '../../../engine/masks/mask'
import { paintMasks } from '../../../engine/masks/mask-algebra'
import { scoreComparison, WATERSHED } from '../../../src/evaluation/compare'
import type { TalliedMode } from '../../../src/evaluation/evaluate'
import type { PromptMode } from '../../../src/evaluation/segmenter'
import { iouLevels } from '../../../src/evaluation/matching'
import type { ImageTally } from '../../../src/evaluation/image-tally'
import { axis, lineChart, smooth } from '../../../src/drawing/chart'
import type { Example } from '../../../src/report/example-images'
import { overlay } from '../../../src/drawing/mask-overlay'
import {
  colours,
  drawChanges,
  drawErrors,
  drawOutlines,
  pack,
  rasterOfLabels,
  rasterOfMasks,
  shownSize,
  unpack,
  UNKNOWN,
} from '../../../src/drawing/raster'
import { answersSection } from '../../../src/report/answers'
import { renderEvaluationReport, type EvaluationReport } from '../../../src/report/evaluation-report'
import {
  type ScoreTable,
  scoreTables,
  comparisonTable,
  formatValue,
  percent,
  shownMeasures,
  formatCell,
  formatCellInterval,
  type ScoreCell,
} from '../../../src/report/evaluation-table'
import { reliabilityLines, reliabilitySection } from '../../../src/report/reliability'
import { sizeTextTable } from '../../../src/report/size-table'
import { timeTextTable } from '../../../src/report/time-table'
import { checkConfig } from '../../../src/training/config'

/** An image whose Dice is as given, of seven instances all found by one mask each. */
const image = (id: string, dice: number): ImageTally => ({
  id,
  view: wholeView({ width: 10, height: 10 }, 20),
  instances: 7,
  masks: 7,
  confusion: { truePositive: 1, falsePositive: 0, falseNegative: 0, trueNegative: 1 },
  regions: { dice, miou: dice / 2, accuracy: 0.5 },
  ious: Array(7).fill(0.8),
  found: iouLevels.map((level) => (level <= 0.8 ? 7 : 0)),
  detections: Array(7).fill({ score: 0.9, iou: 0.8, hits: 0b1111111 }),
  boundary: { precision: 1, recall: 0.5, f: 2 / 3 },
  size: { pixels: 1.5, relative: 0.05 },
  diameters: { masks: Array(7).fill(31.5), instances: Array(7).fill(30) },
})

const mode = (prompt: PromptMode, dice: number[]): TalliedMode => ({
  prompt,
  images: dice.map((one, i) => image(`i${i}`, one)),
  seconds: dice.map((_, i) => ({ encode: 2 + i, masks: 0.5 })),
})
const modes = (point: number[], box: number[]): TalliedMode[] => [mode('point', point), mode('box', box)]

const base = { name: 'base', path: null, size: 64, rival: true, modes: modes([0.4, 0.6], [0.9, 0.7]) }
const adapted = { name: 'adapted', path: 'runs/a', size: 64, rival: false, modes: modes([0.7, 0.8], [0.8, 0.6]) }
const watershed = { name: WATERSHED, path: null, size: null, rival: true }
const comparison = scoreComparison([base, adapted])

const evil = `<img src=x onerror="alert('1')">&`

const figure: Example = {
  id: evil,
  rank: 'worst',
  prompt: 'point',
  size: { width: 20, height: 10 },
  instances: 7,
  by: { measure: 'instanceDice', model: 'base' },
  scores: [`base: Dice 50.00 ${evil}`],
  pictures: [{ caption: 'Image', uri: 'data:image/jpeg;base64,AAAA' }],
}

const report: EvaluationReport = {
  title: `title ${evil}`,
  about: evil,
  comparison,
  examples: [figure],
  worst: [],
  facts: [['Data', evil]],
  run: {
    config: checkConfig({ data: [evil], model: evil }, 'test'),
    steps: [1, 2, 3].map((step) => ({
      kind: 'step' as const,
      step,
      epoch: step,
      loss: 1 / step,
      learningRate: 1e-4,
      gradientNorm: step === 2 ? Infinity : 1,
      time: { seconds: step },
    })),
    validations: [],
    seconds: 3,
  },
  hardware: { adapter: evil, driver: 'd', software: true, processor: 'p', system: 's', versions: 'v' },
  commands: [`wgsam eval --data ${evil}`],
}

test('the page has no external resources and no scripts', async () => {
  const html = await renderEvaluationReport(report)
  assert.not.match(html, /<script|https?:|<link|@import|url\(/i)
  assert.equal(
    [...html.matchAll(/\b(?:src|href)="([^"]{0,5})/g)].map(([, start]) => start),
    ['data:'],
  )
})

test('names with markup in them are text', async () => {
  const html = await renderEvaluationReport(report)
  assert.not.ok(html.includes('<img src=x'))
  assert.ok(html.split('&lt;img src=x').length > 6)
  assert.not.match(html, /NaN|undefined|Infinity/)
})

test('the scores are there, with the sign of their change', async () => {
  const html = await renderEvaluationReport(report)
  for (const text of [
    '50.00 → 75.00',
    '+25.00',
    '−10.00',
    'class="down"',
    'class="up"',
    '<th>i1</th><td>7</td>',
    'Loss',
    'Gradient norm',
  ])
    assert.ok(html.includes(text), text)
  assert.not.ok(html.includes('Dice on the validation'), 'no chart without points')
})

test('a report of a base model alone', async () => {
  const html = await renderEvaluationReport({ ...report, comparison: scoreComparison([base]), run: null, examples: [] })
  assert.not.match(html, /Adapted model|→|Examples|change<\/th>/)
})

test('a report of masks found automatically draws their sizes and those of the labels', async () => {
  const auto = (dice: number[]) => mode('auto', dice)
  const html = await renderEvaluationReport({
    ...report,
    comparison: scoreComparison([
      { ...base, modes: [auto([0.4, 0.6])] },
      { ...adapted, modes: [auto([0.7, 0.8])] },
      { ...watershed, modes: [auto([0.3, 0.3])] },
    ]),
  })
  for (const text of ['Otsu and watershed', 'count error', 'mSA', 'Smaller particles', '>labels<'])
    assert.ok(html.includes(text), text)
  assert.is(html.split('change</th>').length - 1, 1, 'rivals have no change')
})

test('the table for a terminal: a block for each prompt mode, intervals, and the change', () => {
  const lines = comparisonTable(comparison).split('\n')
  const rows = shownMeasures.point.length + 1
  assert.is(lines.length, 2 * rows + 1)
  assert.match(lines[0], /^point prompts +base +adapted +change +error removed$/)
  // two images: half of the resamples contain one of them twice
  assert.match(lines[1], /^ {2}Dice +50\.00 +75\.00 +\+25\.00 \[\+20\.00, \+30\.00\] +50 %$/)
  assert.match(lines[rows + 2], /^ {2}Dice +80\.00 .* −10\.00 \[−10\.00, −10\.00\] +−50 %$/)
  assert.match(lines.join('\n'), /size error, px +1\.50 +1\.50 +\+0\.00 \[\+0\.00, \+0\.00\]/)
  // a single model has its own intervals
  assert.match(comparisonTable(scoreComparison([base])), /Dice +50\.00 \[40\.00, 60\.00\]\n/)
  assert.is(percent(0.96144), '96.14')
  const doubled: ScoreCell = { kind: 'removed', value: -24.93, interval: [-30, 0.5], better: false }
  assert.is(formatCell('dice', doubled), 'below −100 %')
  assert.is(formatCellInterval('dice', doubled), '[below −100 %, 50 %]')
})

test('the best rival is named, and models with different input sizes have different names', async () => {
  const small = { ...adapted, size: 32 }
  const strong = { ...watershed, modes: modes([0.5, 0.7], [0.1, 0.1]) }
  const three = scoreComparison([small, strong, base])
  assert.equal(
    three.models.map(({ name }) => name),
    ['base', WATERSHED, 'adapted'],
    'rivals first, the largest input before the others',
  )
  assert.match(comparisonTable(three), /^point prompts +base at 64 +watershed +adapted at 32 +change/)
  const html = await renderEvaluationReport({ ...report, comparison: three })
  assert.match(
    html,
    /60\.00 → 75\.00<\/b><span>Dice in percent, point prompts, from the best rival \(Otsu and watershed\), \+15\.00 points, 38 % of the error removed/,
  )
  assert.match(html, '<th>Base model at 64</th><th>Otsu and watershed</th><th>Adapted model at 32</th>')
})

test('sizes and times: for a terminal and in the page, with the units and the device', async () => {
  const rows = sizeTextTable(comparison).split('\n')
  assert.match(rows[0], 'recall at IoU 0.75')
  // all particles have 30 pixels in the image, 60 at the input, and an IoU of 0.8
  assert.match(rows[2], /^point prompts, diameter in the image, px +base +adapted$/)
  assert.match(rows[3], /^ {2}16 to 32 +88\.89 100\.00 \(14\) +88\.89 100\.00 \(14\)$/)
  assert.match(rows[5], /^point prompts, diameter at the model’s input, px/)
  assert.match(rows[6], /^ {2}32 to 64 /)
  assert.is(rows.length, 2 + 4 * 2 + 3)
  const times = timeTextTable(comparison, 'a card').split('\n')
  assert.equal([times[0], times.length], ['seconds per image, median over the images; a card', 8])
  assert.match(times[3], /^encoding +2\.5 +2\.5$/)
  assert.match(times[4], /^masks, point prompts +0\.50 +0\.50$/)
  assert.match(times[6], /^whole, point prompts +3\.0 +3\.0$/)
  const html = await renderEvaluationReport(report)
  for (const text of ['By particle size', '<th>16 to 32</th>', 'whole, box prompts', 'Instance Dice, point prompts, %'])
    assert.ok(html.includes(text), text)
  const auto = mode('auto', [0.3, 0.3])
  const images = auto.images.map((one) => ({ ...one, view: undefined }))
  const alone = scoreComparison([{ ...watershed, modes: [{ ...auto, images }] }])
  assert.is(sizeTextTable(alone).split('\n').length, 4, 'no sizes at the input of a method without a model')
  assert.match(timeTextTable(alone, ''), /^whole, automatic +3\.0$/m)
})

test('one image has no interval; a change whose interval includes 0 is neither better nor worse', async () => {
  const one = scoreComparison([
    { ...base, modes: modes([0.4], [0.4]) },
    { ...adapted, modes: modes([0.7], [0.3]) },
  ])
  const page = await renderEvaluationReport({ ...report, comparison: one })
  assert.match(page, /<b>One image: no statement about other images is possible\.<\/b>/)
  assert.not.match(page, /points|of the error removed<\/span>/, 'the tiles claim no gain')
  assert.match(comparisonTable(one), /^One image: no statement/)
  assert.not.match(comparisonTable(comparison), /One image/)
  const dice = ({ rows }: ScoreTable) => rows[0].cells.map(({ value, interval, better }) => [value, interval, better])
  assert.equal(scoreTables(one).map(dice), [
    [
      [0.4, null, null],
      [0.7, null, null],
      [0.7 - 0.4, null, null],
      [1 - (1 - 0.7) / (1 - 0.4), null, null],
    ],
    [
      [0.4, null, null],
      [0.3, null, null],
      [0.3 - 0.4, null, null],
      [1 - (1 - 0.3) / (1 - 0.4), null, null],
    ],
  ])
  const mixed = scoreComparison([base, { ...adapted, modes: modes([0.5, 0.5], [0.95, 0.6]) }])
  assert.equal(
    scoreTables(mixed).map(({ rows }) => rows[0].cells.at(-2)!.better),
    [null, null],
  )
  const [{ evaluations }] = one.models
  assert.is(formatValue('dice', NaN), '–')
  assert.is(evaluations[0].intervals.dice, null)
})

test('what a scientist asks first: found, false, D50, beside the best alternative', () => {
  const auto = (found: number, masks: number, factor: number): TalliedMode => ({
    ...mode('auto', [0.5, 0.6]),
    images: [0, 1].map((i) => ({
      ...image(`i${i}`, 0.5),
      ...{ masks, found: iouLevels.map(() => found) },
      diameters: { masks: Array(masks).fill(30 * factor), instances: Array(7).fill(30) },
    })),
  })
  const html = answersSection(
    scoreComparison([
      { ...base, modes: [auto(2, 3, 1)] },
      { ...watershed, modes: [auto(5, 9, 1.4)] },
      { ...adapted, modes: [auto(6, 8, 1.05)] },
    ]),
  )
  for (const text of [
    'Adapted model finds 12 of 14 particles with 4 false masks; the best alternative, Otsu and watershed, finds 10 with 8 false masks.',
    'D50 is 5.0 % too large; the interval, +5.0 to +5.0 %, leaves out 0: it is a bias.',
    '<td class="up">12 of 14 <small>85.7 % [85.7, 85.7]</small></td>',
    '<td>2 of 6 <small>33.3 % [33.3, 33.3]</small></td>',
  ])
    assert.match(html, text)
  // one image: nothing is coloured, and it says so
  const single = (of: TalliedMode) => [{ ...of, images: of.images.slice(0, 1) }]
  const alone = answersSection(
    scoreComparison([
      { ...base, modes: single(auto(2, 3, 1)) },
      { ...adapted, modes: single(auto(6, 8, 1.05)) },
    ]),
  )
  assert.match(alone, 'One image: no statement about other images is possible.')
  assert.not.match(alone, /class="(up|down)"/)
  assert.match(alone, 'D50 is 5.0 % too large on this image.')
})

test('axes have round numbers around their values', () => {
  assert.is(axis([0, 0]).low, 0, 'a percentage that is 0 is not drawn below 0')
  assert.equal(axis([0.13, 0.87]), { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1] })
  for (const values of [[5], [0], [-3, -3], [1e-9, 2e-9], [0, 1e12]]) {
    const { low, high, ticks } = axis(values)
    assert.ok(low <= Math.min(...values) && high >= Math.max(...values) && high > low && ticks.length < 12, `${values}`)
  }
})

test('a curve with very many points becomes a small file and keeps its shape', () => {
  const points = Array.from({ length: 200_000 }, (_, i): [number, number] => [i, i % 2])
  const svg = lineChart({ title: 't', x: 'step', series: [{ name: 'a', points, colour: 1 }] })
  assert.ok(svg.length < 10_000)
  assert.equal(
    smooth(
      [
        [0, 1],
        [1, 0],
        [2, 0],
      ],
      0.5,
    ),
    [
      [0, 1],
      [1, 0.5],
      [2, 0.25],
    ],
  )
  assert.is(lineChart({ title: 't', x: 'step', series: [{ name: 'a', points: [], colour: 1 }] }), '')
})

test('the reliability of automatic masks, as predicted and calibrated, is in table and report', async () => {
  const knots = [
    [0.5, 0.5],
    [0.9, 0.8],
  ] as const
  // every mask has a predicted IoU of 0.9 and a true one of 0.8
  const auto = { ...adapted, modes: [mode('auto', [0.7, 0.8])], calibration: knots }
  const comparison = scoreComparison([{ ...base, modes: [mode('auto', [0.4, 0.6])] }, auto], { resamples: 100 })
  assert.equal(reliabilityLines(comparison), [
    'base: calibration error of the predicted IoU: 10.00 % as predicted',
    'adapted: calibration error of the predicted IoU: 10.00 % as predicted, 0.00 % calibrated',
  ])
  assert.is(comparison.models[1].evaluations[0].reliability!.raw.bins[0].count, 14)
  assert.match(
    reliabilitySection(comparison),
    /True IoU by predicted IoU: Adapted model[^]*calibrated<\/span>[^]*10\.00 % as predicted/,
  )
  const prompted = scoreComparison([base, adapted], { resamples: 100 })
  assert.equal(reliabilityLines(prompted), [])
  assert.is(reliabilitySection(prompted), '')
})

const size = { width: 8, height: 4 }
const block = (x0: number, y0: number, width: number, height: number): Mask => ({
  x0,
  y0,
  width,
  height,
  data: new Uint8Array(width * height).fill(1),
})

test('rasters: the smaller mask on top, at half the size, packed and unpacked', () => {
  const raster = rasterOfMasks([block(2, 2, 2, 2), block(0, 0, 8, 4)], size, { width: 4, height: 2 })
  assert.equal([...raster.data], [2, 2, 2, 2, 2, 1, 2, 2])
  assert.equal(unpack(pack(raster), raster), raster)
  assert.equal(shownSize({ width: 1280, height: 960 }, 640), { width: 640, height: 480 })
  assert.equal(shownSize({ width: 9000, height: 2 }, 640), { width: 640, height: 1 })
})

test('errors are coloured by their kind', () => {
  const labels = Uint16Array.of(0, 0, 9, 9, 9, 4, 4, 7)
  const line = { width: 8, height: 1 }
  const truth = rasterOfLabels(labels, line, [9, 4], line)
  // prompted: 9 as 1, 4 as 2; 7 was not
  const predicted = { ...line, data: Uint16Array.of(0, 1, 1, 0, 2, 2, 2, 1) }
  const rgb = new Uint8Array(24)
  drawErrors(rgb, predicted, truth)
  const half = (colour: readonly number[]) => colour.map((c) => Math.floor(c / 2))
  const none = [0, 0, 0]
  const pixels = Array.from({ length: 8 }, (_, i) => [...rgb.subarray(3 * i, 3 * i + 3)])
  assert.equal(pixels, [
    none,
    half(colours.beyond),
    none,
    half(colours.missed),
    half(colours.mistaken),
    none,
    none,
    none,
  ])
  drawOutlines(rgb, predicted, [1, 2, 3])
  assert.equal([...rgb.subarray(0, 6)], [0, 0, 0, 1, 2, 3])
})

test('pixels are coloured if one prediction is right and the other is not', () => {
  const line = { width: 5, height: 1 }
  const raster = (...data: number[]) => ({ ...line, data: Uint16Array.from(data) })
  const rgb = new Uint8Array(15)
  drawChanges(rgb, raster(0, 1, 2, 0, 3), raster(1, 1, 1, 0, 4), raster(1, 1, 2, UNKNOWN, 5))
  const half = (colour: readonly number[]) => colour.map((c) => Math.floor(c / 2))
  const pixels = Array.from({ length: 5 }, (_, i) => [...rgb.subarray(3 * i, 3 * i + 3)])
  assert.equal(pixels, [half(colours.mended), [0, 0, 0], half(colours.broken), [0, 0, 0], [0, 0, 0]])
})

test('an overlay changes the mask and the prompt and nothing else', () => {
  const image = { width: 40, height: 20, rgb: new Uint8Array(40 * 20 * 3).fill(100) }
  const mask = block(10, 5, 6, 6)
  const drawn = overlay(image, mask, { points: [{ x: 30, y: 10, foreground: true }], box: [0, 0, 39, 19] })
  const at = (x: number, y: number) => [...drawn.subarray(3 * (40 * y + x), 3 * (40 * y + x) + 3)]
  assert.equal(at(10, 5), [...colours.predicted])
  assert.equal(at(12, 8), [162, 145, 64])
  assert.equal(at(30, 10), [...colours.truth])
  assert.equal(at(0, 0), [...colours.truth])
  assert.equal(at(5, 15), [100, 100, 100])
  assert.is(
    paintMasks([mask], image, 255).reduce((a, b) => a + b / 255, 0),
    36,
  )
  assert.ok(
    image.rgb.every((v) => v === 100),
    'the image itself is left alone',
  )
})

test.run()
