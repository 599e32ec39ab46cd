/**
 * @file The playground on a phone, a tablet and a laptop, light and dark: nothing is cut off, and every control can be reached. A fake
 * worker answers, so that no GPU is needed. WGSAM_PICTURES=DIR keeps screenshots.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Page } from 'playwright-core'
import { openBrowser, testInBrowser } from '../../support/browser'
import { fakeWorker } from '../../support/fake-playground-worker'
import { PlaygroundTab, scenePngWithMasks, servePlayground } from '../../support/playground'

const screens = [
  { name: 'phone', width: 390, height: 844, touch: true },
  { name: 'tablet', width: 820, height: 1180, touch: true },
  { name: 'laptop', width: 1366, height: 768, touch: false },
]

/** Controls of the page, or of the sheet that is open, that lie outside the screen and cannot be scrolled into it. */
const unreachable = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const { document, innerWidth, innerHeight, getComputedStyle } = globalThis as any
    const root = document.querySelector('dialog[open]') ?? document.body
    const scrolls = (element: any, axis: 'X' | 'Y') => {
      for (let at = element.parentElement; at; at = at.parentElement)
        if (/auto|scroll/.test(getComputedStyle(at)[`overflow${axis}`])) return true
      return false
    }
    const out: string[] = []
    for (const control of root.querySelectorAll('button, input:not([hidden]), select, a, h1, h2, p, figure')) {
      const box = control.getBoundingClientRect()
      if (!box.width || !box.height) continue
      const beside = box.left < -1 || box.right > innerWidth + 1
      const below = box.top < -1 || box.bottom > innerHeight + 1
      if ((beside && !scrolls(control, 'X')) || (below && !scrolls(control, 'Y')))
        out.push(`${control.tagName} ${control.getAttribute('aria-label') ?? control.innerText}`.slice(0, 60))
    }
    return out
  })

/** Elements of the open sheet that are wider than it: a person would have to scroll sideways. */
const sideways = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const { document } = globalThis as any
    const sheet = document.querySelector('dialog[open]') ?? document.querySelector('.welcome')
    return sheet ? sheet.scrollWidth - sheet.clientWidth : 0
  })

for (const { name, width, height, touch } of screens)
  testInBrowser(`${name}: all is reachable`, async () => {
    const browser = (await openBrowser())!
    const scene = await scenePngWithMasks('silica 1.png', { width: 800, height: 600, particles: 60 })
    const server = await servePlayground({ worker: fakeWorker({ proposals: scene.proposals }) })
    try {
      for (const colorScheme of ['light', 'dark'] as const) {
        const context = await browser.newContext({ viewport: { width, height }, hasTouch: touch, colorScheme })
        const tab = await PlaygroundTab.open(context, server.url)
        const { page } = tab
        const check = async (what: string) => {
          await tab.picture(`${name}-${colorScheme}-${what}`)
          assert.equal(await unreachable(page), [], what)
          assert.is(await sideways(page), 0, what)
        }
        await page.locator('.welcome').waitFor()
        await check('welcome')
        await tab.choose('Choose files', [scene.file])
        await page.locator('.stage canvas').first().waitFor()
        await check('image')
        await tab.step('Model')
        const weights = {
          name: 'a model with a long name of a file.safetensors',
          mimeType: '',
          buffer: Buffer.from('x'),
        }
        await tab.choose('Choose a model file', [weights])
        await page.locator('.step-done', { hasText: 'a model' }).waitFor()
        await tab.idle()
        await tab.step('Propose')
        await check('propose')
        await tab.inSheet('Propose for silica 1').click()
        await page.locator('.bottom', { hasText: `${scene.proposals.length} masks` }).waitFor()
        await page.locator('.notices').getByRole('button', { name: 'Close' }).first().click()
        await check('masks')
        await page.keyboard.press('Shift+A')
        await page.locator('.steps', { hasText: '1 accepted' }).waitFor()
        await tab.step('Train')
        await tab.inSheet('Begin training').click()
        await page.locator('.sheet[open] .advice.good').waitFor()
        await check('trained')
        await page.keyboard.press('Escape')
        for (const step of ['Images', 'Model', 'Download'] as const) {
          await tab.step(step)
          await page.waitForTimeout(250)
          await check(step.toLowerCase())
          await page.keyboard.press('Escape')
        }
        assert.equal(tab.faults, [])
        await context.close()
      }
    } finally {
      server.close()
      await browser.close()
    }
  })

test.run()
