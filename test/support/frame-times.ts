/** @file How long a page's frames take while something is done in it. */
import type { Page } from 'playwright-core'

/** The times between the frames that the browser draws until `act` has ended: in milliseconds, sorted. */
export async function frameTimes(page: Page, act: () => Promise<void>): Promise<number[]> {
  await page.evaluate(`{
    window.frames = []
    const tick = (time) => { window.frames.push(time); window.watching && requestAnimationFrame(tick) }
    window.watching = true
    requestAnimationFrame(tick)
  }`)
  await act()
  const times = (await page.evaluate('window.watching = false, window.frames')) as number[]
  return times
    .slice(1)
    .map((time, i) => time - times[i])
    .sort((a, b) => a - b)
}
