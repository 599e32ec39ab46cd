/** @file Parts that are killed with SIGKILL and begun again: the merged results are those of one process, byte for byte. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as measure } from '../../../src/commands/measure'
import { discs, pair, run } from '../../support/dataset-folders'
import { scratch } from '../../support/files'
import { rankProcesses, startRanks, testRanks } from '../../support/mpi'
import { filesOf } from '../../support/parts'

const self = fileURLToPath(import.meta.url)

/** The results of images that a part has left so far. */
const results = (out: string) =>
  readdirSync(out, { recursive: true }).filter((name) => /images.*\.json$/.test(String(name))).length

/** Kills a program when some images are done. @param victim the process, if it is not the program's first */
async function killMidway(child: ChildProcess, out: string, victim = () => child.pid!): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  while (child.exitCode === null && results(out) < 3) await new Promise((resolve) => setTimeout(resolve, 2))
  process.kill(victim(), 'SIGKILL')
  await ended
}

if (process.argv[2] === 'child') {
  process.argv.splice(2, 1)
  await import('../../../src/main')
} else {
  const IMAGES = 30
  const data = scratch()
  for (let i = 0; i < IMAGES; i++) {
    const labels = discs(40, 30, [{ x: 14 + (i % 9), y: 12, r: 4 + (i % 5), id: 2 }])
    await pair(data, `image-${String(i).padStart(2, '0')}`, labels, { seed: i })
  }
  const words = (out: string) => [data, '--resamples', '20', '--pictures', '2', '--out', out]
  const whole = scratch()
  await run(measure, ...words(whole))
  /** The files but for the command that is quoted in them, and the folder that it names. */
  const comparable = (out: string) =>
    Object.fromEntries(
      Object.entries(filesOf(out))
        .filter(([name]) => name !== 'summary.json')
        .map(([name, text]) => [name, text.replace(/<pre>wgsam.*<\/pre>/, '')]),
    )

  test('measure: a part that is killed midway', async () => {
    const out = scratch()
    const args = ['--enable-source-maps', self, 'child', 'measure', ...words(out), '--part', '1/2']
    await killMidway(spawn(process.execPath, args, { stdio: 'ignore' }), out)
    const done = results(out)
    assert.ok(done >= 3 && done < IMAGES / 2, `${done} images were done`)
    for (const part of ['2/2', '1/2']) assert.is((await run(measure, ...words(out), '--part', part)).code, 0)
    assert.is((await run(measure, ...words(out), '--merge')).code, 0)
    assert.equal(comparable(out), comparable(whole))
  })

  testRanks('measure: a rank that is killed midway ends both, and the same command continues', async (launcher) => {
    const out = scratch()
    const args = ['--enable-source-maps', self, 'child', 'measure', ...words(out)]
    const { child, ended } = startRanks(launcher, 2, args)
    await killMidway(child, out, () => rankProcesses(child.pid!, 'measure')[1])
    await ended
    const done = results(out)
    assert.ok(done >= 3 && done < IMAGES, `${done} images were done`)
    const again = await startRanks(launcher, 2, args).ended
    assert.is(again.code, 0, again.stderr)
    assert.equal(comparable(out), comparable(whole))
  })

  test.run()
}
