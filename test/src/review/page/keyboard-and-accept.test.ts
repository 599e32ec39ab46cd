/** @file The review page in Chromium: masks by keyboard alone, find similar, the filter on all images, and accepting. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BrowserContext } from 'playwright-core'
import { maskContains } from '../../../../engine/masks/mask'
import { decodeMask } from '../../../../engine/masks/rle'
import { PromptSession } from '../../../../src/review/prompt-session'
import { readPixels } from '../../../../src/review/read-pixels'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { writeDemoProject } from '../../../support/demo-project'
import { predictDiscs } from '../../../support/disc-predictions'
import { scratch } from '../../../support/files'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'
import { openToy } from '../../../support/toy'

const size = { width: 192, height: 160 }
const dir = scratch()
const browser = await openBrowser()
await writeDemoProject(dir, 3, { ...size, particles: [14, 18] })
await writeImage(dir, 'a-few', [square(20, 20, 24, size)], size)
const restore = predictDiscs()
const session = new PromptSession({
  read: readPixels,
  model: { name: 'toy', adapter: null, size: 96 },
  load: async () => ({ model: await openToy('toy_vit', 96), close() {} }),
})
const serving = new Serving(dir, session)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext
let tab: ReviewTab
const where = () => tab.page.locator('.where b').innerText()
const open = async (name: string) => {
  await tab.page.locator('.image-line', { hasText: name }).click()
  await tab.page.locator('.where b', { hasText: name }).waitFor()
  await tab.ready()
}
const dialog = () => tab.page.locator('dialog[open]')

testInBrowser('a mask is added, corrected and found by keys alone, and the crosshair says where it is', async () => {
  tab = await ReviewTab.open(context, url, size)
  assert.is(await where(), 'a-few')
  await tab.page.locator('.model-ready').waitFor()
  await tab.press('p', 'w')
  const status = tab.page.getByRole('status', { name: 'Crosshair' })
  await status.filter({ hasText: 'no mask' }).waitFor()
  assert.match(await status.innerText(), 'Crosshair at 96, 80')
  await tab.press('Shift+ArrowRight', 'Shift+ArrowDown')
  assert.match(await status.innerText(), 'Crosshair at 97, 81')
  await status.filter({ hasText: 'Space takes it' }).waitFor()
  await tab.press(' ')
  await tab.expect({ masks: 2, selected: 1 })
  await tab.saved()
  const [, taken] = serving.document('a-few').masks
  assert.is(taken.origin, 'prompt')
  assert.ok(maskContains(decodeMask(taken.segmentation), 97, 81))
  // a point beside the particle, and arrows that drag a box while Space is held
  for (let i = 0; i < 3; i++) await tab.press('Control+ArrowLeft')
  await tab.press('d')
  await tab.page.locator('#mask-3').waitFor()
  await tab.press('Escape')
  await status.filter({ hasNotText: 'Crosshair at' }).waitFor({ state: 'attached' })
  await tab.press('Control+z', 'Control+z')
  await tab.expect({ masks: 1 })
})

testInBrowser('similar particles: a preview that the slider filters, one edit, one undo', async () => {
  await tab.page.route('**/similar', (route) =>
    route.fulfill({ json: { places: [30, 96, 150].map((x) => ({ x, y: x === 30 ? 30 : 120, similarity: 0.9 })) } }),
  )
  let asked = 0
  await tab.page.route('**/similar-masks', (route) => {
    const { points } = route.request().postDataJSON() as { points: { x: number; y: number }[] }
    asked += points.length
    const masks = points.map(({ x, y }) => ({
      ...{ segmentation: square(x - 10, y - 10, 20, size), predictedIou: 0.9, stability: 0.9 },
      similarity: x === 96 ? 0.5 : 0.8,
    }))
    return route.fulfill({ json: { masks } })
  })
  await tab.press('v')
  await tab.click(30, 30)
  await tab.expect({ selected: 1 })
  await tab.press('s')
  const panel = tab.page.getByRole('region', { name: 'Similar particles' })
  await panel.getByText('2 new particles found').waitFor()
  assert.is(asked, 2, 'nothing is asked where a mask is')
  await panel.getByLabel('Similarity at least').fill('0.7')
  await panel.getByText('1 new particle found').waitFor()
  await panel.getByLabel('Similarity at least').fill('0.3')
  await panel.getByRole('button', { name: 'Add 2' }).click()
  await tab.expect({ masks: 3, selected: 2 })
  await tab.saved()
  assert.equal(
    serving.document('a-few').masks.map(({ origin }) => origin),
    ['proposal', 'similar', 'similar'],
  )
  await tab.press('Control+z')
  await tab.expect({ masks: 1 })
  // what is found and not added is asked about before the image changes
  await tab.press('Escape')
  await tab.click(30, 30)
  await tab.press('s')
  await panel.getByText('2 new particles found').waitFor()
  await tab.press('PageDown')
  await dialog().getByText('2 masks were found').waitFor()
  await dialog().getByRole('button', { name: 'Stay' }).click()
  assert.is(await where(), 'a-few')
  await tab.press('Escape')
  await panel.waitFor({ state: 'detached' })
})

