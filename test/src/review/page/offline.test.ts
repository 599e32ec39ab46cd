/** @file The server ends and comes back while images are changed: those that were open stay editable, and nothing is lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { SIZE, square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const dir = scratch()
for (const name of ['a', 'b', 'c']) await writeImage(dir, name, [square(2, 2, 9), square(20, 20, 9), square(40, 4, 9)])
const serving = new Serving(dir)
const url = await serving.start()
const browser = await openBrowser()
let tab: ReviewTab

const shown = (name: string) => tab.page.locator('.where b', { hasText: name }).waitFor()
const ids = (name: string) => serving.document(name).masks.map(({ id }) => id)
async function removeAt(x: number, y: number): Promise<void> {
  await tab.click(x, y)
  await tab.expect({ selected: 1 })
  await tab.press('Delete')
}

testInBrowser('without the server, images that were open are edited as before, and back', async () => {
  tab = await ReviewTab.open(await browser!.newContext({ viewport: { width: 1200, height: 700 } }), url, SIZE)
  await removeAt(5, 5)
  await tab.saved()
  await tab.press('PageDown')
  await shown('b')
  await tab.ready()
  await serving.stop()
  await removeAt(24, 24)
  await tab.expect({ masks: 2 })
  await tab.page.locator('.link-offline', { hasText: '1 edit waiting' }).waitFor()
  await tab.press('PageUp')
  await shown('a')
  await tab.expect({ masks: 2 })
  await removeAt(24, 24)
  await tab.page.locator('.link-offline', { hasText: '2 edits waiting' }).waitFor()
  await tab.press('PageDown')
  await shown('b')
  await tab.expect({ masks: 2 })
  await tab.press('Control+z')
  await tab.expect({ masks: 3 })
  await removeAt(44, 8)
  await tab.press('PageUp')
  await shown('a')
  await tab.expect({ masks: 1 })
})

testInBrowser('an image that was never open says what it waits for', async () => {
  await tab.press('PageDown')
  await tab.press('PageDown')
  await shown('c')
  await tab.page.locator('.instead', { hasText: 'The server does not respond' }).waitFor()
  await tab.page.locator('.instead', { hasText: 'Images that you had open before' }).waitFor()
})

testInBrowser('when the server is back, everything is saved and the page continues', async () => {
  await serving.start()
  await tab.ready()
  await shown('c')
  await tab.expect({ masks: 3 })
  await tab.saved()
  assert.equal([ids('a'), ids('b')], [[3], [1, 2]])
  await tab.press('PageUp')
  await shown('b')
  await tab.expect({ masks: 2 })
  await tab.press('Control+z')
  await tab.expect({ masks: 3 })
  await tab.saved()
  assert.equal(ids('b'), [1, 2, 3])
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
