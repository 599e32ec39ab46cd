/** @file The tutorial's review: a simulated person who knows the particles corrects the images, with screenshots of the first. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import sharp from 'sharp'
import { squaredDistance } from '../../engine/masks/distance-transform'
import { type Mask, maskArea, maskContains } from '../../engine/masks/mask'
import { decodeMask, encodeRle } from '../../engine/masks/rle'
import type { Size } from '../../engine/image/size'
import { writeFileAtomic } from '../../src/host/files'
import { maskPolygons } from '../../src/dataset/contours'
import { readLabels } from '../../src/images/read-labels'
import { ReviewDocument } from '../../src/project/review/document'
import { deepest } from '../../src/review/page/masks/shape'
import { subtractMasks } from '../../engine/masks/mask-algebra'
import type { ReviewHistory } from '../../src/project/review/review-records'
import { ReviewTab } from './review-page'

interface Options {
  size: Size
  /** A folder of label maps with the images' names. */
  truth: string
  /** Folder for screenshots; null for none. */
  pictures: string | null
}

/** The IoU with a particle from which a mask is accepted rather than drawn by hand. */
const good = 0.7

function iou(a: Mask, b: Mask): number {
  const shared = maskArea(a) - maskArea(subtractMasks(a, [b]))
  return shared / (maskArea(a) + maskArea(b) - shared)
}

const bestIou = (mask: Mask, others: readonly Mask[]) => Math.max(0, ...others.map((other) => iou(mask, other)))

/** A pixel well inside. */
const middle = (mask: Mask): [number, number] => {
  const [x, y] = deepest(mask, squaredDistance(mask.data, mask.width, mask.height))
  return [Math.floor(x), Math.floor(y)]
}

async function particlesOf(path: string, { width, height }: Size): Promise<Mask[]> {
  const { data } = await readLabels(path)
  const ids = [...new Set(data)].filter((id) => id > 0)
  // small visible remains of covered particles do not count
  return ids.map((id) => decodeMask(encodeRle(data, width, height, id))).filter((mask) => maskArea(mask) >= 20)
}

export async function reviewAsInTutorial(browser: Browser, url: string, options: Options): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1240, height: 780 }, colorScheme: 'dark' })
  const tab = await ReviewTab.open(context, url, options.size)
  const names = readdirSync(options.truth).sort()
  for (const [i, file] of names.entries()) {
    await tab.page.locator('.where b', { hasText: file.replace('.png', '') }).waitFor()
    await tab.ready()
    const person = new Person(
      tab,
      url,
      options.size,
      await particlesOf(join(options.truth, file), options.size),
      i ? null : options,
    )
    await person.review()
    await tab.press('Shift+A')
  }
  await tab.page.locator('.images header', { hasText: `${names.length} accepted` }).waitFor()
  await tab.press('Control+e')
  await tab.page.getByRole('dialog', { name: 'Export' }).waitFor()
  if (options.pictures) await picture(tab, options.pictures, 'export')
  if (tab.faults.length) throw new Error(tab.faults.join('\n'))
  await context.close()
}

async function picture(tab: ReviewTab, folder: string, name: string): Promise<void> {
  const png = await tab.page.screenshot()
  for (let quality = 75; ; quality -= 8) {
    const jpeg = await sharp(png).jpeg({ quality, mozjpeg: true }).toBuffer()
    if (jpeg.length < 140_000) return writeFileAtomic(join(folder, `tutorial-${name}.jpg`), jpeg)
  }
}

class Person {
  constructor(
    private readonly tab: ReviewTab,
    private readonly url: string,
    private readonly size: Size,
    private readonly particles: Mask[],
    /** Set if screenshots are taken. */
    private readonly shown: Options | null,
  ) {}

  /** The current masks. */
  private async masks(): Promise<{ id: number; mask: Mask }[]> {
    await this.tab.saved()
    const name = await this.tab.page.locator('.where b').innerText()
    const response = await this.tab.page.request.get(`${this.url}api/images/${encodeURIComponent(name)}/document`)
    const { masks } = ReviewDocument.replay((await response.json()) as ReviewHistory)
    return masks.map(({ id, segmentation }) => ({ id, mask: decodeMask(segmentation) }))
  }

  private async look(name: string): Promise<void> {
    if (this.shown?.pictures) await picture(this.tab, this.shown.pictures, name)
  }

  async review(): Promise<void> {
    await this.look('overview')
    if (this.shown) await this.filter()
    await this.remove()
    await this.add()
    if (this.shown) await this.cut()
  }

  private async filter(): Promise<void> {
    const { page } = this.tab
    await page.getByRole('tab', { name: 'Filter' }).click()
    // with both, masks are removed and added
    await page.getByLabel('Predicted IoU above').fill('0.85')
    await page.getByLabel('Stability at least').fill('0.6')
    await page.locator('.difference').waitFor()
    await this.look('filter')
    await page.getByRole('button', { name: 'Reset' }).click()
    await page.getByRole('tab', { name: 'Masks' }).click()
  }

