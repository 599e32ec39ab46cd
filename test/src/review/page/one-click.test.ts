/** @file The point tool with one click in Chromium: nine clicks, nine masks; previews, corrections, alternatives, queued clicks. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import type { BrowserContext } from 'playwright-core'
import { maskArea } from '../../../../engine/masks/mask'
import { decodeMask } from '../../../../engine/masks/rle'
import { projectFile } from '../../../../src/project/project'
import type { PromptRequest } from '../../../../src/review/protocol'
import { PromptSession } from '../../../../src/review/prompt-session'
import { readPixels } from '../../../../src/review/read-pixels'
import type { ReviewMask } from '../../../../src/project/review/review-records'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { predictDiscs } from '../../../support/disc-predictions'
import { scratch } from '../../../support/files'
import { square, writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'
import { openToy } from '../../../support/toy'

const size = { width: 192, height: 160 }
const dir = scratch()
const browser = await openBrowser()
await writeImage(dir, 'a', [], size)
await writeImage(dir, 'b', [square(5, 5, 36, size)], size)
const restore = predictDiscs()
const session = new PromptSession({
  read: readPixels,
  model: { name: 'toy', adapter: null, size: 96 },
  load: async () => ({ model: await openToy('toy_vit', 96), close() {} }),
  idleMs: 10,
})
const serving = new Serving(dir, session)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext
let tab: ReviewTab

const area = (mask: ReviewMask) => maskArea(decodeMask(mask.segmentation))
const masks = (name = 'a') => serving.document(name).masks
const edits = (name = 'a') => readFileSync(projectFile.log(dir, name), 'utf8').trimEnd().split('\n').length - 1
const places = [30, 80, 130].flatMap((y) => [32, 96, 160].map((x): [number, number] => [x, y]))
const hint = (text: string | RegExp) => tab.page.locator('.hint', { hasText: text }).waitFor()
/** The prompts that the page sends meanwhile. */
const sentPrompts = async (run: () => Promise<void>) => {
  const sent: PromptRequest[] = []
  const note = (request: { url(): string; postData(): string | null }) => {
    if (request.url().endsWith('/prompt')) sent.push(JSON.parse(request.postData()!))
  }
  tab.page.on('request', note)
  await run()
  tab.page.off('request', note)
  return sent
}
const prompts = async (run: () => Promise<void>) => (await sentPrompts(run)).map(({ purpose }) => purpose ?? 'none')

testInBrowser('nine particles take nine clicks, however fast they follow each other', async () => {
  tab = await ReviewTab.open(context, url, size)
  await tab.page.locator('.model-ready').waitFor()
  await tab.press('p')
  for (const place of places) await tab.click(...place)
  await tab.expect({ masks: 9 })
  await tab.saved()
  assert.is(edits(), 9, 'each click is one edit')
  for (const [i, mask] of masks().entries()) {
    assert.is(mask.origin, 'prompt')
    const { x0, y0, width, height } = decodeMask(mask.segmentation)
    assert.ok(
      Math.abs(x0 + width / 2 - places[i][0]) < 4 && Math.abs(y0 + height / 2 - places[i][1]) < 4,
      'in their order',
    )
  }
})

testInBrowser('a click on a mask selects it; Shift+click adds a point to it, right-click takes away', async () => {
  await tab.click(96, 80)
  await tab.expect({ masks: 9, selected: 1 })
  const [centre] = masks().filter(({ id }) => id === 5)
  assert.equal(await tab.selectedLines(), [5])
  await tab.click(96, 108, { modifiers: ['Shift'] })
  await tab.expect({ masks: 9, selected: 1 })
  await hint(/Shift\+click adds/)
  await tab.saved()
  const larger = masks().at(-1)!
  assert.is(larger.id, 10)
  assert.ok(area(larger) > 1.3 * area(centre), `${area(larger)} of ${area(centre)}`)
  await tab.click(96, 122, { button: 'right' })
  await tab.page.locator('#mask-11').waitFor()
  await tab.saved()
  assert.ok(area(masks().at(-1)!) < area(larger))
  // Backspace removes the last point, not the mask
  const asked = await prompts(async () => {
    await tab.press('Backspace')
    await tab.page.locator('#mask-12').waitFor()
    await tab.saved()
  })
  assert.equal(asked, [], 'the mask of before is known')
  assert.is(masks().at(-1)!.segmentation.counts, larger.segmentation.counts)
  await tab.press('Control+z', 'Control+z', 'Control+z')
  await tab.saved()
  assert.equal(
    masks().find(({ id }) => id === 5),
    centre,
  )
})

testInBrowser('Tab changes the mask just taken for the model’s next one', async () => {
  await tab.press('Escape', 'Control+a', 'Delete')
  await tab.click(...places[0])
  await tab.expect({ masks: 1, selected: 1 })
  await tab.saved()
  const [first] = masks()
  await hint('1 of 3')
  await tab.press('Tab')
  await hint('2 of 3')
  await tab.saved()
  const [second] = masks()
  assert.ok(area(second) > area(first))
  assert.ok(second.predictedIou! < first.predictedIou!)
  await tab.press('Tab')
  await hint('3 of 3')
  await tab.press('Tab')
  await hint('1 of 3')
  await tab.saved()
  assert.is(masks()[0].segmentation.counts, first.segmentation.counts)
})

