/**
 * @file The review page for people who do not see it, or see little: names, roles and the contrast of text, in both themes and with
 * each panel and dialog open. WGSAM_PICTURES=DIR keeps screenshots at several widths.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { accessibilityFaults } from '../../../support/accessibility'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { writeDemoProject } from '../../../support/demo-project'
import { scratch } from '../../../support/files'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 320, height: 256 }
const dir = scratch()
await writeDemoProject(dir, 3, { ...size, particles: [10, 22], coverage: 0.4 })
const serving = new Serving(dir)
const url = await serving.start()
const browser = await openBrowser()
const pictures = process.env.WGSAM_PICTURES

for (const colorScheme of ['dark', 'light'] as const)
  testInBrowser(`everything has a name, a role and enough contrast, ${colorScheme}`, async () => {
    const context = await browser!.newContext({ viewport: { width: 1440, height: 900 }, colorScheme })
    const tab = await ReviewTab.open(context, url, size)
    const { page } = tab
    page.setDefaultTimeout(40_000)
    const faults: string[] = []
    const check = async (what: string) => {
      for (const fault of await accessibilityFaults(page)) faults.push(`${what}: ${fault}`)
      if (!pictures) return
      mkdirSync(pictures, { recursive: true })
      await page.screenshot({ path: join(pictures, `${what.replaceAll(' ', '-')}-${colorScheme}.png`) })
    }
    await tab.press('j', 'j')
    await check('masks')
    await page.getByRole('tab', { name: 'Filter' }).click()
    await page.locator('.side input[type=range]').first().press('ArrowRight')
    await check('filter')
    await page.getByRole('tab', { name: 'View' }).click()
    await check('view')
    await page.getByRole('tab', { name: 'Masks' }).click()
    await tab.press('?')
    await page.getByRole('dialog').waitFor()
    await check('help')
    // each key has one meaning
    const keys = await page.locator('.help kbd').allInnerTexts()
    assert.is(new Set(keys).size, keys.length, keys.join(' '))
    await tab.press('Escape')
    await tab.press('Shift+L')
    await page.getByRole('dialog').waitFor()
    await check('classes')
    await tab.press('Escape')
    await tab.press('j', 'Shift+C')
    await page.getByRole('dialog').waitFor()
    await check('comment')
    await tab.press('Escape')
    await page.locator('.mask-line').first().click({ button: 'right' })
    await page.getByRole('menu').waitFor()
    await check('menu')
    await tab.press('Escape')
    await tab.press('Shift+D')
    await check('scale')
    await tab.press('v', 'p')
    await tab.click(3, 3)
    await page.locator('.notices p').first().waitFor()
    await check('notice')
    assert.equal(faults, [])
    assert.equal(tab.faults, [])
    await context.close()
  })

testInBrowser('the drawn ground around the image follows a change of the theme', async () => {
  const context = await browser!.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' })
  const tab = await ReviewTab.open(context, url, size)
  const corner = () =>
    tab.page.evaluate("document.querySelector('.below').getContext('2d').getImageData(2, 2, 1, 1).data[0]")
  assert.ok(Number(await corner()) > 128, 'light')
  await tab.page.emulateMedia({ colorScheme: 'dark' })
  await tab.page.waitForFunction(
    "document.querySelector('.below').getContext('2d').getImageData(2, 2, 1, 1).data[0] < 64",
  )
  await context.close()
})

testInBrowser('pictures at several widths', async () => {
  if (!pictures) return
  for (const colorScheme of ['dark', 'light'] as const)
    for (const [name, viewport, deviceScaleFactor] of [
      ['1440', { width: 1440, height: 900 }, 1],
      ['1024', { width: 1024, height: 768 }, 1],
      ['820', { width: 820, height: 1180 }, 1],
      ['390', { width: 390, height: 844 }, 2],
      ['zoom200', { width: 720, height: 450 }, 2],
    ] as const) {
      const context = await browser!.newContext({ viewport, deviceScaleFactor, colorScheme })
      const tab = await ReviewTab.open(context, url, size)
      await tab.page.screenshot({ path: join(pictures, `review-${name}-${colorScheme}.png`) })
      if (viewport.width < 900) {
        await tab.press('Shift+G')
        await tab.page.screenshot({ path: join(pictures, `review-${name}-${colorScheme}-side.png`) })
      }
      await context.close()
    }
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
