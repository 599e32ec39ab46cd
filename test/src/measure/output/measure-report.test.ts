/** @file The report and its figures: positions of the drawn numbers; in Chromium if it is installed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as measure } from '../../../../src/commands/measure'
import { cumulative, histogram, standalone } from '../../../../src/drawing/histogram'
import { scratch } from '../../../support/files'
import { discs, pair, run } from '../../../support/dataset-folders'
import { openBrowser, testInBrowser } from '../../../support/browser'

const scale = { title: 'sizes', x: 'diameter, px' }

test('bar heights show fractions, whiskers show intervals', () => {
  const picture = histogram(scale, [0, 1, 2, 3], [{ value: 0.2 }, { value: 0.4, low: 0.2, high: 0.5 }, { value: 0 }])
  const bars = [...picture.matchAll(/<rect class="s1" x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="([\d.]+)"/g)]
  const [one, two, none] = bars.map(([, x, width, height]) => ({ x: +x, width: +width, height: +height }))
  assert.ok(Math.abs(two.height - 2 * one.height) < 0.3 && none.height === 0)
  assert.ok(Math.abs(one.width - two.width) < 0.2 && Math.abs(two.x - one.x - (none.x - two.x)) < 0.2)
  const [, from, to] = /class="whisker" d="M[\d.]+ ([\d.]+)V([\d.]+)"/.exec(picture)!
  assert.ok(Math.abs(+from - +to - 1.5 * one.height) < 0.3)
  assert.is(picture.match(/whisker/g)!.length, 1)
})

test('on a logarithmic axis equal factors are equally wide; names are escaped', () => {
  const picture = histogram({ ...scale, log: true }, [1, 10, 100], [{ value: 0.5 }, { value: 0.5 }])
  const [one, two] = [...picture.matchAll(/width="([\d.]+)"/g)].map(([, width]) => +width)
  assert.ok(Math.abs(one - two) < 0.2)
  const hostile = { name: '<script>', colour: 1, edges: [0, 1], below: [{ value: 0 }, { value: 1 }] }
  const file = standalone(cumulative(scale, [hostile, { ...hostile, colour: 2 }]), [hostile, { ...hostile, colour: 2 }])
  assert.not.match(file, '<script>')
  assert.match(file, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
})

test('the names of percentiles stand inside the chart, also at its right edge', () => {
  const marks = [
    { at: 1, name: 'D10' },
    { at: 2.99, name: 'D90' },
  ]
  const picture = histogram({ ...scale, marks }, [0, 1, 2, 3], [{ value: 0.2 }, { value: 0.4 }, { value: 0.4 }])
  const width = Number(/viewBox="0 0 (\d+)/.exec(picture)![1])
  const name = (text: string) =>
    new RegExp(`<text class="mark" x="([\\d.]+)"( text-anchor="end")? [^>]*>${text}<`).exec(picture)!
  const [, middle, asUsual] = name('D10')
  assert.ok(Number(middle) < width / 2 && !asUsual)
  const [, edge, turned] = name('D90')
  assert.ok(Number(edge) < width && turned)
})

test('names of percentiles do not overlap where one stands after its line and the next before', () => {
  const marks = [2.65, 2.95, 2.99].map((at, i) => ({ at, name: ['D10', 'D50', 'D90'][i] }))
  const picture = histogram({ ...scale, marks }, [0, 1, 2, 3], [{ value: 0.2 }, { value: 0.4 }, { value: 0.4 }])
  const found = [...picture.matchAll(/<text class="mark" x="([\d.]+)"( text-anchor="end")? y="(\d+)"/g)]
  const places = found.map(([, x, before, y]) => ({ start: before ? Number(x) - 25 : Number(x), y: Number(y) }))
  assert.is(places.length, 3)
  for (const [i, a] of places.entries())
    for (const b of places.slice(i + 1))
      assert.ok(a.y !== b.y || Math.abs(a.start - b.start) >= 25, JSON.stringify(places))
})

test('an axis has at least four labels, whatever its range', () => {
  for (const [low, high, log] of [
    [20, 90, true],
    [3, 4000, true],
    [110, 160, true],
    [0, 440, false],
    [37, 41, false],
  ] as const) {
    const picture = histogram({ ...scale, log }, [low, (low + high) / 2, high], [{ value: 0.5 }, { value: 0.5 }])
    const labels = [...picture.matchAll(/text-anchor="middle">([\d.]+)</g)].map(([, text]) => Number(text))
    assert.ok(labels.length >= 4 && labels.length <= 9, `${low} to ${high}: ${labels}`)
    assert.ok(labels.every((label) => label >= low && label <= high))
  }
})

test('sizes with two peaks: the report and the terminal say that D50 is unstable, and give the peaks', async () => {
  const folder = scratch()
  const list = Array.from({ length: 80 }, (_, i) => ({
    ...{ x: 20 + 30 * (i % 10), y: 20 + 30 * Math.floor(i / 10), id: i + 1 },
    r: i % 2 ? 5 : 12,
  }))
  await pair(folder, 'a', discs(320, 260, list), { width: 320, height: 260 })
  const out = join(folder, 'out')
  const { out: printed } = await run(measure, folder, '--out', out, '--resamples', '40', '--edges', 'exclude')
  const report = readFileSync(join(out, 'report.html'), 'utf8')
  for (const text of [printed, report]) {
    assert.match(text, /By number the sizes have 2 peaks: at 10\.\d px \(50\.0 %\) and 2\d\.\d px \(50\.0 %\)/)
    assert.match(text, 'D50 by number lies in a gap and is unstable')
    assert.match(text, /By volume D50 is 2\d\.?\d* px, and does not lie in a gap\./)
  }
  const { modality } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')).scopes.at(-1)
  assert.equal([modality.number.unstable, modality.volume?.unstable ?? false], [true, false])
})

testInBrowser('the report makes no requests, fits a phone, and shows one bar per bin', async () => {
  const browser = (await openBrowser())!
  try {
    const folder = scratch()
    for (let i = 0; i < 6; i++) {
      const list = [4, 5, 6, 7, 8, 9].map((r, k) => ({ x: 12 + 25 * k, y: 20 + i, r: r + (i % 3), id: k + 1 }))
      const [width, height] = [170, 60]
      await pair(folder, `g${i % 2}-a rather long name of an image ${i}`, discs(width, height, list), { width, height })
    }
    const out = join(folder, 'out')
    await run(measure, folder, '--group-by', '^g.', '--pixel-size', '0.5um', '--out', out, '--resamples', '60')
    const { scopes } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8'))
    const { curve } = scopes.at(-1).distribution.number
    const page = await browser.newPage({ viewport: { width: 390, height: 800 } })
    const asked: string[] = []
    const wrong: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    page.on('pageerror', (error) => wrong.push(error.message))
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
    await page.goto(pathToFileURL(join(out, 'report.html')).href)
    assert.is(asked.length, 1)
    assert.equal(wrong, [])
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), 390)
    assert.is(await page.locator('figure').first().locator('rect').count(), curve.shares.length)
    assert.is(await page.locator('h2:has-text("Distributions") ~ .charts').first().locator('figure').count(), 6)
    // a bar selects the particles of its size, a row its particle
    const full = curve.shares.findIndex(({ value }: { value: number }) => value > 0)
    await page.locator('.charts figure').first().locator('rect').nth(full).click()
    assert.ok((await page.locator('.measured path.chosen').count()) > 0)
    const first = page.locator('.measured').first()
    await first.locator('summary').click()
    await first.locator('tbody tr').first().click()
    assert.is(await page.locator('.measured path.chosen').count(), 1)
    assert.match((await first.locator('.chosen-particle').textContent())!, /^Particle 6 · Size, µm /)
    // drawn in the page's colours, not black
    const fill = await page.evaluate(`getComputedStyle(document.querySelector('svg rect')).fill`)
    assert.is(fill, 'rgb(23, 105, 209)')
    // the sheet is one page in print, A4 and letter, and is not cut off
    await page.goto(pathToFileURL(join(out, 'sheet.html')).href)
    for (const format of ['A4', 'Letter']) {
      const printed = (await page.pdf({ format })).toString('latin1')
      assert.is(printed.match(/\/Type\s*\/Page\b/g)!.length, 1, format)
    }
    await page.goto(pathToFileURL(join(out, 'groups-volume.svg')).href)
    assert.is(await page.evaluate('document.documentElement.tagName'), 'svg')
  } finally {
    await browser.close()
  }
})

test.run()
