/** @file Checks a page with axe-core: names for screen readers, roles, contrast of text (WCAG 2.1, A and AA). */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

const script = () =>
  readFileSync(createRequire(join(process.cwd(), 'package.json')).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe-core finds: the rule, the element, and why. Empty if all is well. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // evaluated, because the page's own policy forbids scripts of others
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(script())
  const found = await page.evaluate(`axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'], resultTypes: ['violations'],
    // a menu and notices lie over the page, outside of its regions
    rules: { region: { enabled: false } },
  }).then(({ violations }) => violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => [impact, id, target.join(' '), failureSummary.split('\\n').slice(1).join(' ')].join(': '))))`)
  return found as string[]
}
