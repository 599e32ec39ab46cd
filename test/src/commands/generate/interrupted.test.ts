/** @file Ctrl-C while `wgsam generate` is at its first image: nothing is proposed as the next step. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../../src/commands/generate'
import { writeSynth } from '../../../../src/synth/synth-dataset'
import { run } from '../../../support/dataset-folders'
import { scratch } from '../../../support/files'

test('Ctrl-C before the first image is finished: no masks, no next command', async () => {
  const folder = scratch()
  const out = join(folder, 'project')
  await writeSynth(join(folder, 'scenes'), { count: 2, width: 64, height: 56, seed: 3, particles: [3, 6] })
  const before = process.listenerCount('SIGINT')
  const running = run(
    command,
    join(folder, 'scenes', 'images'),
    ...['--out', out, '--points-per-side', '8', '--size', '64'],
    ...['--model', 'golden/files/toy_vit.pth', '--model-config', 'golden/files/toy_vit.json'],
  )
  // the command listens from the moment when its model is open, before the first image
  const poll = setInterval(() => {
    if (process.listenerCount('SIGINT') === before) return
    clearInterval(poll)
    process.emit('SIGINT', 'SIGINT')
  }, 1)
  const { code, out: printed, err } = await running
  clearInterval(poll)
  assert.is(code, 130)
  assert.match(err, 'stopping; finished images are kept')
  assert.not.match(printed, 'next:')
  const proposals = join(out, 'proposals')
  assert.equal(existsSync(proposals) ? readdirSync(proposals) : [], [])
})

test.run()
