/** @file The review page in Chromium: with the order "least sure first" the next image offered is the most uncertain one that is open. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import type { BrowserContext } from 'playwright-core'
import type { ProposalFile } from '../../../../src/project/file-schemas'
import { projectFile } from '../../../../src/project/project'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { scratch } from '../../../support/files'
import { SIZE, square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const dir = scratch()
/** The predicted IoU of both masks of each image. */
const ious: Record<string, number> = { a: 0.9, b: 0.55, c: 0.97, d: 0.7 }
for (const [name, iou] of Object.entries(ious)) {
  await writeImage(dir, name, [square(4, 4, 12), square(30, 20, 12)])
  const path = projectFile.proposals(dir, name)
  const file = JSON.parse(readFileSync(path, 'utf8')) as ProposalFile
  const records = file.records.map((record) => ({ ...record, predicted_iou: iou }))
  writeFileSync(path, JSON.stringify({ ...file, records }))
}
const browser = await openBrowser()
const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext

testInBrowser('accepting opens the image of which the model is least sure, and so does the next one', async () => {
  const tab = await ReviewTab.open(context, url, SIZE)
  const { page } = tab
  const at = (name: string) => page.locator('.where b', { hasText: new RegExp(`^${name}$`) }).waitFor()
  const listed = () => page.locator('.image-line .name').allInnerTexts()
  await at('a')
  assert.equal(await listed(), ['a', 'b', 'c', 'd'])
  await page.getByLabel('Order of the images').selectOption({ label: 'least sure first' })
  assert.equal(await listed(), ['b', 'd', 'a', 'c'])
  // an image that is surer than others is accepted: the surest is left after it, and not offered before it is its turn
  await tab.press('PageDown')
  await at('c')
  await page.locator('.image-line', { hasText: 'b' }).first().click()
  await at('b')
  await tab.ready()
  await tab.press('Shift+A')
  await at('d')
  await tab.ready()
  await tab.press('Shift+A')
  await at('a')
  assert.is(serving.document('b').state, 'accepted')
  assert.equal(await listed(), ['b', 'd', 'a', 'c'], 'a review does not move images')
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})
test.run()
