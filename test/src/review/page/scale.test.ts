/** @file The scale: found scale bars, round lengths, and the pixel size that a person sets in the page and measure uses. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import type { BrowserContext } from 'playwright-core'
import { writePng } from '../../../../src/images/png-writer'
import { project } from '../../../../src/measure/sources/project'
import { projectFile } from '../../../../src/project/project'
import { findScaleBar } from '../../../../src/review/page/image/find-scale-bar'
import { metresText, roundLength } from '../../../../src/review/page/panels/round-length'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { randoms } from '../../../support/random'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 400, height: 300 }

/** Gray noise, or one gray value. */
function ground({ width, height }: typeof size, value?: number): Uint8Array {
  const random = randoms(5)
  return Uint8Array.from({ length: width * height }, () => value ?? 128 + 70 * random())
}

function fill(gray: Uint8Array, [left, top, right, bottom]: number[], value: number): void {
  for (let y = top; y < bottom; y++) gray.fill(value, y * size.width + left, y * size.width + right)
}

test('a white or a black bar is found to the pixel, with and without end marks', () => {
  for (const value of [255, 0])
    for (const ends of [false, true]) {
      const gray = ground(size)
      fill(gray, [210, 260, 333, 264], value)
      if (ends) {
        fill(gray, [210, 254, 212, 270], value)
        fill(gray, [331, 254, 333, 270], value)
      }
      assert.equal(findScaleBar(gray, size), { left: 210, top: 260, right: 333, bottom: 264 })
    }
})

test('neither noise, nor particles, nor the ground of an info bar are scale bars', () => {
  assert.is(findScaleBar(ground(size), size), null)
  const particles = ground(size)
  for (let y = -30; y <= 30; y++) {
    const half = Math.round(Math.sqrt(900 - y * y) * 2)
    fill(particles, [200 - half, 100 + y, 200 + half, 101 + y], 255)
  }
  assert.is(findScaleBar(particles, size), null)
  assert.is(findScaleBar(ground(size, 0), size), null)
})

test('in an info bar the scale bar is found beside text', () => {
  const gray = ground(size, 0)
  // letters: strokes of 3 x 12, and a cross stroke
  for (let x = 20; x < 180; x += 12) {
    fill(gray, [x, 40, x + 3, 52], 255)
    fill(gray, [x, 45, x + 8, 47], 255)
  }
  fill(gray, [240, 44, 340, 47], 255)
  assert.equal(findScaleBar(gray, size), { left: 240, top: 44, right: 340, bottom: 47 })
})

test('scale bars have round lengths that fit', () => {
  for (const most of [1, 1.9, 2, 4.99, 5, 7, 10, 3e-7, 9.99e-10]) {
    const length = roundLength(most)
    assert.ok(length <= most * 1.000001 && length > most / 2.51, `${most}: ${length}`)
    assert.match(length.toExponential(0), /^[125]e/)
    assert.is(Number(length.toExponential(0)), length)
  }
  assert.is(metresText(2e-7), '200 nm')
  assert.is(metresText(1e-6), '1 µm')
  assert.is(metresText(5e-11), '50 pm')
  assert.is(metresText(2e-3), '2 mm')
})

const dir = scratch()
const browser = await openBrowser()
const masks = [square(10, 10, 40, size), square(100, 100, 80, size)]
for (const name of ['a', 'b']) {
  await writeImage(dir, name, masks, size)
  const path = projectFile.proposals(dir, name)
  const file = JSON.parse(readFileSync(path, 'utf8'))
  file.image.croppedBottom = 40
  writeFileSync(path, JSON.stringify(file))
  const bar = { width: 400, height: 40 }
  const data = new Uint8Array(400 * 40)
  for (let y = 18; y < 22; y++) data.fill(255, y * 400 + 150, y * 400 + 250)
  await writePng(projectFile.infoBar(dir, name), { ...bar, channels: 1, data })
}

