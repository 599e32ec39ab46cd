/** @file The review page in Chromium through a whole session: user actions, and the resulting log and dataset. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext } from 'playwright-core'
import { decodeMask } from '../../../../engine/masks/rle'
import { openDataset } from '../../../../src/dataset/dataset'
import { readProposals } from '../../../../src/project/read-proposals'
import type { ReviewMask } from '../../../../src/project/review/review-records'
import type { Point } from '../../../../engine/image/box'
import { PromptSession } from '../../../../src/review/prompt-session'
import { readPixels } from '../../../../src/review/read-pixels'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { writeDemoProject } from '../../../support/demo-project'
import { area, middle, overlapOf, visible } from '../../../support/review-masks'
import { ReviewTab, Serving } from '../../../support/review-page'
import { openToy } from '../../../support/toy'
import { commandText, trainCommand } from '../../../../src/cli/next-command'

const size = { width: 192, height: 160 }
const dir = scratch()
const browser = await openBrowser()
const [scene] = await writeDemoProject(dir, 2, { ...size, particles: [14, 18] })
const session = new PromptSession({
  read: readPixels,
  model: { name: 'toy', adapter: null, size: 96 },
  load: async () => ({ model: await openToy('toy_vit'), close() {} }),
})
const serving = new Serving(dir, session)
const url = await serving.start()
const first = (await readProposals(dir, scene.name)).records
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext
let tab: ReviewTab

// wait until the log has the last action of the previous test
test.before.each(async () => {
  if (tab) await tab.saved()
})

const log = () => serving.document(scene.name)

testInBrowser('it opens the first image with its proposals', async () => {
  tab = await ReviewTab.open(context, url, size)
  await tab.expect({ masks: first.length, selected: 0 })
  assert.equal(await tab.page.locator('.image-line .name').allInnerTexts(), ['scene-1', 'scene-2'])
  assert.match(await tab.page.locator('.bottom').innerText(), /toy/)
  assert.is(await tab.page.locator('.mask-line').count(), first.length)
  // suspicious first
  const worst = Math.min(...first.map((r) => r.predicted_iou + r.stability_score))
  const line = await tab.page.locator('.mask-line').first().locator('span').allInnerTexts()
  const record = first[Number(line[0]) - 1]
  assert.is(record.predicted_iou + record.stability_score, worst)
})

testInBrowser('a click selects, Delete removes, undo restores; each is in the log at once', async () => {
  const [largest] = visible({ masks: await proposals() })
  await tab.click(...middle(largest))
  await tab.expect({ selected: 1 })
  assert.equal(await tab.selectedLines(), [largest.id])
  await tab.press('Delete')
  await tab.expect({ masks: first.length - 1, selected: 0 })
  await tab.saved()
  assert.is(log().mask(largest.id), undefined)
  await tab.press('Control+z')
  await tab.expect({ masks: first.length, selected: 1 })
  await tab.saved()
  assert.equal(log().mask(largest.id), largest)
  await tab.press('Control+Shift+Z')
  await tab.expect({ masks: first.length - 1 })
  await tab.press('Control+z')
  await tab.expect({ masks: first.length })
})

async function proposals(): Promise<ReviewMask[]> {
  return first.map((r, i) => ({
    id: i + 1,
    segmentation: r.segmentation,
    origin: 'proposal',
    predictedIou: r.predicted_iou,
    stability: r.stability_score,
  }))
}

testInBrowser('merging unites the pixels; the knife separates them again', async () => {
  const [a, b] = visible(log())
  await tab.click(...middle(a))
  await tab.click(...middle(b), { modifiers: ['Shift'] })
  await tab.expect({ selected: 2 })
  await tab.press('m')
  await tab.expect({ masks: first.length - 1, selected: 1 })
  await tab.saved()
  const merged = log().masks.at(-1)!
  assert.is(merged.origin, 'merge')
  assert.is(area(merged), area(a) + area(b))
  assert.is(log().mask(a.id), undefined)
  const [c] = visible(log()).filter(({ id }) => id !== merged.id)
  await tab.press('Escape', 'k')
  const shape = decodeMask(c.segmentation)
  const [, y] = middle(c)
  await tab.drag([shape.x0 - 3, y], [shape.x0 + shape.width + 2, y])
  await tab.saved()
  const pieces = log().masks.filter(({ origin }) => origin === 'split')
  assert.ok(pieces.length >= 2)
  assert.is(
    pieces.reduce((sum, piece) => sum + area(piece), 0),
    area(c),
  )
  await tab.press('Control+z', 'Control+z', 'v', 'Escape')
  await tab.expect({ masks: first.length, selected: 0 })
})

testInBrowser('brush and eraser change the selected mask by strokes of the brush size', async () => {
  const [target] = visible(log())
  const [x, y] = middle(target)
  await tab.click(x, y)
  await tab.press('e')
  for (let i = 0; i < 12; i++) await tab.press('[')
  await tab.click(x, y)
  await tab.saved()
  const holed = log().masks.at(-1)!
  assert.is(holed.origin, 'erase')
  const removed = area(target) - area(holed)
  assert.ok(removed >= 1 && removed < 30, `${removed} pixels`)
  await tab.press('f')
  await tab.saved()
  assert.is(log().masks.at(-1)!.origin, 'fill holes')
  assert.is(area(log().masks.at(-1)!), area(target))
  assert.is(log().masks.at(-1)!.segmentation.counts, target.segmentation.counts)
  await tab.press('b', ']', ']', ']', ']', ']')
  const before = log().masks.length
  const shape = decodeMask(target.segmentation)
  await tab.drag([x, y], [x, Math.min(size.height - 1, shape.y0 + shape.height + 4)])
  await tab.saved()
  assert.is(log().masks.length, before)
  const grown = log().masks.at(-1)!
  assert.ok(grown.origin === 'brush' && area(grown) > area(target))
  assert.is(overlapOf(grown, log()), overlapOf(target, log()), 'it takes no pixels of other masks')
  assert.is(log().counts.edited, 1)
  await tab.press('v', 'Escape')
})

testInBrowser('the lasso draws a new mask, by dragging and by corners, and redraws one', async () => {
  const { length } = log().masks
  await tab.page.getByRole('tab', { name: 'View' }).click()
  await tab.page.getByLabel('Avoid overlaps').uncheck()
  await tab.press('l')
  await tab.drag([20, 20], [40, 20], [40, 40], [20, 40], [20, 21])
  await tab.expect({ masks: length + 1, selected: 1 })
  await tab.saved()
  const drawn = log().masks.at(-1)!
  assert.is(drawn.origin, 'add')
  assert.is.not(drawn.predictedIou, 0)
  assert.ok(Math.abs(area(drawn) - 400) < 60, `${area(drawn)} pixels`)
  await tab.press('r')
  const corners: Point[] = [
    [60, 60],
    [90, 60],
    [90, 80],
    [60, 80],
  ]
  for (const corner of corners) await tab.click(...corner)
  await tab.press('Enter')
  await tab.expect({ masks: length + 1, selected: 1 })
  await tab.saved()
  const redrawn = log().masks.at(-1)!
  assert.is(redrawn.origin, 'redraw')
  assert.is(log().mask(drawn.id), undefined)
  assert.ok(Math.abs(area(redrawn) - 600) < 60, `${area(redrawn)} pixels`)
  await tab.press('x', 'v')
  await tab.expect({ masks: length })
  await tab.page.getByRole('tab', { name: 'Masks' }).click()
})

testInBrowser('the model predicts three masks for a point; Tab shows the next, Enter adds it', async () => {
  await tab.page.locator('.model-ready').waitFor()
  const { length } = log().masks
  await tab.press('p', 'Shift+T')
  await tab.click(96, 80)
  await tab.page.locator('.hint', { hasText: 'Enter adds it' }).waitFor()
  const hint = () => tab.page.locator('.hint').innerText()
  const said = await hint()
  const several = / of (\d)/.exec(said)?.[1]
  if (several) {
    await tab.press('Tab')
    assert.match(await hint(), `2 of ${several}`)
  }
  await tab.click(30, 30, { button: 'right' })
  await tab.page.locator('.hint', { hasText: /^IoU.*Enter adds it/ }).waitFor()
  await tab.press('Backspace')
  await tab.page.locator('.hint', { hasText: 'Enter adds it' }).waitFor()
  await tab.press('Enter')
  await tab.expect({ masks: length + 1, selected: 1 })
  await tab.saved()
  const added = log().masks.at(-1)!
  assert.is(added.origin, 'prompt')
  assert.type(added.predictedIou, 'number')
  assert.is(log().counts.added, 1)
  // the toy's mask covers the whole image: the filter would add nothing over it
  await tab.press('Control+z')
  await tab.expect({ masks: length })
  await tab.drag([40, 40], [90, 90])
  await tab.page.locator('.hint', { hasText: 'Enter adds it' }).waitFor()
  await tab.press('Escape')
  assert.match(await hint(), 'Click on a particle')
  await tab.press('Shift+T', 'v')
})

testInBrowser('a box selects many masks, a measure selects by limit, and the list sorts', async () => {
  const { masks } = log()
  await tab.press('Escape')
  await tab.drag([0, 0], [size.width - 1, size.height - 1])
  const { selected } = await tab.counts()
  assert.ok(selected > masks.length * 0.8, `${selected} of ${masks.length}`)
  await tab.press('Control+a')
  await tab.expect({ selected: masks.length })
  await tab.press('Escape')
  await tab.expect({ selected: 0 })
  const limit = 60
  const small = masks.filter((mask) => area(mask) < limit)
  assert.ok(small.length > 0 && small.length < masks.length)
  await tab.page.getByLabel('Measure').selectOption('area')
  await tab.page.getByLabel('Limit').fill(`${limit}`)
  await tab.page.getByLabel('Limit').press('Enter')
  await tab.expect({ selected: small.length })
  await tab.press('Delete')
  await tab.expect({ masks: masks.length - small.length })
  await tab.saved()
  assert.equal(
    log().masks.map(({ id }) => id),
    masks.filter((mask) => area(mask) >= limit).map(({ id }) => id),
  )
  await tab.page.getByLabel('Sort by Diameter in nm').click()
  const areas = (await tab.page.locator('.mask-line span:nth-of-type(2)').allInnerTexts()).map((t) =>
    Number(t.replace(',', '')),
  )
  assert.equal(
    areas,
    [...areas].sort((a, b) => a - b),
  )
})

testInBrowser('sliders preview the change; Apply is one edit that undo reverts', async () => {
  const before = log().masks
  await tab.page.getByRole('tab', { name: 'Filter' }).click()
  await tab.page.getByLabel('Predicted IoU above').fill('0.94')
  const weak = before.filter(({ origin, predictedIou }) => origin === 'proposal' && predictedIou! <= 0.94)
  assert.ok(weak.length > 2)
  await tab.page.locator('.difference', { hasText: `−${weak.length} would be removed` }).waitFor()
  await tab.page.getByRole('button', { name: 'Apply' }).click()
  await tab.expect({ masks: before.length - weak.length })
  await tab.saved()
  assert.equal(
    log().masks,
    before.filter((mask) => !weak.includes(mask)),
  )
  // back to the original setting: masks removed by the filter return as new masks; masks removed by a person do not
  await tab.page.getByLabel('Predicted IoU above').fill('0.6')
  await tab.page.locator('.difference', { hasText: `+${weak.length} would be added` }).waitFor()
  await tab.page.getByRole('button', { name: 'Apply' }).click()
  await tab.expect({ masks: before.length })
  await tab.saved()
  const texts = (masks: ReviewMask[]) => masks.map(({ segmentation }) => segmentation.counts).sort()
  assert.equal(texts(log().masks), texts(before))
  await tab.press('Control+z', 'Control+z')
  await tab.expect({ masks: before.length })
  await tab.saved()
  assert.equal(log().masks, before)
  await tab.page.getByRole('tab', { name: 'Masks' }).click()
})

testInBrowser('undo goes back to the proposals, and redo repeats the edits', async () => {
  const last = log().masks
  await tab.clearNotices()
  let steps = 0
  for (; await tab.page.getByTitle('Undo').isEnabled(); steps++) await tab.press('Control+z')
  assert.ok(steps >= 7, `${steps} edits`)
  await tab.saved()
  assert.equal(log().masks, await proposals())
  assert.equal(log().counts, { masks: first.length, removed: 0, edited: 0, added: 0 })
  for (; steps; steps--) await tab.press('Control+y')
  await tab.saved()
  assert.equal(log().masks, last)
})

testInBrowser('accepting opens the next image; export writes a dataset that training reads', async () => {
  await tab.press('Shift+A')
  await tab.page.locator('.where', { hasText: 'scene-2' }).waitFor()
  await tab.ready()
  assert.is(log().state, 'accepted')
  await tab.page.locator('.image-line.state-accepted', { hasText: 'scene-1' }).waitFor()
  await tab.press('Control+e')
  const dialog = tab.page.getByRole('dialog', { name: 'Export' })
  await dialog.waitFor()
  assert.match(await dialog.innerText(), /1 accepted image with \d+ masks/)
  const words = trainCommand({ data: join(dir, 'dataset'), images: 1, model: 'toy', software: session.software })
  assert.is(await dialog.locator('pre').innerText(), commandText(words))
  await tab.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  const dataset = await openDataset(join(dir, 'dataset'))
  assert.equal(
    dataset.items.map(({ id }) => id),
    ['scene-1'],
  )
  const counted = JSON.parse(readFileSync(join(dir, 'dataset', 'corrections.json'), 'utf8'))
  assert.match(JSON.stringify(counted), 'scene-1')
})

testInBrowser('reloading opens the same image', async () => {
  await tab.page.reload()
  await tab.ready()
  assert.is(await tab.page.locator('.where b').innerText(), 'scene-2')
  await tab.press('PageUp')
  await tab.page.locator('.where', { hasText: 'scene-1' }).waitFor()
  await tab.ready()
  await tab.page.getByRole('button', { name: 'Withdraw', exact: true }).click()
  await tab.page.getByRole('button', { name: 'Accept image', exact: true }).waitFor()
  await tab.saved()
  assert.is(log().state, 'in review')
})

testInBrowser('the page has no errors and sends requests only to its server', async () => {
  assert.equal(tab.faults, [])
  const hosts = await tab.page.evaluate(
    "[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).host))]",
  )
  assert.equal(hosts, [new URL(url).host])
})

test.after(async () => {
  await (browser as Browser | null)?.close()
  await serving.stop()
  await session.close()
})

test.run()
