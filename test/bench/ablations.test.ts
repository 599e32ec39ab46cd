/** @file The script that runs ablations side by side, at toy size. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporary, toyData } from '../support/toy-training'

const scratch = await temporary()
const data = await toyData(join(scratch, 'data'))
test.after(() => rm(scratch, { recursive: true }))

const recipes = join(scratch, 'recipes')
await mkdir(recipes)
const file = (name: string, value: object) => writeFile(join(recipes, `${name}.json`), JSON.stringify(value))
await file('base', {
  size: 80,
  batch: 1,
  maxSteps: 1,
  lora: { rank: 2 },
  strength: 'full',
  validation: { every: 0, tune: 0 },
})
await file('head', { set: { 'head.weight': [0, 1] } })
await file('average', { set: { average: [0.9] } })

const out = join(scratch, 'out')
function run(...options: string[]) {
  const model = ['--model', 'golden/files/toy_tiny_vit.pth', '--model-config', 'golden/files/toy_tiny_vit.json']
  const measured = ['--eval-images', '1', '--instances', '2']
  const own = ['bench/ablations.mjs', '--out', out, '--recipes', recipes, ...options]
  return spawnSync(process.execPath, [...own, '--', '--data', data, ...model, ...measured], { encoding: 'utf8' })
}

test('without enough time nothing is lost; the same command continues, and writes all tables on one page', async () => {
  const early = run('--minutes', '0.002')
  assert.is(early.status, 130, early.stderr)
  assert.match(early.stdout, 'not done: head, average; the same command continues')
  const all = run('--foreign', data)
  assert.is(all.status, 0, all.stdout + all.stderr)
  const page = await readFile(join(out, 'ablations.md'), 'utf8')
  assert.match(page, /## Weight of the prompt head\n\n\| adapter .*\| head.weight \|/)
  assert.match(page, '## Moving average of the parameters')
  assert.is(page.split('\n').filter((line) => line.startsWith('| LoRA 2 |')).length, 3)
  assert.is(page.split(`On ${data}:`).length, 3)
  assert.ok(existsSync(join(out, 'head', 'cells')))
})

test('wrong options are refused', () => {
  assert.match(run('--only', 'rank').stderr, 'no recipe rank; there are head, average')
  assert.match(run('--jobs', '0').stderr, '--minutes and --jobs take numbers above 0')
})

test.run()