testInBrowser('the mask under the pointer is shown before the click, which takes it without asking again', async () => {
  await tab.page.mouse.move(...(await tab.at(96, 80)))
  await hint(/IoU 0.95.*Click takes it/)
  const asked = await prompts(async () => {
    await tab.page.mouse.down()
    await tab.page.mouse.up()
    await tab.expect({ masks: 2, selected: 1 })
  })
  assert.equal(asked, [])
  // Enter takes it too
  await tab.page.mouse.move(...(await tab.at(160, 130)))
  await hint('Click takes it')
  await tab.press('Enter')
  await tab.expect({ masks: 3 })
  // over a mask that was taken nothing is asked
  const over = await prompts(async () => {
    await tab.page.mouse.move(...(await tab.at(98, 82)))
    await tab.page.mouse.move(...(await tab.at(100, 84)))
    await tab.page.waitForTimeout(300)
  })
  assert.equal(over, [])
  // movement away ends the preview
  await tab.page.mouse.move(...(await tab.at(32, 130)))
  await hint('Click takes it')
  await tab.page.mouse.move(...(await tab.at(98, 82)))
  await tab.page.locator('.hint', { hasText: 'Click takes it' }).waitFor({ state: 'detached' })
})

testInBrowser('without the preview the pointer asks nothing', async () => {
  await tab.page.getByRole('tab', { name: 'View' }).click()
  await tab.page.getByLabel('Preview under the pointer').uncheck()
  const asked = await prompts(async () => {
    await tab.page.mouse.move(...(await tab.at(160, 30)))
    await tab.page.waitForTimeout(300)
    await tab.click(160, 30)
    await tab.expect({ masks: 4 })
  })
  assert.equal(asked, ['take'])
  await tab.page.getByLabel('Preview under the pointer').check()
  await tab.page.getByRole('tab', { name: 'Masks' }).click()
})

testInBrowser('points on a proposal correct it, and a click that finds the same particle selects it', async () => {
  await tab.press('PageDown')
  await tab.page.locator('.where b', { hasText: 'b' }).waitFor()
  await tab.ready()
  await tab.page.locator('.model-ready').waitFor()
  await tab.click(23, 23)
  await tab.expect({ masks: 1, selected: 1 })
  const [sent] = await sentPrompts(async () => {
    await tab.click(23, 60, { modifiers: ['Shift'] })
    await tab.page.locator('#mask-2').waitFor()
    await hint(/Shift\+click adds/)
  })
  const proposal = square(5, 5, 36, size)
  assert.equal(sent.mask, proposal, 'the model is given the mask to correct')
  assert.equal(
    sent.points.map(({ x, y }) => [x, y]),
    [
      [22, 22],
      [23, 60],
    ],
  )
  await tab.press('Backspace')
  await tab.page.locator('#mask-3').waitFor()
  await tab.saved()
  assert.equal(
    masks('b').map((mask) => mask.segmentation),
    [proposal],
  )
  await tab.press('Control+z')
  await tab.saved()
  const [only] = masks('b')
  assert.is(only.origin, 'prompt')
  assert.is(serving.document('b').counts.edited, 1, 'the proposal was corrected, not removed')
})

testInBrowser('the choice is remembered, and click and Enter work as before', async () => {
  await tab.press('Shift+T')
  await tab.page.reload()
  await tab.ready()
  await tab.page.locator('.model-ready').waitFor()
  await tab.press('p')
  const { masks: before } = await tab.counts()
  const area = (sent?: PromptRequest) => (sent?.mask ? maskArea(decodeMask(sent.mask)) : 0)
  const sent = await sentPrompts(async () => {
    await tab.click(130, 80)
    await hint(/^1 of 3.*Enter adds it/)
    await tab.click(130, 100)
    await hint(/^IoU.*Enter adds it/)
    await tab.press('Backspace')
    await hint(/^1 of 3.*Enter adds it/)
    await tab.click(130, 100)
    await hint(/^IoU.*Enter adds it/)
  })
  assert.equal(
    sent.map(({ points }) => points.length),
    [1, 2, 1, 2],
  )
  assert.equal(
    sent.map(area).map(Boolean),
    [false, true, false, true],
    'a further point corrects the mask that is shown',
  )
  assert.equal(sent[3], sent[1])
  await tab.expect({ masks: before })
  await tab.press('Enter')
  await tab.expect({ masks: before + 1 })
  await tab.press('Shift+T')
  await tab.saved()
  assert.equal(tab.faults, [])
})

test.after(async () => {
  restore()
  await browser?.close()
  await serving.stop()
  await session.close()
})

test.run()