const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1300, height: 800 } })) as BrowserContext

/** Metres per pixel of each image, as `wgsam measure` reads them. */
async function measured(): Promise<(number | null)[]> {
  const sources = (await project(dir, false)).filter(({ name }) => name.length === 1)
  const read = await Promise.all(sources.map((source) => source.read()))
  return read.map((image) => ('masks' in image ? (image.pixelSize?.metres ?? null) : null))
}

testInBrowser('the scale bar in the info bar is found; its length sets the pixel size of images alike', async () => {
  assert.equal(await measured(), [null, null])
  const tab = await ReviewTab.open(context, url, size)
  const { page } = tab
  assert.match(await page.locator('.bottom').innerText(), 'no scale')
  await page.locator('.columns', { hasText: 'Area' }).waitFor()
  await tab.press('Shift+D')
  const form = page.getByRole('form', { name: 'Scale' })
  await form.getByText('100.0 px').waitFor()
  await form.getByLabel('Length of the scale bar').fill('1')
  await form.getByText('A pixel is 10 nm').waitFor()
  await form.getByText('For all 2 images').waitFor()
  await form.getByRole('button', { name: 'Save' }).click()
  await page.locator('.bottom', { hasText: '10 nm/px' }).waitFor()
  const [a, b] = await measured()
  assert.ok(Math.abs(a! - 1e-8) < 1e-15 && a === b, `${a} ${b}`)
  // lengths are in nm now: the diameter of a circle of 40 x 40 pixels
  await page.locator('.columns', { hasText: '⌀ nm' }).waitFor()
  await page.locator('#mask-1', { hasText: /451/ }).waitFor()
  await page.getByRole('img', { name: /Scale bar: \d+ nm|Scale bar: \d µm/ }).waitFor()
  assert.equal(tab.faults, [])
})

testInBrowser('without a bar that is found the line is dragged; the ruler reads in the new unit', async () => {
  const bare = scratch()
  const small = { width: 200, height: 300 }
  await writeImage(bare, 'c', [square(10, 10, 40, small)], small)
  const own = new Serving(bare)
  const tab = await ReviewTab.open(context, await own.start(), small)
  const { page } = tab
  await tab.press('Shift+D')
  const form = page.getByRole('form', { name: 'Scale' })
  await form.getByText('Drag along the scale bar').waitFor()
  await tab.drag([20, 200], [120, 203])
  await form.getByText(/^How long is this line/).waitFor()
  const pixels = Number(/([\d.]+) px =/.exec(await form.innerText())![1])
  assert.ok(Math.abs(pixels - Math.hypot(100, 3)) < 0.5, `${pixels}`)
  await form.getByLabel('Length of the scale bar').fill('500')
  await form.getByLabel('Unit').selectOption('nm')
  await form.getByRole('button', { name: 'Save' }).click()
  await page.locator('.bottom', { hasText: /(4\.99|5)\d*(\.\d+)? nm\/px/ }).waitFor()
  // saving ends with the tool that selects
  await form.waitFor({ state: 'detached' })
  await tab.press('d')
  await tab.drag([20, 200], [60, 200])
  await page.locator('.hint', { hasText: /Length: (199|20\d)(\.\d+)? nm/ }).waitFor()
  assert.equal(tab.faults, [])
  await own.stop()
})

testInBrowser('the ruler reads lengths; a measured size is forgotten again', async () => {
  const tab = await ReviewTab.open(context, url, size)
  const { page } = tab
  await tab.press('d')
  await page.locator('.hint', { hasText: 'Drag a line' }).waitFor()
  await tab.press('Shift+D')
  const form = page.getByRole('form', { name: 'Scale' })
  await form.getByText('scale bar: 1 µm are 100.0 pixels').waitFor()
  await form.getByRole('button', { name: 'Forget' }).click()
  await page.locator('.bottom', { hasText: 'no scale' }).waitFor()
  assert.equal(await measured(), [null, null])
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
