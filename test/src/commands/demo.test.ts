/** @file `wgsam demo` with a toy model and a small plan: its report, what it says in the end, and what is left when it is stopped. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { summaryText } from '../../../src/commands/demo'
import { type DemoOptions, runDemo } from '../../../src/commands/demo/run-demo'
import { scratch } from '../../support/files'

const folder = scratch()
const out = join(folder, 'demo')
const plan = {
  size: 64,
  scenes: 4,
  shares: [2 / 4, 1 / 4, 1 / 4] as [number, number, number],
  steps: 2,
  batch: 1,
  instances: 4,
}
const options: DemoOptions = {
  out,
  seed: 1,
  minutes: 1,
  stop: () => false,
  trial: { model: 'golden/files/toy_vit.pth', modelConfig: 'golden/files/toy_vit.json', plan },
}

/** Runs the demo without its lines of progress. */
async function quietly(over: Partial<DemoOptions> = {}) {
  const { error } = console
  const lines: string[] = []
  console.error = (line: string) => void lines.push(line)
  try {
    return { result: await runDemo({ ...options, ...over }), lines }
  } finally {
    console.error = error
  }
}

test('stopped before the first image was scored: no result, no training, no report', async () => {
  const { result, lines } = await quietly({ stop: () => true })
  assert.is(result, null)
  assert.not.ok(lines.some((line) => line.includes('training,')))
  assert.not.ok(existsSync(join(out, 'report.html')))
})

test('all steps: the demo that was stopped is replaced, and the last lines lead to the user’s own images', async () => {
  const { result } = await quietly()
  assert.is(result!.steps, 2)
  assert.match(readFileSync(result!.report, 'utf8'), 'SAM learns to see dense particles')
  const text = summaryText(result!)
  assert.match(text, /point prompts: Dice \d/)
  assert.match(text, `report: ${join(out, 'report.html')}`)
  const last = text.split('\n').slice(-4)
  assert.match(last[0], 'now your own images')
  assert.match(last[1], 'wgsam start micrographs')
  assert.match(last[2], 'wgsam generate micrographs --out project')
  assert.match(last[3], 'npm link')
})

test.run()
