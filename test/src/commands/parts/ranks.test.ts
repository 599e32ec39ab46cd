/** @file Commands by two ranks under MPI: the ranks divide the images, and rank 0 writes what one process would. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as augment } from '../../../../src/commands/dataset/augment'
import { command as evaluate } from '../../../../src/commands/eval'
import { command as generate } from '../../../../src/commands/generate'
import { command as measure } from '../../../../src/commands/measure'
import { discs, pair, run } from '../../../support/dataset-folders'
import { scratch } from '../../../support/files'
import { startRanks, testRanks } from '../../../support/mpi'
import { filesOf, timeless } from '../../../support/parts'

const self = fileURLToPath(import.meta.url)

if (process.argv[2] === 'child') {
  process.argv.splice(2, 1)
  await import('../../../../src/main')
} else {
  const data = scratch()
  for (const [i, name] of ['a', 'b', 'c'].entries())
    await pair(data, name, discs(40, 30, [{ x: 14 + i, y: 12, r: 5 + i, id: 2 }]), { seed: i })
  const command = (out: string) => [data, '--resamples', '50', '--out', out]

  testRanks('two ranks measure three images', async (launcher) => {
    const [whole, out] = [scratch(), scratch()]
    await run(measure, ...command(whole))
    const { code, stdout, stderr } = await startRanks(launcher, 2, [self, 'child', 'measure', ...command(out)]).ended
    assert.is(code, 0, stderr)
    assert.match(stderr, 'the images are divided among 2 ranks')
    assert.is(stdout.split('results: ').length, 2, 'only rank 0 prints')
    assert.is(filesOf(out)['particles.csv'], filesOf(whole)['particles.csv'])
    assert.is(filesOf(out)['summary.csv'], filesOf(whole)['summary.csv'])
  })

  const toy = ['--model', 'golden/files/toy_vit.pth', '--model-config', 'golden/files/toy_vit.json', '--size', '48']
  const generating = [join(data, 'images'), '--method', 'watershed', '--out']
  const augmenting = ['--data', data, '--all', '--per-image', '2', '--out']
  const evaluating = ['--data', data, '--split', 'all', ...toy, '--prompt', 'box', '--resamples', '100', '--out']
  const [generated, augmented, evaluated] = [scratch(), scratch(), join(scratch(), 'scores.json')]
  await run(generate, ...generating, generated)
  await run(augment, ...augmenting, augmented)
  await run(evaluate, ...evaluating, evaluated)

  testRanks('two ranks generate, augment and evaluate what one process does', async (launcher) => {
    const byRanks = async (words: string[], out: string) => {
      const { code, stderr } = await startRanks(launcher, 2, [self, 'child', ...words, out]).ended
      assert.is(code, 0, stderr)
      return out
    }
    // the command that is quoted names another folder
    const withoutCommand = (text: string) => text.replace(/"command": ?"(\\.|[^"\\])*"/, '')
    const files = (dir: string) =>
      Object.fromEntries(Object.entries(filesOf(dir)).map(([name, text]) => [name, withoutCommand(text)]))
    assert.equal(files(await byRanks(['generate', ...generating], scratch())), files(generated))
    assert.equal(files(await byRanks(['dataset', 'augment', ...augmenting], scratch())), files(augmented))
    const scores = (file: string) => withoutCommand(timeless(readFileSync(file, 'utf8')))
    assert.is(scores(await byRanks(['eval', ...evaluating], join(scratch(), 'scores.json'))), scores(evaluated))
  })

  testRanks('an error ends both, and an image that cannot be read is named once', async (launcher) => {
    const broken = scratch()
    await pair(broken, 'a', discs(40, 30, [{ x: 14, y: 12, r: 5, id: 2 }]))
    await pair(broken, 'b', discs(40, 30, [{ x: 14, y: 12, r: 5, id: 2 }]))
    writeFileSync(join(broken, 'masks', 'b.png'), 'no picture')
    const words = [self, 'child', 'measure', broken, '--resamples', '0', '--out', scratch()]
    const failed = await startRanks(launcher, 2, words).ended
    assert.is(failed.code, 1, failed.stderr)
    assert.is(failed.stderr.split('\nb: ').length + failed.stderr.split(/^b: /).length, 3, failed.stderr)
    const wrong = await startRanks(launcher, 2, [...words, '--tilt', '95']).ended
    assert.is.not(wrong.code, 0)
    assert.match(wrong.stderr, '--tilt')
  })

  test.run()
}
