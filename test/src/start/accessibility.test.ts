/**
 * @file The home page for people who do not see it, see little, or use the keyboard alone: names, roles and contrast in both themes,
 * widths from a wide screen to a phone, and 200 % zoom, in each state of a project. WGSAM_PICTURES=DIR keeps screenshots.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Page } from 'playwright-core'
import { buildPage } from '../../../scripts/build-page.mjs'
import { readAssets } from '../../../src/review/page-files'
import { accessibilityFaults } from '../../support/accessibility'
import { openBrowser, testInBrowser } from '../../support/browser'
import { eventually } from '../../support/eventually'
import { propose, served } from '../../support/home-server'
import { makeRun } from '../../support/runs'

const folder = '.cache/start-page'
const pictures = process.env.WGSAM_PICTURES
const browser = await openBrowser()
await buildPage(folder, 'start')
const home = await served(await readAssets(folder))

const WIDTHS = [
  ['1440', 1440, 900],
  ['820', 820, 1180],
  ['390', 390, 844],
  // a laptop of 1440 pixels at 200 %
  ['zoom200', 720, 450],
] as const

/** What sticks out of the window, lies over something else, or is too small for a finger. */
const layoutFaults = (page: Page) =>
  page.evaluate(`(() => {
    const faults = []
    if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is wider than the window')
    const shown = [...document.querySelectorAll('#home :is(button, a, select, input, summary)')].filter((one) => one.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true }))
    const name = (one) => (one.innerText || one.ariaLabel || one.type || one.tagName).slice(0, 40)
    for (const [i, one] of shown.entries()) {
      const box = one.getBoundingClientRect()
      if (box.left < 0 || box.right > innerWidth + 0.5) faults.push(name(one) + ': outside of the window')
      if (one.matches('button, .button, select') && box.height < 24) faults.push(name(one) + ': less than 24 pixels high')
      for (const other of shown.slice(i + 1)) {
        const b = other.getBoundingClientRect()
        const over = Math.min(box.right, b.right) - Math.max(box.left, b.left) > 1 && Math.min(box.bottom, b.bottom) - Math.max(box.top, b.top) > 1
        if (over && !one.contains(other)) faults.push(name(one) + ' lies over ' + name(other))
      }
    }
    return faults
  })()`) as Promise<string[]>

/** Checks a state of the page at all widths and in both themes. */
async function check(state: string): Promise<void> {
  const faults: string[] = []
  for (const colorScheme of ['dark', 'light'] as const) {
    const context = await browser!.newContext({ colorScheme })
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    page.on('pageerror', (error) => faults.push(String(error)))
    await page.goto(home.url)
    await page.locator('.step, .browser li').first().waitFor()
    await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    for (const [name, width, height] of WIDTHS) {
      await page.setViewportSize({ width, height })
      const at = `${state}, ${name}, ${colorScheme}`
      for (const fault of await layoutFaults(page)) faults.push(`${at}: ${fault}`)
      // names, roles and colours hardly depend on the width
      if (name === '1440' || (name === '390' && colorScheme === 'light'))
        for (const fault of await accessibilityFaults(page)) faults.push(`${at}: ${fault}`)
      if (!pictures) continue
      mkdirSync(pictures, { recursive: true })
      await page.screenshot({ path: join(pictures, `home-${state}-${name}-${colorScheme}.png`), fullPage: true })
    }
    await context.close()
  }
  assert.equal(faults, [])
}

/** Presses Tab until an element has the focus. @returns how often */
async function tabTo(page: Page, name: RegExp): Promise<number> {
  for (let presses = 1; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    const at = (await page.evaluate(`(() => {
      const one = document.activeElement
      const ring = getComputedStyle(one)
      return [one.innerText || one.ariaLabel || '', ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) > 0]
    })()`)) as [string, boolean]
    if (!name.test(at[0])) continue
    assert.ok(at[1], `${name}: the focus is visible`)
    return presses
  }
  throw new Error(`Tab does not reach ${name}`)
}

testInBrowser('a folder is chosen and masks are proposed by the keyboard alone', async () => {
  await check('choose')
  const context = await browser!.newContext({ viewport: { width: 1200, height: 800 } })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(home.url)
  await page.locator('.browser li').first().waitFor()
  await tabTo(page, /^Path of a folder$/)
  await page.keyboard.press('Control+a')
  await page.keyboard.type(home.images)
  await page.keyboard.press('Enter')
  await page.getByText('None of 2 images has masks yet.').waitFor()
  await tabTo(page, /^Propose for 2 images$/)
  await page.keyboard.press('Enter')
  await page.locator('.job-running').waitFor()
  await tabTo(page, /^Stop$/)
  await context.close()
})

const lastCommandIs = (command: string) => eventually(() => assert.is(home.processes.last.args[0], command))

const progress = { label: 'generating', done: 0.4, total: 2, unit: 'images', seconds: 40, secondsLeft: null, note: 'a' }

testInBrowser('a job with its progress, and one that waits', async () => {
  home.processes.last.onProgress({ wgsam: 'progress', ...progress } as never)
  home.processes.last.onLine('warning: at an input of 256 pixels the model is far worse')
  home.processes.last.onLine('forecast: about 6 min for all 2 images')
  await home.post('api/jobs', { kind: 'measure', acceptedOnly: false })
  const context = await browser!.newContext()
  const page = await context.newPage()
  await page.goto(home.url)
  const job = page.locator('.job-running')
  await job.getByText('generating: 1 of 2, 40 % of this one; a').waitFor()
  // what a person should know before an hour has passed is not only in what the command prints
  await job.locator('.remark', { hasText: 'Warning: at an input of 256 pixels' }).waitFor()
  await job.locator('.remark', { hasText: 'Forecast: about 6 min' }).waitFor()
  await context.close()
  await check('running')
  await propose(home.project)
  home.processes.last.end(0)
  await lastCommandIs('measure')
  home.processes.last.onLine('wgsam: the disk is full')
  home.processes.last.end(1)
  await home.jobEnds('failed')
})

testInBrowser('proposals, a job that failed, and what was done', () => check('failed'))

testInBrowser('accepted images, a training with its curve, and adapters', async () => {
  for (const name of ['a', 'b']) {
    const { revision } = await home.get<{ revision: string }>(`review/api/images/${name}/document`)
    const action = { type: 'state', state: 'accepted' }
    await home.post(`review/api/images/${name}/actions`, { window: 'w', base: 0, revision, action })
  }
  const run = (name: string) => join(home.project, 'runs', name)
  for (const name of ['1', '2']) {
    cpSync(makeRun({ name }), run(name), { recursive: true })
    mkdirSync(join(run(name), 'last'))
    writeFileSync(join(run(name), 'last', 'adapter_config.json'), '{}')
  }
  await home.post('api/folder', { path: home.images })
  await home.post('api/jobs', { kind: 'train', minutes: 5 })
  home.processes.last.end(0)
  await lastCommandIs('train')
  cpSync(makeRun({ name: '3', steps: 12 }), run('3'), { recursive: true })
  await check('training')
})

test.after(async () => {
  await browser?.close()
  home.processes.last?.end(0)
  await home.close()
})

test.run()