  /** Selects each mask that is not a particle, and removes it. */
  private async remove(): Promise<void> {
    const { tab } = this
    const wrong = (await this.masks()).filter(({ mask }) => bestIou(mask, this.particles) < good)
    for (const [i, { id }] of wrong.entries()) {
      // only the visible lines of the long list are rendered
      await this.select(id)
      if (!i) await this.look('suspicious')
      await tab.press('Delete')
    }
    await tab.press('0')
    await tab.saved()
  }

  private async select(id: number): Promise<void> {
    const { tab } = this
    const count = (await tab.counts()).masks
    for (let i = 0; i < count + 1; i++) {
      await tab.press('ArrowDown')
      if ((await tab.selectedLines()).includes(id)) return
    }
    throw new Error(`mask ${id} is not in the list`)
  }

  /** Prompts the model for missing particles; those that it does not find are drawn by hand. */
  private async add(): Promise<void> {
    const { tab } = this
    await tab.press('Escape', '0', 'u')
    await tab.page.waitForTimeout(300)
    await this.look('coverage')
    await tab.press('u')
    const there = (await this.masks()).map(({ mask }) => mask)
    const missing = this.particles.filter((particle) => bestIou(particle, there) < good)
    let looked = false
    for (const particle of missing) {
      await tab.press('p')
      const before = (await this.masks()).map(({ id }) => id)
      await tab.click(...middle(particle))
      const made = await this.answered(before)
      const { fits, edits } = made ? await this.chooseGood(particle) : { fits: false, edits: 0 }
      if (fits) {
        if (!looked) await this.look('prompt')
        looked = true
        continue
      }
      // the click selected a mask that was there, or the model's masks are all wrong
      await tab.press('Escape', ...Array<string>(edits).fill('Control+z'))
      await this.draw(particle)
    }
    await tab.press('v', 'Escape')
    await tab.saved()
  }

  /** Waits for the answer to a click. @returns whether a mask was added */
  private async answered(before: readonly number[]): Promise<boolean> {
    const { page } = this.tab
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
    await page.locator('.hint', { hasText: / first …|Segmenting/ }).waitFor({ state: 'detached', timeout: 120_000 })
    return (await this.masks()).some(({ id }) => !before.includes(id))
  }

  /** Looks at the model's masks for the last click, one after the other, until one fits the particle. Each is an edit. */
  private async chooseGood(particle: Mask): Promise<{ fits: boolean; edits: number }> {
    const { tab } = this
    for (let edits = 1; ; edits++) {
      const newest = (await this.masks()).reduce((a, b) => (a.id > b.id ? a : b))
      const fits = iou(newest.mask, particle) >= good
      const hint = await tab.page.locator('.hint').innerText()
      const isLast = !hint.startsWith(`${edits} of `) || hint.startsWith(`${edits} of ${edits} `)
      if (fits || isLast) return { fits, edits }
      await tab.press('Tab')
      await tab.page.locator('.hint', { hasText: `${edits + 1} of` }).waitFor()
    }
  }

  private async draw(particle: Mask): Promise<void> {
    const { tab } = this
    await tab.press('l')
    const { outer } = maskPolygons(particle).sort((a, b) => b.outer.length - a.outer.length)[0]
    const step = Math.max(1, Math.floor(outer.length / 40))
    const corners = outer.filter((_, i) => i % step === 0).map(([x, y]): [number, number] => [x - 0.5, y - 0.5])
    const [x, y] = await tab.at(...corners[0])
    await tab.page.mouse.move(x, y)
    await tab.page.mouse.down()
    for (const corner of corners.slice(1)) await tab.page.mouse.move(...(await tab.at(...corner)))
    await tab.page.mouse.up()
  }

  /** Cuts the largest mask, takes a screenshot, and undoes the cut. */
  private async cut(): Promise<void> {
    const { tab } = this
    const masks = (await this.masks()).sort((a, b) => maskArea(b.mask) - maskArea(a.mask))
    const top = masks.find(({ mask }) =>
      masks.every((other) => other.mask === mask || !maskContains(other.mask, ...middle(mask))),
    )
    if (!top) return
    const { mask } = top
    const [x] = middle(mask)
    await tab.press('k')
    await tab.page.mouse.move(...(await tab.at(x, Math.max(-1, mask.y0 - 3))))
    await tab.page.mouse.down()
    await tab.page.mouse.move(...(await tab.at(x, Math.min(this.size.height, mask.y0 + mask.height + 2))), {
      steps: 10,
    })
    await this.look('cut')
    await tab.page.mouse.up()
    // two pieces or more, depending on the shape
    await tab.page.waitForFunction(
      `Number(/(\\d+) masks/.exec(document.querySelector('.bottom').textContent)[1]) > ${masks.length}`,
    )
    await tab.press('Control+z', 'v', 'Escape')
    await tab.expect({ masks: masks.length, selected: 0 })
  }
}
