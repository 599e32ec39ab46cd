/** @file Drives the review page in a browser as a person does: clicks, displayed text, and the resulting log. */
import { readFileSync } from 'node:fs'
import type { BrowserContext, Page } from 'playwright-core'
import type { Size } from '../../engine/image/size'
import { projectFile } from '../../src/project/project'
import type { LocalServer } from '../../src/host/local-server'
import { readAssets } from '../../src/review/page-files'
import { ReviewDocument } from '../../src/project/review/document'
import { ReviewFolder } from '../../src/project/review/review-folder'
import type { LogEntry, LogHeader } from '../../src/project/review/review-records'
import { serve } from '../../src/review/server'
import type { PromptSession } from '../../src/review/prompt-session'
import { buildPage } from '../../scripts/build-page.mjs'
import { scratch } from './files'

// test files run at the same time, and dist/ may be older than the sources: each process builds the page for itself
const pageFolder = scratch()
let built: Promise<void> | undefined

/** A server that can be stopped and restarted at the same address. */
export class Serving {
  private folder: ReviewFolder | null = null
  private server: LocalServer | null = null
  url = ''

  constructor(
    readonly dir: string,
    private readonly session: PromptSession | null = null,
  ) {}

  async start(): Promise<string> {
    await (built ??= buildPage(pageFolder))
    this.folder = await ReviewFolder.open(this.dir)
    const port = this.url ? Number(new URL(this.url).port) : 0
    const token = 'test-of-the-page'
    const { folder, session } = this
    this.server = await serve({ folder, session, assets: await readAssets(pageFolder), port, token })
    this.url = this.server.url
    return this.url
  }

  async stop(): Promise<void> {
    await this.server?.close()
    await this.folder?.close()
    this.server = this.folder = null
  }

  /** The document that an image's log on the disk leads to. */
  document(name: string): ReviewDocument {
    const [header, ...entries] = readFileSync(projectFile.log(this.dir, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    const { image, proposals } = header as LogHeader
    return ReviewDocument.replay({ image, proposals, entries: entries as LogEntry[] })
  }
}

/** A tab with the review page; errors in its console are collected. */
export class ReviewTab {
  readonly faults: string[] = []

  private constructor(
    readonly page: Page,
    private readonly image: Size,
  ) {
    page.on('pageerror', (error) => this.faults.push(String(error)))
    page.on('console', (message) => {
      // failed requests to a stopped server are not errors of the page
      if (message.type() === 'error' && !/ERR_CONNECTION|ERR_EMPTY|ERR_FAILED|status of (409|503)/.test(message.text()))
        this.faults.push(message.text())
    })
  }

  static async open(context: BrowserContext, url: string, image: Size): Promise<ReviewTab> {
    const tab = new ReviewTab(await context.newPage(), image)
    tab.page.setDefaultTimeout(90_000)
    await tab.page.goto(url)
    await tab.ready()
    return tab
  }

  async ready(): Promise<void> {
    await this.page.locator('.above').waitFor()
    await this.page.locator('.bottom', { hasText: /\d+ masks/ }).waitFor()
  }

  /** The window position of a pixel of the fitted image. */
  async at(x: number, y: number): Promise<[number, number]> {
    const box = (await this.page.locator('.above').boundingBox())!
    const { width, height } = this.image
    const scale = Math.min((box.width - 24) / width, (box.height - 24) / height, 64)
    return [
      box.x + (box.width - width * scale) / 2 + (x + 0.5) * scale,
      box.y + (box.height - height * scale) / 2 + (y + 0.5) * scale,
    ]
  }

  async click(x: number, y: number, options: { modifiers?: 'Shift'[]; button?: 'right' } = {}): Promise<void> {
    const [left, top] = await this.at(x, y)
    for (const key of options.modifiers ?? []) await this.page.keyboard.down(key)
    await this.page.mouse.click(left, top, { button: options.button })
    for (const key of options.modifiers ?? []) await this.page.keyboard.up(key)
  }

  /** Drags through points of the image. */
  async drag(...points: [number, number][]): Promise<void> {
    const [first, ...rest] = points
    await this.page.mouse.move(...(await this.at(...first)))
    await this.page.mouse.down()
    for (const point of rest) await this.page.mouse.move(...(await this.at(...point)), { steps: 8 })
    await this.page.mouse.up()
  }

  press(...keys: string[]): Promise<void> {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve())
  }

  /** Waits until all actions are saved. */
  async saved(): Promise<void> {
    // an action shows two frames later; until then the page still says "saved" about the one before
    await this.page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    await this.page.locator('.link-saved').waitFor()
  }

  /** The numbers in the status bar. */
  async counts(): Promise<{ masks: number; selected: number }> {
    const text = (await this.page.locator('.bottom').innerText()).replaceAll('\n', ' ')
    return {
      masks: Number(/(\d+) masks/.exec(text)?.[1]),
      selected: Number(/(\d+) selected/.exec(text)?.[1] ?? 0),
    }
  }

  /** Waits until the status bar shows these numbers. */
  async expect(counts: { masks?: number; selected?: number }): Promise<void> {
    const { masks, selected } = counts
    const text = `${masks ?? '\\d+'} masks${selected ? `, ${selected} selected` : selected === 0 ? '(?!, )' : ''}`
    await this.page
      .locator('.bottom span', { hasText: new RegExp(`^${text}`) })
      .first()
      .waitFor()
  }

  /** The ids of the visible selected lines of the list. */
  async selectedLines(): Promise<number[]> {
    const lines = await this.page.locator('.mask-line[aria-selected=true] span:nth-of-type(1)').allInnerTexts()
    return lines.map(Number)
  }

  notices(): Promise<string[]> {
    return this.page.locator('.notices p').allInnerTexts()
  }

  async clearNotices(): Promise<void> {
    for (const button of await this.page.locator('.notices button').all())
      await button.click({ timeout: 1000 }).catch(() => {})
  }
}
