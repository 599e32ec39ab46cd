/** @file The review page at its limits: odd names, no masks and five thousand, one pixel and millions, damaged files, no model. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync, writeFileSync } from 'node:fs'
import type { BrowserContext } from 'playwright-core'
import { projectFile } from '../../../../src/project/project'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { frameTimes } from '../../../support/frame-times'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const browser = await openBrowser()
const dir = scratch()
const odd = `1 it's "q" <b>&amp; #1 %41 ü`
const many = { width: 2048, height: 2048 }
/** `n` squares, adjacent and overlapping. */
const squares = (n: number) =>
  Array.from({ length: n }, (_, i) => square((i % 70) * 29, Math.floor(i / 70) * 28, 24 + (i % 7), many))

await writeImage(dir, odd, [square(1, 2, 9), square(20, 20, 9)])
await writeImage(dir, '2 empty', [])
await writeImage(dir, '3 pixel', [square(0, 0, 1, { width: 1, height: 1 })], { width: 1, height: 1 })
await writeImage(dir, '4 damaged', [square(1, 2, 9)])
writeFileSync(projectFile.proposals(dir, '4 damaged'), '{"version":')
await writeImage(dir, '5 wide', [square(18000, 3, 40, { width: 20000, height: 60 })], { width: 20000, height: 60 })
await writeImage(dir, '6 thousand', squares(1000), many)
await writeImage(dir, '7 thousands', squares(5000), many)
const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1280, height: 800 } })) as BrowserContext
let tab: ReviewTab

/** Opens an image from the list. */
async function show(name: string): Promise<void> {
  await tab.page.locator('.image-line', { hasText: name }).click()
  await tab.page.locator('.where b', { hasText: name }).waitFor()
}

testInBrowser('a name with quotes, tags and symbols is shown unchanged, and edits go to its log', async () => {
  tab = await ReviewTab.open(context, url, { width: 64, height: 48 })
  assert.is(await tab.page.locator('.where b').innerText(), odd)
  await tab.click(5, 6)
  await tab.press('x')
  await tab.expect({ masks: 1 })
  await tab.saved()
  assert.equal(
    serving.document(odd).masks.map(({ id }) => id),
    [2],
  )
  await tab.page.reload()
  await tab.ready()
  assert.is(await tab.page.locator('.where b').innerText(), odd)
})

testInBrowser('without a model the point tool says so, and everything else works', async () => {
  await tab.press('p')
  await tab.click(40, 30)
  await tab.page.locator('.notices', { hasText: 'There is no model' }).waitFor()
  assert.match(await tab.page.locator('.bottom').innerText(), 'no model')
  await tab.press('b')
  await tab.click(40, 30)
  await tab.expect({ masks: 2, selected: 1 })
  await tab.saved()
  assert.is(serving.document(odd).masks.at(-1)!.origin, 'brush')
})

testInBrowser('an image without masks gets its first one; keys that need a mask say so', async () => {
  await show('2 empty')
  await tab.expect({ masks: 0 })
  await tab.press('v', 'x', 'm', 'f', 'c', 'Control+a', 'Control+z', 'ArrowDown')
  assert.match((await tab.notices()).join(), 'There is nothing to undo')
  assert.match(await tab.page.locator('.side').innerText(), /Select/)
  await tab.press('b')
  await tab.click(10, 10)
  await tab.expect({ masks: 1 })
  await tab.page.getByRole('tab', { name: 'Filter' }).click()
  await tab.page.locator('.side', { hasText: 'no candidates' }).waitFor()
  await tab.page.getByRole('tab', { name: 'Masks' }).click()
  await tab.press('v')
})

testInBrowser('an image of one pixel', async () => {
  await show('3 pixel')
  await tab.expect({ masks: 1 })
  const { x, y, width, height } = (await tab.page.locator('.above').boundingBox())!
  await tab.page.mouse.click(x + width / 2, y + height / 2)
  await tab.expect({ selected: 1 })
  await tab.press('e')
  await tab.page.mouse.click(x + width / 2, y + height / 2)
  await tab.expect({ masks: 0 })
  await tab.press('Control+z', 'v')
  await tab.expect({ masks: 1 })
  await tab.saved()
})

testInBrowser('an unreadable image is listed with the reason, and skipped', async () => {
  const line = tab.page.locator('.image-line', { hasText: '4 damaged' })
  assert.match(await line.innerText(), 'cannot be read')
  await line.click()
  await tab.page.locator('.instead', { hasText: '4 damaged.json' }).waitFor()
  await show('3 pixel')
  await tab.ready()
  await tab.press('PageDown')
  await tab.page.locator('.where b', { hasText: '5 wide' }).waitFor()
})

testInBrowser('an image 20,000 pixels wide', async () => {
  await tab.expect({ masks: 1 })
  await tab.press('j')
  await tab.expect({ selected: 1 })
  await tab.press('x')
  await tab.expect({ masks: 0 })
  await tab.saved()
})

/** Times between frames while the view is dragged, in milliseconds, sorted. */
function pan(): Promise<number[]> {
  const { page } = tab
  return frameTimes(page, async () => {
    await page.keyboard.down(' ')
    await page.mouse.move(500, 300)
    await page.mouse.down()
    for (let i = 0; i < 90; i++) await page.mouse.move(500 + 2 * i, 300 + i)
    await page.mouse.up()
    await page.keyboard.up(' ')
  })
}

testInBrowser('a thousand masks on four megapixels pan and zoom', async () => {
  await show('6 thousand')
  await tab.ready()
  for (const [name, key] of Object.entries({ 'whole image': '0', '100 %': 'z' })) {
    await tab.press(key)
    const frames = await pan()
    assert.ok(frames.length > 10, 'frames were drawn')
    const at = (part: number) => frames[Math.floor(part * (frames.length - 1))].toFixed(1)
    // only printed: the time depends on the machine and its load
    console.log(`      panning, ${name}: ${at(0.5)} ms a frame, ${at(0.95)} ms in 95 of 100`)
  }
  await tab.press('0')
  await tab.page.mouse.move(500, 300)
  for (let i = 0; i < 5; i++) await tab.page.mouse.wheel(0, -240)
  const zoom = async () => Number(/(\d+) %/.exec(await tab.page.locator('.bottom').innerText())![1])
  assert.ok((await zoom()) > 100, 'the wheel zooms in')
})

testInBrowser('five thousand masks: all removed at once, and back', async () => {
  await show('7 thousands')
  await tab.expect({ masks: 5000 })
  const lines = await tab.page.locator('.mask-line').count()
  assert.ok(lines < 100, `${lines} lines of the list exist`)
  await tab.press('Control+a')
  await tab.expect({ selected: 5000 })
  await tab.press('Delete')
  await tab.expect({ masks: 0 })
  await tab.press('Control+z')
  await tab.expect({ masks: 5000 })
  await tab.saved()
  assert.is(serving.document('7 thousands').masks.length, 5000)
  assert.is(readFileSync(projectFile.log(dir, '7 thousands'), 'utf8').trimEnd().split('\n').length, 3)
  assert.equal(
    tab.faults.filter((fault) => !/status of (404|422)/.test(fault)),
    [],
  )
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
