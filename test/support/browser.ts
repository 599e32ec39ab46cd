/** @file Chromium for the tests of pages. A machine without it skips those tests (test/support/needs.ts). */
import { type Browser, chromium } from 'playwright-core'
import { findChromium } from '../../scripts/find-tools.mjs'
import { type RegisterTest, testNeeding } from './needs'

/** Longest time that Chromium may take to start, in milliseconds. */
const START_LIMIT_MS = 300_000

/** Registers a test that opens a page in Chromium. */
export const testInBrowser: RegisterTest = (name, run) =>
  testNeeding('chromium', findChromium() ? null : 'Chromium is not installed (WGSAM_CHROMIUM may name one)')(name, run)

/** Opens Chromium, or returns null where the machine has none: tests that use it are registered with `testInBrowser`. */
export async function openBrowser(args: readonly string[] = []): Promise<Browser | null> {
  const executablePath = findChromium()
  if (!executablePath) return null
  // in containers and as root Chromium's sandbox cannot start; its first start reads hundreds of megabytes from the disk
  return chromium.launch({ executablePath, args: ['--no-sandbox', ...args], timeout: START_LIMIT_MS })
}
