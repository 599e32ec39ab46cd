/** @file The review page at widths from a wide screen to a phone, with fingers, and its tooltips and menu. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 1200, height: 1000 }
const dir = scratch()
const browser = (await openBrowser()) as Browser
// 999 small masks, and one of six digits
const small = Array.from({ length: 999 }, (_, i) => square(10 + (i % 40) * 29, 10 + Math.floor(i / 40) * 20, 12, size))
await writeImage(dir, 'a', [...small, square(10, 560, 420, size)], size)
await writeImage(dir, 'b', [square(10, 10, 9, size)], size)
const serving = new Serving(dir)
const url = await serving.start()

async function open(options: BrowserContextOptions): Promise<ReviewTab> {
  const context = await browser.newContext(options)
  return ReviewTab.open(context, url, size)
}

const stageWidth = async ({ page }: ReviewTab) => (await page.locator('.stage').boundingBox())!.width

/** Asserts that nothing sticks out of the window, and that no two texts of a line of the list touch. */
async function wellLaidOut(tab: ReviewTab): Promise<void> {
  const { page } = tab
  const faults = await page.evaluate(`(() => {
    const faults = []
    if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window')
    for (const line of document.querySelectorAll('.mask-line')) {
      let end = -Infinity
      for (const cell of line.children) {
        const range = document.createRange()
        range.selectNodeContents(cell)
        const { left, right } = cell.tagName === 'I' ? cell.getBoundingClientRect() : range.getBoundingClientRect()
        if (left < end + 3) faults.push(line.innerText.replaceAll('\\n', '|') + ': columns touch')
        end = right
      }
      if (end > line.getBoundingClientRect().right) faults.push(line.innerText + ': cut off')
    }
    for (const button of document.querySelectorAll('.top button, .tabs button, .chooser *')) {
      const { left, right, width } = button.getBoundingClientRect()
      if (width && (left < 0 || right > innerWidth + 0.5)) faults.push(button.className + ' is outside of the window')
    }
    return faults
  })()`)
  assert.equal(faults, [])
}

testInBrowser('from 1440 to 900 pixels the panels stand beside a canvas that keeps its room', async () => {
  for (const width of [1440, 1024, 900]) {
    const tab = await open({ viewport: { width, height: 800 } })
    await tab.page.getByLabel('Sort by Area in pixels').click()
    await tab.page.getByLabel('Sort by Area in pixels').click()
    assert.match(await tab.page.locator('.mask-line').first().innerText(), '176,400')
    await wellLaidOut(tab)
    assert.ok((await stageWidth(tab)) >= 0.38 * width, `${await stageWidth(tab)} of ${width}`)
    await tab.page.context().close()
  }
})

testInBrowser('panels are closed by keys, dragged by their border, and keep their width', async () => {
  const tab = await open({ viewport: { width: 1200, height: 800 } })
  const { page } = tab
  const before = await stageWidth(tab)
  const border = page.getByRole('separator', { name: 'Width of the panel' })
  const { x, y } = (await border.boundingBox())!
  await page.mouse.move(x + 4, y + 200)
  await page.mouse.down()
  await page.mouse.move(x - 76, y + 200, { steps: 4 })
  await page.mouse.up()
  const dragged = await stageWidth(tab)
  assert.ok(Math.abs(before - dragged - 80) <= 2, `${before} to ${dragged}`)
  await border.press('ArrowRight')
  assert.is(await stageWidth(tab), dragged + 16)
  await page.reload()
  await tab.ready()
  assert.is(await stageWidth(tab), dragged + 16)
  await tab.press('Shift+G')
  await page.locator('.side').waitFor({ state: 'detached' })
  await tab.press('g')
  await page.locator('.images').waitFor({ state: 'detached' })
  assert.ok((await stageWidth(tab)) > 1100)
  await page.context().close()
})

testInBrowser('on a tablet, and at 200 % zoom of a laptop, panels open over the canvas', async () => {
  for (const viewport of [
    { width: 820, height: 1180 },
    { width: 720, height: 450 },
  ]) {
    const tab = await open({ viewport })
    assert.ok((await stageWidth(tab)) > 600)
    assert.is(await tab.page.locator('.side').count(), 0)
    await tab.page.getByRole('button', { name: 'Panel of masks' }).click()
    await tab.page.locator('.mask-line').first().waitFor()
    await wellLaidOut(tab)
    assert.ok((await stageWidth(tab)) > 600)
    await tab.page.mouse.click(100, viewport.height / 2)
    await tab.page.locator('.side').waitFor({ state: 'detached' })
    await tab.page.getByRole('button', { name: 'List of images' }).click()
    await tab.page.locator('.image-line', { hasText: 'b' }).click()
    await tab.page.locator('.where b', { hasText: 'b' }).waitFor()
    assert.is(await tab.page.locator('.images').count(), 0)
    await tab.page.context().close()
  }
})

testInBrowser('on a phone fingers select, move and magnify, and the image is accepted', async () => {
  const tab = await open({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true })
  const { page } = tab
  await wellLaidOut(tab)
  assert.is(await stageWidth(tab), 390)
  for (const name of ['Next image', 'Previous image', 'Undo', 'Redo'])
    assert.ok(await page.getByRole('button', { name }).isVisible(), name)
  const [x, y] = await tab.at(220, 770)
  await page.touchscreen.tap(x, y)
  await tab.expect({ selected: 1 })
  const zoom = async () => Number(/(\d+) %/.exec(await page.locator('.bottom').innerText())![1])
  const before = await zoom()
  const touch = await page.context().newCDPSession(page)
  const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: [number, number][]) =>
    touch.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) })
  await send('touchStart', [180, 400], [210, 400])
  for (let i = 1; i <= 6; i++) await send('touchMove', [180 - 15 * i, 400], [210 + 15 * i, 400])
  await send('touchEnd')
  const after = await zoom()
  assert.ok(after > 3 * before, `${before} % to ${after} %`)
  await tab.expect({ masks: 1000, selected: 1 })
  await page.getByRole('button', { name: 'Accept', exact: true }).tap()
  await page.locator('.where b', { hasText: 'b' }).waitFor()
  await tab.saved()
  assert.is(serving.document('a').state, 'accepted')
  assert.equal(tab.faults, [])
  await page.context().close()
})

testInBrowser('a tooltip appears at once, and the context menu works by pointer and keyboard', async () => {
  const tab = await open({ viewport: { width: 1300, height: 800 } })
  const { page } = tab
  await page.locator('.image-line', { hasText: 'a' }).first().click()
  await tab.ready()
  const knife = page.getByRole('button', { name: 'Knife' })
  assert.match(await knife.innerText(), 'Knife')
  await knife.hover()
  await page.locator('.tooltip', { hasText: 'draw a line across a mask' }).waitFor({ timeout: 1000 })
  const [x, y] = await tab.at(220, 770)
  await page.mouse.click(x, y, { button: 'right' })
  const menu = page.getByRole('menu')
  await menu.waitFor()
  await tab.expect({ selected: 1 })
  assert.is(await page.locator('.tooltip').count(), 0)
  assert.match((await knife.getAttribute('title'))!, 'draw a line')
  await page.keyboard.press('Escape')
  await menu.waitFor({ state: 'detached' })
  await page.mouse.click(x, y, { button: 'right' })
  await page.keyboard.press('End')
  await page.keyboard.press('Enter')
  await tab.expect({ masks: 999 })
  assert.equal(tab.faults, [])
  await page.context().close()
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
