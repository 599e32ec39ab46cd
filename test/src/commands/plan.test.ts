/** @file `wgsam plan` on the files of an ablation whose scores lie on a known curve. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from '../../../src/cli/command'
import { planFrom } from '../../../src/ablation/plan'
import { planOfRuns } from '../../../src/ablation/plan-of-runs'
import { planText } from '../../../src/ablation/plan-report'
import { command } from '../../../src/commands/plan'
import { refusal, scratch } from '../../support/files'

const folder = scratch()
const train = Array.from({ length: 20 }, (_, i) => `i${i}`)

/** An ablation with runs on these numbers of images (null: all 20), two seeds each. */
function ablation(images: (number | null)[], spread = 0.001, recipe = 'r4_q+v_lr0.001'): string {
  const out = join(folder, String(Math.random()).slice(2))
  mkdirSync(out)
  const dice = (error: number) => ({ dice: 1 - error, miou: 1, accuracy: 1, instanceDice: 1 - error / 2 })
  const cells = images.flatMap((n) =>
    [0, 1].map((seed) => {
      const error = 0.2 * (n ?? 20) ** -0.5 + 0.02 + (seed ? spread : -spread)
      const group = `n${n ?? 'all'}_${recipe}`
      return {
        name: `${group}_seed${seed}`,
        group,
        seed,
        images: n,
        result: { scores: { point: dice(error), box: dice(error) } },
      }
    }),
  )
  const rivals = [
    { name: 'base model at 1024', size: 1024, scores: { point: dice(0.4), box: dice(0.4) } },
    { name: 'Otsu and watershed', size: null, scores: { point: dice(0.1), box: dice(0.1) } },
  ]
  const measured = { part: 'test', images: ['a', 'b'], instances: null, seed: 0 }
  writeFileSync(join(out, 'ablation.json'), JSON.stringify({ version: 1, finished: true, measured, rivals, cells }))
  const split = { version: 1, seed: 0, shares: [1, 1, 1], hash: 'x', train, val: [], test: ['a', 'b'] }
  writeFileSync(join(out, 'split.json'), JSON.stringify(split))
  return out
}

async function run(...argv: string[]): Promise<string> {
  const { values, positionals } = parse(command, argv)
  const lines: string[] = []
  const { log } = console
  console.log = (line: string) => void lines.push(line)
  try {
    assert.is((await command.run(values, positionals)) ?? 0, 0)
  } finally {
    console.log = log
  }
  return lines.join('\n')
}

test('what more images would give, in words, as a page and as a drawing', async () => {
  const out = ablation([1, 2, 5, 10, null])
  const text = await run(out, '--more', '10,5')
  assert.match(text, /r4_q\+v_lr0.001, measured on 2 images of the test part/)
  assert.match(text, /Dice, point: error = 20\.00 · images\^−0\.50 \+ 2\.00, in percent; deviation between seeds 0\.14/)
  // 0.2 / sqrt(20) + 0.02 = 0.0647; with 30 images 0.0565, with 40 images 0.0516
  assert.match(text, /10 more images, 30: 93\.53 → 94\.35 expected \[.*\], \+0\.82 \[.*\]; more than the deviation/)
  assert.match(text, /5 more images, 25: /)
  assert.match(text, /twice as many, 40 images: 93\.53 → 94\.84 expected/)
  // (0.4 - 0.22) / (0.4 - 0.0647) of the base model's gain with one image
  assert.match(text, /^ +1 +2 +78\.00 +78\.00 +54 %$/m)
  const page = readFileSync(join(out, 'plan.html'), 'utf8')
  assert.match(page, 'What more labelled images would give')
  assert.not.match(page, /NaN|undefined|<script/)
  assert.match(readFileSync(join(out, 'plan.svg'), 'utf8'), 'instance Dice, point')
  const json = JSON.parse(await run(out, '--json', '--out', join(folder, 'other.html')))
  assert.ok(Math.abs(json.recipes[0].curves.pointDice.curve.b - 0.5) < 1e-3)
  assert.ok(existsSync(join(folder, 'other.svg')))
})

test('a gain within the deviation between seeds is not worth it; one image more is said in the singular', async () => {
  const text = await run(ablation([1, 2, 5, 10], 0.05), '--more', '1')
  assert.match(text, /1 more image, 11: .*: not worth it/)
})

test('too few numbers of images, other folders, damaged files and wrong options are refused', async () => {
  assert.match(await refusal(run(ablation([1, 10]))), 'has runs on 1, 10 images: a learning curve needs at least 3')
  // all images are 20 as well
  assert.match(await refusal(run(ablation([1, 20, null]))), 'has runs on 1, 20 images')
  assert.match(await refusal(run(ablation([]))), 'has runs on no images')
  assert.match(await refusal(run(folder)), 'is not the folder of an ablation')
  const out = ablation([1, 2, 5])
  assert.match(await refusal(run(out, '--more', '0')), '--more takes whole numbers')
  assert.match(await refusal(run(out, '--more', '1,,2')), '--more takes whole numbers')
  assert.match(await refusal(run(out, '--out', 'x.pdf')), 'HTML')
  const path = join(out, 'ablation.json')
  const good = JSON.parse(readFileSync(path, 'utf8'))
  good.cells[0].result.scores.box.dice = 1.5
  writeFileSync(path, JSON.stringify(good))
  assert.match(await refusal(run(out)), 'cells.0.result.scores.box.dice')
  writeFileSync(path, '{')
  assert.match(await refusal(run(out)), 'is damaged')
  rmSync(path)
})

test('the report of runs that are cells of such an ablation says the same', async () => {
  const curve = ablation([1, 2, 5, 10])
  const cell = (name: string) => join(curve, 'cells', name)
  const text = await planOfRuns([cell('n1_r4'), cell('n2_r4')])
  assert.is(text, planText(await planFrom(curve, [10])))
  assert.match(text!, /twice as many, 20 images: /)
  assert.is(await planOfRuns([cell('n1_r4'), join(folder, 'elsewhere')]), null, 'not all are its cells')
  assert.is(await planOfRuns([join(folder, 'runs', 'first')]), null)
  assert.is(await planOfRuns([join(ablation([1, 2]), 'cells', 'n1_r4')]), null, 'two numbers are no curve')
})

test.run()
