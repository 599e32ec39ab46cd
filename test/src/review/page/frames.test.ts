/**
 * @file A thousand masks on four megapixels: selected, removed and brought back at once, and their opacity dragged. What is painted
 * over several frames is complete in the end. The times of the frames are only printed: they depend on the machine and its load.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeMask } from '../../../../engine/masks/rle'
import { scratch } from '../../../support/files'
import { openBrowser, testInBrowser } from '../../../support/browser'
import { frameTimes } from '../../../support/frame-times'
import { writeImage } from '../../../support/review'
import { ReviewTab, Serving } from '../../../support/review-page'

const size = { width: 2048, height: 2048 }
const spacing = 63
const centre = (i: number): [number, number] => [(i % 32) * spacing + 31, Math.floor(i / 32) * spacing + 31]

function disc(i: number) {
  const radius = 22 + (i % 9)
  const side = 2 * radius + 1
  const data = Uint8Array.from({ length: side * side }, (_, at) =>
    Number(((at % side) - radius) ** 2 + (Math.floor(at / side) - radius) ** 2 <= radius * radius),
  )
  const [x, y] = centre(i)
  return encodeMask({ x0: x - radius, y0: y - radius, width: side, height: side, data }, size)
}

const dir = scratch()
await writeImage(
  dir,
  'thousand',
  Array.from({ length: 1000 }, (_, i) => disc(i)),
  size,
)
const serving = new Serving(dir)
const url = await serving.start()
const browser = await openBrowser()
let tab: ReviewTab

/** Prints how long frames took during an action, until the canvas rests. */
async function timed(name: string, act: () => Promise<void>): Promise<void> {
  const { page } = tab
  const frames = await frameTimes(page, async () => {
    await act()
    await page.waitForTimeout(400)
  })
  assert.ok(frames.length > 0, 'frames were drawn')
  const at = (part: number) => frames[Math.floor(part * (frames.length - 1))].toFixed(0)
  console.log(`      ${name}: ${at(0.5)} ms a frame, ${at(0.95)} ms in 95 of 100, the longest ${at(1)} ms`)
}

/** How far the canvas is from gray at the centres of masks in the first, a middle and the last row. */
async function tints(): Promise<number[]> {
  const points = await Promise.all(
    [3, 500, 995].map((i) => tab.at(...(centre(i).map((v) => v + 8) as [number, number]))),
  )
  const read = `(() => {
    const canvas = document.querySelector('.below')
    const { left, top } = canvas.getBoundingClientRect()
    const context = canvas.getContext('2d')
    return ${JSON.stringify(points)}.map(([x, y]) => {
      const pixel = [(x - left) * devicePixelRatio, (y - top) * devicePixelRatio]
      const [red, green, blue] = context.getImageData(...pixel, 1, 1).data
      return Math.max(red, green, blue) - Math.min(red, green, blue)
    })
  })()`
  return (await tab.page.evaluate(read)) as number[]
}

testInBrowser('all are selected, removed and brought back', async () => {
  const context = await browser!.newContext({ viewport: { width: 1440, height: 900 } })
  tab = await ReviewTab.open(context, url, size)
  await tab.press('n')
  const before = await tints()
  assert.ok(
    before.every((tint) => tint > 20),
    before.join(),
  )
  await timed('select all', () => tab.press('Control+a'))
  await tab.expect({ masks: 1000, selected: 1000 })
  await timed('remove all', () => tab.press('Delete'))
  await tab.expect({ masks: 0 })
  assert.equal(await tints(), [0, 0, 0])
  assert.match(await tab.page.locator('.bottom').innerText(), /\b0\.0 % covered/)
  await timed('undo', () => tab.press('Control+z'))
  await tab.expect({ masks: 1000 })
  await timed('select none', () => tab.press('Escape'))
  await tab.expect({ masks: 1000, selected: 0 })
  assert.equal(await tints(), before)
})

testInBrowser('their opacity follows the slider, in all rows', async () => {
  const { page } = tab
  await page.getByRole('tab', { name: 'View' }).click()
  const slider = page.getByLabel('Opacity')
  const { x, y, width, height } = (await slider.boundingBox())!
  const before = await tints()
  await timed('opacity', async () => {
    await page.mouse.move(x + 0.3 * width, y + height / 2)
    await page.mouse.down()
    for (let i = 0; i < 60; i++) await page.mouse.move(x + (0.3 + 0.012 * i) * width, y + height / 2)
    await page.mouse.up()
  })
  await slider.press('End')
  await page.waitForTimeout(300)
  const after = await tints()
  assert.ok(
    after.every((tint, i) => tint > before[i] + 40),
    `${before.join()} became ${after.join()}`,
  )
  assert.equal(tab.faults, [])
})

test.after(async () => {
  await browser?.close()
  await serving.stop()
})

test.run()
