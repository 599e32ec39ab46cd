/** @file The report: complete in itself, safe with hostile names, and drawn from what was measured. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Mask } from '../../engine/masks/mask'
import { axis, lineChart, smooth } from '../../src/report/chart'
import type { Figure } from '../../src/report/figures'
import { overlay, wholeMask } from '../../src/report/overlay'
import {
  colours,
  drawErrors,
  drawOutlines,
  pack,
  rasterOfLabels,
  rasterOfMasks,
  shownSize,
  unpack,
} from '../../src/report/raster'
import { renderReport, type Report } from '../../src/report/report'
import { comparisonRows, comparisonTable, percent } from '../../src/report/table'
import { checkConfig } from '../../src/training/config'
import type { Evaluation } from '../../src/evaluation/evaluate'

const evaluation = (prompt: 'point' | 'box', dice: number): Evaluation => ({
  prompt,
  dice,
  miou: dice / 2,
  accuracy: 0.5,
  pooled: { dice, miou: 0, accuracy: 0 },
  instanceDice: dice - 0.1,
  instanceIou: 0.2,
  instances: 7,
  perImage: [{ id: 'a', dice, miou: 0, accuracy: 0, instanceDice: 0, instanceIou: 0, instances: 7 }],
})

const comparison = {
  base: [evaluation('point', 0.5), evaluation('box', 0.8)],
  adapted: [evaluation('point', 0.75), evaluation('box', 0.7)],
}

const evil = `<img src=x onerror="alert('1')">&`

const figure: Figure = {
  id: evil,
  rank: 'worst',
  prompt: 'point',
  size: { width: 20, height: 10 },
  instances: 7,
  scores: { base: { dice: 0.5, instanceDice: 0.4 } },
  pictures: [{ caption: 'Image', uri: 'data:image/jpeg;base64,AAAA' }],
}

const report: Report = {
  title: `title ${evil}`,
  about: evil,
  comparison,
  figures: [figure],
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

test('the page loads nothing and runs nothing', () => {
  const html = renderReport(report)
  assert.not.match(html, /<script|https?:|<link|@import|url\(/i)
  assert.equal(
    [...html.matchAll(/\b(?:src|href)="([^"]{0,5})/g)].map(([, start]) => start),
    ['data:'],
  )
})

test('names with markup in them are text', () => {
  const html = renderReport(report)
  assert.not.ok(html.includes('<img src=x'))
  assert.ok(html.split('&lt;img src=x').length > 6)
  assert.not.match(html, /NaN|undefined|Infinity/)
})

test('the scores are there, with the sign of their change', () => {
  const html = renderReport(report)
  for (const text of ['50.00 → 75.00', '+25.00', '−10.00', 'class="down"', 'Loss', 'Gradient norm'])
    assert.ok(html.includes(text), text)
  assert.not.ok(html.includes('Dice on the validation'), 'no chart without points')
})

test('a report of a base model alone', () => {
  const html = renderReport({ ...report, comparison: { base: comparison.base, adapted: null }, run: null, figures: [] })
  assert.not.match(html, /adapted<\/td>|→|Examples/)
})

test('the table for a terminal', () => {
  const lines = comparisonTable(comparison).split('\n')
  assert.is(lines.length, 7)
  assert.match(lines[2], /^ +adapted +75\.00 +37\.50 +50\.00 +65\.00 +20\.00$/)
  assert.match(lines[6], /^ +change +−10\.00/)
  assert.equal(comparisonRows({ base: comparison.base, adapted: null }).length, 2)
  assert.is(percent(0.96144), '96.14')
})

test('axes have round numbers around their values', () => {
  assert.equal(axis([0.13, 0.87]), { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1] })
  for (const values of [[5], [0], [-3, -3], [1e-9, 2e-9], [0, 1e12]]) {
    const { low, high, ticks } = axis(values)
    assert.ok(low <= Math.min(...values) && high >= Math.max(...values) && high > low && ticks.length < 12, `${values}`)
  }
})

test('a curve of very many points stays a small picture and keeps its shape', () => {
  const points = Array.from({ length: 200_000 }, (_, i): [number, number] => [i, i % 2])
  const svg = lineChart({ title: 't', x: 'step', series: [{ name: 'a', points, colour: 1 }] })
  assert.ok(svg.length < 10_000)
  assert.equal(smooth([[0, 1], [1, 0], [2, 0]], 0.5), [[0, 1], [1, 0.5], [2, 0.25]]) // prettier-ignore
  assert.is(lineChart({ title: 't', x: 'step', series: [{ name: 'a', points: [], colour: 1 }] }), '')
})

const size = { width: 8, height: 4 }
const block = (x0: number, y0: number, width: number, height: number): Mask => ({ x0, y0, width, height, data: new Uint8Array(width * height).fill(1) }) // prettier-ignore

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
    wholeMask(mask, image).reduce((a, b) => a + b / 255, 0),
    36,
  )
  assert.ok(
    image.rgb.every((v) => v === 100),
    'the image itself is left alone',
  )
})

test.run()
