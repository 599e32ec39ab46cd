/** @file Find similar in Chromium on an image that the model sees in tiles: all tiles are compared, and the search can be cancelled. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BrowserContext } from 'playwright-core'
import { tileCount } from '../../../../engine/image/tiles'
import { wholeView } from '../../../../engine/scale/view'
import { decodeMask } from '../../../../engine/masks/rle'
import { PromptSession } from '../../../../src/review/prompt-session'
import { readPixels } from '../../../../src/review/read-pixels'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { predictDiscs } from '../../../support/disc-predictions'
import { drawFeatures } from '../../../support/drawn-features'
import { scratch } from '../../../support/files'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'
import { openToy } from '../../../support/toy'

const size = { width: 200, height: 160 }
/** In several tiles of 40 pixels, two of them on the border of two tiles. */
const particles = [
  [20, 20],
  [100, 20],
  [180, 60],
  [60, 100],
  [140, 140],
]
const view = { ...wholeView(size, 96, 4), tileSize: 40, tileHalo: 5 }
const TILES = tileCount(size, view.tileSize, view.tileHalo)
const dir = scratch()
const browser = await openBrowser()
await writeImage(dir, 'large', [square(15, 15, 10, size)], size)
await writeImage(dir, 'next', [], size)
const model = await openToy('toy_vit', 96)
/** The embeddings that searches asked for. */
let seen = 0
let wait = async () => {}
const restoreFeatures = drawFeatures(model, size, particles, async () => {
  seen++
  await wait()
})
const restoreMasks = predictDiscs([2.2, 2.2, 2.2, 8])
const session = new PromptSession({
  read: readPixels,
  model: { name: 'toy', adapter: null, size: 96 },
  load: async () => ({ model, close() {} }),
  viewOf: () => ({ ...view, tiles: TILES }),
})
const serving = new Serving(dir, session)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext
let tab: ReviewTab
const panel = () => tab.page.getByRole('region', { name: 'Similar particles' })

testInBrowser('particles in all tiles are found from one example, and become one edit', async () => {
  tab = await ReviewTab.open(context, url, size)
  await tab.page.locator('.model-ready').waitFor()
  tab.page.setDefaultTimeout(20_000)
  await tab.click(20, 20)
  await tab.expect({ selected: 1 })
  await tab.press('s')
  await panel()
    .getByText(/^4 new particles found/)
    .waitFor()
  assert.ok(seen >= TILES, `${seen} tiles`)
  await panel().getByRole('button', { name: 'Add 4' }).click()
  await tab.expect({ masks: 5, selected: 4 })
  await tab.saved()
  for (const [x, y] of particles) {
    const on = serving.document('large').masks.filter(({ segmentation }) => {
      const { x0, y0, width, height } = decodeMask(segmentation)
      return Math.hypot(x0 + width / 2 - x, y0 + height / 2 - y) < 6
    })
    assert.is(on.length, 1, `${x}, ${y}`)
  }
  await tab.press('Control+z')
  await tab.expect({ masks: 1 })
})

for (const how of ['Cancel', 'Escape', 'another image'])
  testInBrowser(`${how} ends the search, on the server too`, async () => {
    await tab.page.locator('.image-line', { hasText: 'large' }).click()
    await tab.ready()
    await tab.press('Escape')
    await tab.click(20, 20)
    await tab.expect({ selected: 1 })
    wait = () => new Promise((done) => setTimeout(done, 150))
    const before = seen
    await tab.press('s')
    await panel()
      .getByText(new RegExp(`Comparing the image with them: [1-9]\\d* of ${TILES} tiles`))
      .waitFor()
    if (how === 'Cancel') await panel().getByRole('button', { name: 'Cancel' }).click()
    else await tab.press(how === 'Escape' ? 'Escape' : 'PageDown')
    await panel().waitFor({ state: 'detached' })
    while (session.doing.doing) await tab.page.waitForTimeout(20)
    const compared = seen - before
    assert.ok(compared > 1 && compared < TILES, `${compared} of ${TILES} tiles`)
    await tab.page.waitForTimeout(400)
    assert.is(seen - before, compared, 'no tile is compared afterwards')
    wait = async () => {}
    assert.equal(tab.faults, [])
  })

test.after(async () => {
  restoreMasks()
  restoreFeatures()
  await browser?.close()
  await serving.stop()
  await session.close()
})

test.run()
