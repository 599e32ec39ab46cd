/** @file Classes, locks, comments, copy and paste in the page, and what of it is in the log. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BrowserContext } from 'playwright-core'
import { decodeMask } from '../../../../engine/masks/rle'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 200, height: 150 }
const dir = scratch()
const browser = await openBrowser()
await writeImage(dir, 'a', [square(20, 20, 20, size), square(60, 20, 20, size), square(100, 20, 20, size)], size)
await writeImage(dir, 'b', [], { width: 70, height: 50 })
const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1300, height: 900 } })) as BrowserContext
let tab: ReviewTab
const log = (name = 'a') => serving.document(name)

testInBrowser('classes are added to the project, given by a key, and taken back by the same key', async () => {
  tab = await ReviewTab.open(context, url, size)
  const { page } = tab
  await page.getByRole('button', { name: '+ Classes' }).click()
  const dialog = page.getByRole('dialog', { name: 'Classes' })
  for (const name of ['sphere', 'rod']) {
    await dialog.getByLabel('Name of a new class').fill(name)
    await dialog.getByRole('button', { name: 'Add' }).click()
    await dialog.locator('li', { hasText: name }).waitFor()
  }
  await dialog.getByRole('button', { name: 'Done' }).click()
  await tab.click(30, 30)
  await tab.expect({ selected: 1 })
  await tab.press('2')
  await tab.saved()
  assert.is(log().marksOf(1).className, 'rod')
  const colour = await page.evaluate("getComputedStyle(document.querySelector('#mask-1 .swatch')).backgroundColor")
  assert.is(colour, 'rgb(63, 181, 255)')
  await tab.press('2')
  await tab.saved()
  assert.is(log().marksOf(1).className, null)
  await tab.press('Control+z')
  await tab.saved()
  assert.is(log().marksOf(1).className, 'rod')
  await tab.click(70, 30)
  await tab.press('1')
  await tab.saved()
})

testInBrowser('the list shows one class, and Select all takes what it shows', async () => {
  const { page } = tab
  await page.locator('.chip', { hasText: 'rod' }).click()
  await page.locator('#mask-2').waitFor({ state: 'detached' })
  await tab.press('Control+a')
  await tab.expect({ selected: 1 })
  assert.equal(await tab.selectedLines(), [1])
  await page.locator('.chip', { hasText: 'rod' }).click()
  await page.locator('#mask-2').waitFor()
})

testInBrowser('a locked mask is left by removing all, and refuses other edits', async () => {
  const { page } = tab
  await tab.click(30, 30)
  await tab.press('t')
  await tab.saved()
  assert.ok(log().marksOf(1).locked)
  await tab.press('Control+a', 'Delete')
  await tab.expect({ masks: 1 })
  await tab.press('Control+a', 'Delete')
  await page.locator('.notices', { hasText: 'are locked' }).waitFor()
  await tab.press('Control+z')
  await tab.expect({ masks: 3 })
  await tab.saved()
  assert.equal(
    log().masks.map(({ id }) => id),
    [1, 2, 3],
  )
})

testInBrowser('comments on a mask and on the image are shown in the lists', async () => {
  const { page } = tab
  await tab.click(70, 30)
  await tab.press('Shift+C')
  await page.getByRole('dialog', { name: 'Comment on mask 2' }).getByLabel('Comment').fill('broken?')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('#mask-2.commented').waitFor()
  await tab.press('Escape', 'Shift+C')
  await page.getByRole('dialog', { name: 'Comment on the image' }).getByLabel('Comment').fill('out of focus')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('.image-line .name.commented').waitFor()
  await tab.saved()
  assert.is(log().marksOf(2).comment, 'broken?')
  assert.is(log().comment, 'out of focus')
})

testInBrowser('copied masks are pasted at the pointer, and into another image at the same place', async () => {
  const { page } = tab
  await tab.click(30, 30)
  await tab.press('Control+c')
  await page.mouse.move(...(await tab.at(150, 100)))
  await tab.press('Control+v')
  await tab.expect({ masks: 4, selected: 1 })
  await tab.saved()
  const pasted = log().masks.at(-1)!
  const { x0, y0, width } = decodeMask(pasted.segmentation)
  assert.is(pasted.origin, 'paste')
  assert.equal([x0, y0, width], [140, 90, 20])
  assert.is(log().marksOf(pasted.id).className, 'rod')
  assert.not(log().marksOf(pasted.id).locked)
  await tab.click(70, 30)
  await tab.press('Control+c', 'PageDown')
  await page.locator('.where b', { hasText: 'b' }).waitFor()
  await tab.ready()
  await tab.press('Control+v')
  await tab.expect({ masks: 1 })
  await tab.saved()
  // the image is 70 pixels wide: half of the mask is inside
  const there = decodeMask(log('b').masks[0].segmentation)
  assert.equal([there.x0, there.y0, there.width, there.height], [60, 20, 10, 20])
  assert.is(log('b').marksOf(1).className, 'sphere')
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
