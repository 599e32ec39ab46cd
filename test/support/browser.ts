/** @file Chromium for the tests of pages. A machine without it skips those tests (test/support/needs.ts). */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { type RegisterTest, testNeeding } from './needs'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Longest time that Chromium may take to start, in milliseconds. */
const START_LIMIT_MS = 300_000

/** The path of Chromium: WGSAM_CHROMIUM, else the first one found in PATH. */
function findChromium(): string | undefined {
  const { WGSAM_CHROMIUM: given, PATH = '' } = process.env
  if (given) return given
  return PATH.split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path))
}

/** Registers a test that opens a page in Chromium. */
export const testInBrowser: RegisterTest = (name, run) =>
  testNeeding('chromium', findChromium() ? null : 'Chromium is not installed (WGSAM_CHROMIUM may name one)')(name, run)

/** Opens Chromium, or returns null where the machine has none: tests that use it are registered with `testInBrowser`. */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = findChromium()
  if (!executablePath) return null
  // in containers and as root Chromium's sandbox cannot start; its first start reads hundreds of megabytes from the disk
  return chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: START_LIMIT_MS })
}
