/** Chromium for tests of pages; none where the machine has none. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Milliseconds that a start may take. */
const MOST_MS = 300_000

/** Where Chromium is: WGSAM_CHROMIUM, or one in the path. */
function findChromium(): string | undefined {
  const { WGSAM_CHROMIUM: given, PATH = '' } = process.env
  if (given) return given
  return PATH.split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path))
}

/** A browser, or null where there is none: what is tested with it is then skipped, and says so. */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = findChromium()
  if (!executablePath) return null
  // in containers and as root Chromium's sandbox cannot start; its first start reads hundreds of megabytes from the disk
  return chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: MOST_MS })
}
