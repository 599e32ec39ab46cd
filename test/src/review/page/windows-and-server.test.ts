/** @file The review page while its server is away, after it was closed with unsent edits, and in two windows at once. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Browser, BrowserContext } from 'playwright-core'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { writeDemoProject } from '../../../support/demo-project'
import { scratch } from '../../../support/files'
import { middle, visible } from '../../../support/review-masks'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 192, height: 160 }
const dir = scratch()
const browser = await openBrowser()
const [scene] = await writeDemoProject(dir, 1, { ...size, particles: [14, 18] })
const serving = new Serving(dir)
const url = await serving.start()
const context = (await browser?.newContext({ viewport: { width: 1200, height: 800 } })) as BrowserContext
let tab: ReviewTab

const log = () => serving.document(scene.name)

// wait until the log has the last action of the previous test
test.before.each(async () => {
  if (tab) await tab.saved()
})

testInBrowser('without the server, the page shows how many edits wait, and saves them when it is back', async () => {
  tab = await ReviewTab.open(context, url, size)
  // the first edit begins the log
  await tab.press('Control+a', 'Delete', 'Control+z', 'Escape')
  await tab.saved()
  await serving.stop()
  const { masks } = await tab.counts()
  const [a, b] = visible(log())
  await tab.click(...middle(a))
  await tab.press('Delete')
  await tab.click(...middle(b))
  await tab.press('Delete')
  await tab.expect({ masks: masks - 2 })
  await tab.page.locator('.link-offline', { hasText: '2 edits waiting' }).waitFor()
  assert.ok(log().mask(a.id), 'not in the log yet')
  await serving.start()
  await tab.page.getByRole('button', { name: 'Retry' }).click()
  await tab.saved()
  assert.is(log().mask(a.id), undefined)
  assert.is(log().mask(b.id), undefined)
})

testInBrowser('edits not saved when a page was closed are saved on the next visit', async () => {
  const [a] = visible(log())
  await serving.stop()
  await tab.click(...middle(a))
  await tab.press('Delete')
  await tab.page.locator('.link-offline', { hasText: '1 edit waiting' }).waitFor()
  await tab.page.close()
  assert.ok(log().mask(a.id))
  await serving.start()
  tab = await ReviewTab.open(context, url, size)
  await tab.page.locator('.notices', { hasText: 'of an earlier visit' }).waitFor()
  await tab.saved()
  await tab.expect({ masks: log().masks.length })
  assert.is(log().mask(a.id), undefined)
})

testInBrowser('if two windows edit at once, the slower one reports that its edit was not applied', async () => {
  const other = await ReviewTab.open(context, url, size)
  const [a, b] = visible(log())
  // both windows have the same state; the second edits before it learns of the first one's edit
  await other.page.route('**/log?after=*', (route) => route.abort())
  await tab.click(...middle(a))
  await tab.press('Delete')
  await tab.saved()
  await other.click(...middle(b))
  await other.press('Delete')
  await other.page.locator('.notices', { hasText: 'not applied: remove. Another window' }).waitFor()
  // the image is opened again: with the first edit, without the second
  await other.page.locator(`#mask-${b.id}`).waitFor()
  await other.page.locator(`#mask-${a.id}`).waitFor({ state: 'detached' })
  assert.is(log().mask(a.id), undefined)
  assert.ok(log().mask(b.id), 'nothing was overwritten')
  await other.page.unroute('**/log?after=*')
  // an idle window learns of the other's edits
  await other.ready()
  await other.click(...middle(b))
  await other.press('Delete')
  await other.saved()
  await tab.page.locator('.notices', { hasText: 'Another window changed this image' }).waitFor()
  await tab.expect({ masks: log().masks.length })
  assert.equal(other.faults, [])
  await other.page.close()
})

testInBrowser('unsent edits of an open window are not sent by another', async () => {
  const [a] = visible(log())
  await tab.page.route('**/actions', (route) => route.abort())
  await tab.click(...middle(a))
  await tab.press('Delete')
  await tab.page.locator('.link-offline', { hasText: '1 edit waiting' }).waitFor()
  const other = await ReviewTab.open(context, url, size)
  await other.expect({ masks: log().masks.length })
  assert.ok(log().mask(a.id))
  assert.not((await other.notices()).some((text) => text.includes('earlier visit')))
  await other.page.close()
  await tab.page.unroute('**/actions')
  await tab.saved()
  assert.is(log().mask(a.id), undefined)
})

test.after(async () => {
  await (browser as Browser | null)?.close()
  await serving.stop()
})

test.run()