testInBrowser('the filter is applied to all images that are not accepted, and undone', async () => {
  await open('scene-3')
  await tab.press('Shift+A')
  await tab.page.locator('.where b', { hasText: 'a-few' }).waitFor()
  await open('scene-1')
  const masks = (name: string) => serving.document(name).masks.length
  const before = await tab.page.locator('.image-line .numbers').allInnerTexts()
  await tab.page.getByRole('tab', { name: 'Filter' }).click()
  await tab.page.getByLabel('Predicted IoU above').fill('0.94')
  await tab.page.getByRole('button', { name: 'Filter all 3 open images' }).click()
  await tab.page
    .locator('.notices', { hasText: /In 1 image: −[1-9]\d*, \+0 masks and in the open one. 1 image without/ })
    .waitFor()
  await tab.saved()
  assert.ok(masks('scene-1') < Number(before[1]) && masks('scene-2') < Number(before[2]))
  assert.is(masks('scene-3'), Number(before[3]), 'an accepted image stays as it is')
  await tab.page.getByRole('button', { name: 'Undo in 1 image' }).click()
  await tab.page.locator('.notices', { hasText: 'undone in 1 image' }).waitFor()
  assert.is(masks('scene-2'), Number(before[2]))
  await tab.press('Control+z')
  await tab.page.getByRole('tab', { name: 'Masks' }).click()
  await tab.clearNotices()
})

testInBrowser(
  'accepting asks about an unusual image, only ever accepts, and leads to the next open image',
  async () => {
    await open('a-few')
    await tab.press('Shift+A')
    await dialog().getByText('This image has 1 mask').waitFor()
    await dialog().getByRole('button', { name: 'Review it further' }).click()
    assert.is(serving.document('a-few').state, 'in review')
    await open('scene-2')
    await tab.press('Shift+A')
    // after the last open image comes the first
    await tab.page.locator('.where b', { hasText: 'a-few' }).waitFor()
    await tab.ready()
    // both counts are right at once, before the server is asked again
    assert.is(await tab.page.locator('.image-line.state-accepted').count(), 2)
    await tab.page.getByRole('button', { name: 'Export 2' }).waitFor()
    await open('scene-2')
    await tab.press('Shift+A')
    await tab.page.locator('.where b', { hasText: 'a-few' }).waitFor()
    await tab.ready()
    assert.is(serving.document('scene-2').state, 'accepted', 'a second time it stays accepted')
    await open('scene-2')
    await tab.press('Shift+W')
    await tab.page.getByRole('button', { name: 'Export 1' }).waitFor()
    await tab.saved()
    assert.is(serving.document('scene-2').state, 'in review')
  },
)

testInBrowser('a mask that is shown and not taken is asked about before the image changes', async () => {
  await tab.press('Shift+T', 'p')
  const { masks } = await tab.counts()
  await tab.click(96, 150)
  await tab.page.locator('.hint', { hasText: 'Enter adds it' }).waitFor()
  await tab.press('Shift+A')
  await dialog().getByText('not among the masks yet').waitFor()
  await dialog().getByRole('button', { name: 'Stay' }).click()
  await tab.press('PageDown')
  await dialog().getByRole('button', { name: 'Take it' }).click()
  await tab.page.locator('.where b', { hasText: 'scene-3' }).waitFor()
  await tab.saved()
  assert.is(serving.document('scene-2').masks.length, masks + 1)
  await tab.press('Shift+T')
  // an image without candidates
  assert.equal(
    tab.faults.filter((fault) => !/status of 404/.test(fault)),
    [],
  )
})

test.after(async () => {
  restore()
  await browser?.close()
  await serving.stop()
  await session.close()
})

test.run()
