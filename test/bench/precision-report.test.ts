/** The comparison of precisions: measured on this adapter at toy size, and how differences are judged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { comparePrecisions, precisionChoice, type PrecisionResult, precisionTable } from '../../bench/precision-report'
import type { Scores } from '../../src/ablation/cell'
import { parse } from '../../src/cli/command'
import { command as benchCommand } from '../../src/commands/bench'
import { engine } from '../support/engine'
import { refusal } from '../support/files'

test('golden errors and a training are measured; without matrix units high is simulated, and the table says so', async () => {
  const { recipe } = precisionChoice(true, 'golden/files')
  const work = await mkdtemp(join(tmpdir(), 'wgsam-precisions-'))
  const log: string[] = []
  try {
    const options = {
      ...{ runs: [], budget: 1, golden: 'golden/files', prefix: 'toy_vit', data: null, seeds: [1], work },
      recipe: { ...recipe, images: 2 },
      stop: () => false,
      log: (line: string) => void log.push(line),
    }
    const results = await comparePrecisions(engine, options)
    const [highest, high] = results
    const toy = highest.golden.find(({ file }) => file === 'toy_vit')!
    assert.ok(toy.error! > 0 && toy.error! < 1e-4, `${toy.error}`)
    assert.ok(highest.trained[0]!.box.dice > 0 && highest.trained[0]!.box.dice <= 1)
    assert.ok(log.includes('golden file toy_vit, highest'))
    if (engine.matrixUnits) return
    const rounded = high.golden.find(({ file }) => file === 'toy_vit')!
    assert.ok(rounded.error! > 1e-4 && rounded.error! < 2e-2, `${rounded.error}`)
    assert.ok(high.trained[0]!.box.dice > 0)
    const table = precisionTable(results, options)
    assert.match(table, /Dice, box, 1 seed +\d+\.\d+ ± 0\.00 +\d+\.\d+ ± 0\.00 .*one seed/)
    assert.match(table, /\nhigh is simulated: this adapter has no matrix units/)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
})

test('options that belong to --precisions are refused without it, and a recipe that cannot be read is named', async () => {
  const refused = async (...argv: string[]) => {
    const { values, positionals } = parse(benchCommand, argv)
    return refusal(Promise.resolve(benchCommand.run(values, positionals)))
  }
  assert.match(await refused('--recipe', 'recipe.json'), '--recipe belongs to --precisions')
  assert.match(await refused('--data', 'particles'), '--data belongs to --precisions')
  assert.match(await refused('--precisions', '--recipe', 'nowhere.json'), 'cannot read the configuration nowhere.json')
})

test('a difference is within the noise if its error explains it', () => {
  const scores = (dice: number): Scores => {
    const all = { dice, miou: 0, accuracy: 0, instanceDice: dice }
    return { point: all, box: all }
  }
  const result = (precision: 'highest' | 'high', ms: number, dice: number[]): PrecisionResult => ({
    precision,
    simulated: false,
    runs: [ms],
    golden: [{ file: 'toy', error: ms / 1e6 }],
    trained: dice.map(scores),
  })
  const options = { runs: ['step:toy'], seeds: [1, 2, 3] }
  const highest = result('highest', 90, [0.9, 0.91, 0.92])
  const alike = precisionTable([highest, result('high', 30, [0.91, 0.9, 0.92])], options)
  assert.match(alike, /step:toy +90 ms +30 ms +3\.00 times as fast/)
  assert.match(alike, /golden file toy +9\.0e-5 +3\.0e-5/)
  assert.match(alike, /Dice, point, 3 seeds +91\.00 ± 1\.00 +91\.00 ± 1\.00 +\+0\.00 ± 0\.58, within the noise/)
  assert.match(alike, /no score differs by more than the noise/)
  // the same deviation between seeds, but each seed loses
  const worse = precisionTable([highest, result('high', 30, [0.895, 0.905, 0.914])], options)
  assert.match(worse, /−0\.53 ± 0\.03, more than the noise/)
  assert.match(worse, /not all scores are shown to agree/)
})

test.run()
