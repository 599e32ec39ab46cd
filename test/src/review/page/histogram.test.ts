/** @file The histogram beside the list: it follows edits, selects masks, and takes accepted images in. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BrowserContext } from 'playwright-core'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 400, height: 300 }
const dir = scratch()
const browser = await openBrowser()
const row = (side: number, y: number, length = 7) =>
  Array.from({ length }, (_, i) => square(10 + 50 * i, y, side, size))
// eight of side 10, seven of side 20, and one at the edge, which does not count
await writeImage(dir, 'a', [...row(10, 10, 8), ...row(20, 60), square(0, 200, 50, size)], size)
await writeImage(dir, 'b', row(30, 60), size)
const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1300, height: 900 } })) as BrowserContext
let tab: ReviewTab

const d50 = async () => Number((await tab.page.locator('.histogram header b').innerText()).replace(',', ''))
const diameter = (side: number) => Math.sqrt((4 * side * side) / Math.PI)
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 0.01 * b, `${a}, not ${b}`)

testInBrowser('a bar selects its masks, and selected masks are marked in the histogram', async () => {
  tab = await ReviewTab.open(context, url, size)
  const { page } = tab
  await page.locator('.histogram dd', { hasText: '15' }).waitFor()
  await page.locator('.bin[aria-label*="8 particles"]').click()
  await tab.expect({ selected: 8 })
  assert.equal((await tab.selectedLines()).sort(), [1, 2, 3, 4, 5, 6, 7, 8])
  assert.is(await page.locator('.marked').count(), 1)
  await page.keyboard.down('Shift')
  await page.locator('.bin[aria-label*="7 particles"]').click()
  await page.keyboard.up('Shift')
  await tab.expect({ selected: 15 })
  assert.is(await page.locator('.marked').count(), 2)
})

testInBrowser('D50 follows each edit, and its undo', async () => {
  await tab.page.locator('.bin[aria-label*="8 particles"]').click()
  await tab.expect({ selected: 8 })
  await tab.press('Delete')
  await tab.expect({ masks: 8 })
  near(await d50(), diameter(20))
  await tab.press('Control+z')
  await tab.expect({ masks: 16 })
  assert.ok((await d50()) < 0.9 * diameter(20), `${await d50()}`)
})

testInBrowser('accepted images are counted with this one', async () => {
  const { page } = tab
  await page.locator('.image-line', { hasText: 'b' }).click()
  await tab.ready()
  near(await d50(), diameter(30))
  await tab.press('Shift+A')
  await tab.saved()
  await page.locator('.image-line', { hasText: 'a' }).first().click()
  await page.locator('.where b', { hasText: 'a' }).waitFor()
  await tab.ready()
  await page.getByLabel('Images of the histogram').selectOption('accepted')
  await page.locator('.histogram', { hasText: '2 images' }).waitFor()
  await page.locator('.histogram dd', { hasText: '22' }).waitFor()
  near(await d50(), diameter(20))
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
