/**
 * @file Training in the playground, in Chromium with a toy model on a software adapter: painted masks are accepted, an adapter is
 * trained in the worker, paused and continued, compared with the base model, kept over a reload, downloaded, and read again from its file.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openAdapter } from '../../../src/web'
import { testInBrowser } from '../../support/browser'
import { openGpuBrowser, PlaygroundTab, servePlayground } from '../../support/playground'
import { scratch } from '../../support/weights'

const at = scratch()

testInBrowser('an adapter is trained on an accepted image, kept, and downloaded', async () => {
  const browser = await openGpuBrowser()
  const server = await servePlayground()
  try {
    const tab = await PlaygroundTab.open(
      await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }),
      server.url,
    )
    const { page } = tab
    await tab.begin(at)

    await page.keyboard.press('b')
    for (const [masks, x] of [500, 640, 780].entries()) {
      await page.keyboard.press('Escape')
      await page.mouse.move(x, 380)
      await page.mouse.down()
      await page.mouse.move(x + 30, 420, { steps: 4 })
      await page.mouse.up()
      await page.locator('.bottom', { hasText: `${masks + 1} masks` }).waitFor()
    }
    await page.locator('.link-saved').waitFor()
    await page.keyboard.press('Shift+A')
    await page.locator('.images header', { hasText: '1 accepted' }).waitFor()

    await tab.step('Train')
    // the plan of the worker, before anything is allocated
    await page.getByLabel('Longest time').selectOption({ label: '60 min' })
    await page.getByLabel('Steps at most').fill('3')
    await page.locator('.forecast', { hasText: /Takes [\d.]+ [GM]iB of memory.* 3 steps/ }).waitFor()
    await tab.inSheet('Begin training').click()
    await page.locator('.sheet[open] [role=status]', { hasText: 'Step 1 of 3' }).waitFor({ timeout: 500_000 })
    await tab.inSheet('Pause').click()
    await page
      .locator('.sheet[open] .advice', { hasText: /A training on 1 image is not finished: step [12] of 3/ })
      .waitFor({ timeout: 500_000 })
    await tab.inSheet('Continue').click()
    const outcome = page.locator('.sheet[open] .advice.good')
    await outcome.waitFor({ timeout: 500_000 })
    const score = /Score on the images it was trained on: \d+\.\d % before, \d+\.\d % with the adapter/
    assert.match(await outcome.innerText(), score)
    assert.match(await outcome.innerText(), /Trained on 1 image in 3 steps/)

    await page.reload()
    await page.locator('.step-done', { hasText: 'toy_tiny_vit' }).waitFor()
    await page.locator('.job').waitFor({ state: 'detached' })
    await tab.step('Train')
    assert.match(await outcome.innerText(), score)
    await page.keyboard.press('Escape')

    await tab.step('Download')
    const { content } = await tab.download('Adapter')
    const { adapter } = await openAdapter(new Uint8Array(content))
    assert.ok('tensors' in adapter && adapter.tensors.targets.size > 0 && adapter.config.r === 4)
    await page.keyboard.press('Escape')

    // the file that was downloaded is an adapter that the page takes
    await tab.step('Model')
    await tab.inSheet('Remove it').click()
    await page.locator('.step', { hasText: '1 accepted' }).waitFor()
    await tab.step('Model')
    await tab.choose('Use an adapter file', [{ name: 'mine.zip', mimeType: 'application/zip', buffer: content }])
    await page.locator('.notices', { hasText: 'mine.zip is used with toy_tiny_vit' }).waitFor()
    await tab.idle()
    await page.reload()
    await page.locator('.step-done', { hasText: 'toy_tiny_vit' }).waitFor()
    await tab.step('Model')
    await page.locator('.adapter-row', { hasText: 'Adapter: mine.zip' }).waitFor()
    assert.equal(tab.faults, [])
  } finally {
    server.close()
    await browser.close()
  }
})

test.run()
