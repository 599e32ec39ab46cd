/** @file `wgsam eval` in parts, with a toy model: the merged scores and the report equal those of one process. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../../src/commands/eval'
import { writeSynth } from '../../../../src/synth/synth-dataset'
import { run } from '../../../support/dataset-folders'
import { refusal, scratch } from '../../../support/files'
import { timeless } from '../../../support/parts'

const folder = scratch()
const data = join(folder, 'scenes')
await writeSynth(data, { count: 3, width: 64, height: 56, seed: 3, particles: [3, 5] })
const toy = ['--model', 'golden/files/toy_vit.pth', '--model-config', 'golden/files/toy_vit.json', '--size', '64']
const loose = ['pred-iou-thresh', 'stability-score-thresh', 'floor-pred-iou', 'floor-stability']
const few = [
  '--points-per-side',
  '3',
  ...loose.flatMap((name) => [`--${name}`, '0']),
  '--max-area',
  '1',
  '--keep-frames',
]
const evaluate = (out: string, ...more: string[]) => {
  const files = ['--out', join(out, 'scores.json'), '--report', join(out, 'report.html')]
  const settings = ['--rivals', 'watershed', '--resamples', '100', '--prompt', 'box,auto', ...few]
  return run(command, '--data', data, '--split', 'all', ...toy, ...settings, ...files, ...more)
}

test('two parts, one of them continued, and merged without a model', async () => {
  const [whole, out] = [scratch(), scratch()]
  const one = await evaluate(whole)
  await evaluate(out, '--part', '1/2')
  assert.match(
    await refusal(evaluate(out, '--merge')),
    '1 of 3 images has no result yet: scene-0002. Wait for part 2/2',
  )
  await evaluate(out, '--part', '2/2')
  // as if part 1 had been killed after its first image
  const kept = join(out, 'parts', readdirSync(join(out, 'parts'))[0], 'images')
  const third = readdirSync(kept).filter((name) => name.includes('scene-0003'))
  assert.is(third.length, 2, 'of the model and of the watershed')
  for (const name of third) rmSync(join(kept, name))
  const first = readdirSync(kept).map((name) => readFileSync(join(kept, name), 'utf8'))
  await evaluate(out, '--part', '1/2')
  const after = readdirSync(kept).filter((name) => !third.includes(name))
  assert.equal(
    after.map((name) => readFileSync(join(kept, name), 'utf8')),
    first,
    'the first image is not evaluated again',
  )
  const merged = await evaluate(out, '--merge')
  assert.is(merged.code, 0)
  const read = (dir: string, name: string) => timeless(readFileSync(join(dir, name), 'utf8'))
  assert.is(read(out, 'scores.json'), read(whole, 'scores.json'))
  const shown = (dir: string) =>
    read(dir, 'report.html')
      .replace(/<td[^>]*>[\d.]+<\/td>/g, '')
      .replaceAll(dir, '')
  assert.is(shown(out), shown(whole))
  assert.is(merged.out.split('\n')[2], one.out.split('\n')[2])
})

test('parts of corrected masks: the watershed is part of none', async () => {
  const corrected = (out: string, ...more: string[]) => {
    const settings = ['--prompt', 'corrected', '--resamples', '100', '--out', join(out, 'scores.json')]
    return run(command, '--data', data, '--split', 'all', ...toy, ...settings, ...more)
  }
  const [whole, out] = [scratch(), scratch()]
  await corrected(whole)
  await corrected(out, '--part', '1/2')
  await corrected(out, '--part', '2/2')
  assert.is((await corrected(out, '--merge')).code, 0)
  const read = (dir: string) => timeless(readFileSync(join(dir, 'scores.json'), 'utf8'))
  assert.is(read(out), read(whole))
})

test('parts without a file to keep their results beside', async () => {
  const message = await refusal(run(command, '--data', data, '--split', 'all', ...toy, '--part', '1/2'))
  assert.match(message, 'needs --out FILE or --report FILE')
})

test.run()
