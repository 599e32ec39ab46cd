/**
 * @file The playground in Chromium, from a dropped image to downloaded masks: with a toy model on a software adapter, served as files
 * below a path. WGSAM_PICTURES=DIR keeps screenshots.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { writeFile } from 'node:fs/promises'
import { readLabels } from '../../../src/images/read-labels'
import { openGpuBrowser, PlaygroundTab, servePlayground } from '../../support/playground'
import { testInBrowser } from '../../support/browser'
import { scratch } from '../../support/weights'

const at = scratch()
async function readStoredLabels(path: (name: string) => string, content: Buffer) {
  await writeFile(path('labels.tif'), content)
  return readLabels(path('labels.tif'))
}

testInBrowser('an image becomes masks, which are corrected, kept over a reload, and downloaded', async () => {
  const browser = await openGpuBrowser()
  const server = await servePlayground()
  try {
    const tab = await PlaygroundTab.open(
      await browser.newContext({ viewport: { width: 1280, height: 800 } }),
      server.url,
    )
    const { page } = tab
    await page.locator('.welcome').waitFor()
    await tab.picture('welcome')
    await tab.begin(at)
    const line = page.locator('.image-line small')
    assert.is(await line.innerText(), 'no proposals')

    await tab.step('Propose')
    await tab.picture('propose')
    await page.getByLabel('Points per side').selectOption('8')
    await page.getByLabel('Predicted IoU at least').fill('0')
    await page.getByLabel('Stability at least').fill('0')
    await tab.button('Propose for silica 1').click()
    await page.locator('.notices', { hasText: /\d+ masks? proposed/ }).waitFor({ timeout: 400_000 })
    await tab.idle()
    const masks = page.locator('.bottom span', { hasText: /^\d+ masks/ })
    // the toy model finds large parts of the image, which the filters drop
    await page.getByRole('tab', { name: 'Filter' }).click()
    await page.getByLabel('Area at most').fill('1')
    await page.getByLabel('Drop masks at three or more image edges').uncheck()
    await tab.button('Apply').click()
    await page.getByRole('tab', { name: 'Masks' }).click()
    await page.locator('.link-saved').waitFor()
    const proposed = parseInt(await masks.innerText())
    assert.ok(proposed > 0, `${proposed} masks`)
    assert.match(await line.innerText(), /^in review/)

    // corrected on the canvas of the review page
    await page.keyboard.press('Control+a')
    await page.keyboard.press('Delete')
    await page.locator('.bottom', { hasText: '0 masks' }).waitFor()
    await page.keyboard.press('Control+z')
    await page.locator('.bottom', { hasText: `${proposed} masks` }).waitFor()
    await page.keyboard.press('Escape')
    await page.keyboard.press('b')
    await page.mouse.move(600, 400)
    await page.mouse.down()
    await page.mouse.move(700, 440, { steps: 4 })
    await page.mouse.up()
    await page.locator('.bottom', { hasText: `${proposed + 1} masks` }).waitFor()
    await page.locator('.link-saved').waitFor()

    await tab.picture('masks')
    await page.reload()
    await page.locator('.bottom', { hasText: `${proposed + 1} masks` }).waitFor()
    await page.locator('.step-done', { hasText: 'toy_tiny_vit' }).waitFor()
    await tab.idle()

    await tab.step('Download')
    await tab.picture('download')
    const { name, content } = await tab.download('Masks (COCO)')
    assert.is(name, 'annotations.json')
    const coco = JSON.parse(content.toString())
    assert.equal(coco.images, [{ id: 1, file_name: 'silica 1.PNG', width: 128, height: 96 }])
    assert.is(coco.annotations.length, proposed + 1)
    assert.equal(coco.annotations[0].segmentation.size, [96, 128])

    const labels = await tab.download('Label images (TIFF)')
    assert.is(labels.name, 'silica 1.tif')
    const stored = await readStoredLabels(at, labels.content)
    assert.equal([stored.width, stored.height], [128, 96])
    assert.is(Math.max(...stored.data), proposed + 1)
    assert.match((await tab.download('Sizes (CSV)')).content.toString(), /^image,particle,x_px/)

    assert.equal(tab.faults, [])
    assert.equal(
      [...new Set(server.requests)].sort(),
      ['', 'main.css', 'main.js', 'worker.js'].map((file) => new URL(file, server.url).pathname),
    )
  } finally {
    server.close()
    await browser.close()
  }
})

test.run()
