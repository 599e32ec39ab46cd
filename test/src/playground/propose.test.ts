/** @file Long proposals in the playground: what they will take, how far they are, and what is kept if they are ended. A fake worker answers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openBrowser, testInBrowser } from '../../support/browser'
import { fakeWorker } from '../../support/fake-playground-worker'
import { PlaygroundTab, scenePngWithMasks, servePlayground } from '../../support/playground'

testInBrowser('a search in tiles says how far it is, and what it has found is kept when it is ended', async () => {
  const browser = (await openBrowser())!
  const scene = await scenePngWithMasks('silica 1.png', { width: 400, height: 300, particles: 20 })
  const worker = fakeWorker({ proposals: scene.proposals, tiles: 12, gpu: { name: 'A processor', software: true } })
  const server = await servePlayground({ worker })
  try {
    const tab = await PlaygroundTab.open(
      await browser.newContext({ viewport: { width: 1280, height: 800 } }),
      server.url,
    )
    const { page } = tab
    await tab.choose('Choose files', [scene.file])
    await tab.step('Model')
    await tab.choose('Choose a model file', [{ name: 'model.safetensors', mimeType: '', buffer: Buffer.from('x') }])
    await tab.idle()

    const forecast = page.locator('.sheet[open] .forecast')
    await tab.step('Propose')
    await forecast.filter({ hasText: 'is seen whole; then in up to 9 tiles if its particles are small' }).waitFor()
    await page.getByLabel('Tiles at most').selectOption('none: the whole image')
    await forecast.filter({ hasText: /is seen whole\. You can end/ }).waitFor()
    await page.getByLabel('Tiles at most').selectOption('16')
    await page.getByLabel('Diameter of the particles').fill('10')
    await forecast.filter({ hasText: 'is seen in 12 tiles. You can end the search' }).waitFor()
    await tab.inSheet('Propose for silica 1').click()
    await page.locator('.job', { hasText: /in 12 tiles … .* left/ }).waitFor()
    await page.setViewportSize({ width: 390, height: 844 })
    await tab.picture('phone-job')
    const wide = await page.locator('.job-text').evaluate((text: { clientWidth: number }) => text.clientWidth)
    assert.ok(wide > 300, `on a phone ${wide} pixels are left for what is done and the time`)
    await page.setViewportSize({ width: 1280, height: 800 })
    await tab.button('Keep what is found').click()
    const half = Math.floor(scene.proposals.length / 2)
    await page.locator('.notices', { hasText: `${half} masks proposed.` }).waitFor()
    await page.locator('.notices', { hasText: 'You ended the search: not all places were looked at.' }).waitFor()
    await page.locator('.bottom', { hasText: `${half} masks` }).waitFor()

    // a search that reaches its end says how long the next one will take
    await tab.step('Propose')
    assert.match(await forecast.innerText(), /in 12 tiles\. You can/)
    await tab.inSheet('Propose for silica 1').click()
    await page.locator('.bottom', { hasText: `${scene.proposals.length} masks` }).waitFor()
    await tab.idle()
    await tab.step('Propose')
    await forecast.filter({ hasText: 'is seen in 12 tiles, which takes about 1 min 00 s.' }).waitFor()
    assert.equal(tab.faults, [])
  } finally {
    server.close()
    await browser.close()
  }
})

test.run()
