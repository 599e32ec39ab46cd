/**
 * A killed run leaves readable files. Called with arguments, this file is the child that is killed:
 * killed.test.js child FOLDER
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Trackers } from '../../../src/tracking/tracker'
import { readRecords } from '../../../src/tracking/tensorboard/tfrecord'
import { readLog } from '../../../src/tracking/wandb/log'
import {
  historyOf,
  picture,
  scalarsOf,
  stepRecord,
  tensorboardEvents,
  tracked,
  wandbRecords,
} from '../../support/tracking'

const [, , role, folder] = process.argv

/** Sends steps to trackers as fast as they accept them, and prints the number of each step. */
async function child(): Promise<void> {
  const tracker = await Trackers.open({ run: tracked(folder), to: ['wandb', 'tensorboard'], log: () => {} })
  for (let step = 1; ; step++) {
    if (step % 10 === 0) await tracker.append({ ...picture(step), caption: 'long '.repeat(20_000) })
    await tracker.append(stepRecord(step))
    process.stdout.write(`${step}\n`)
  }
}

/** Kills the child `after` milliseconds from its first step on. Resolves to the last step that it printed. */
function kill(into: string, after: number): Promise<number> {
  const running = spawn(process.execPath, [fileURLToPath(import.meta.url), 'child', into], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  running.stdout.on('data', (text) => {
    if (!said) setTimeout(() => running.kill('SIGKILL'), after)
    said += text
  })
  return new Promise((resolve, reject) =>
    running.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`the child was not killed: ${code}`))
      else resolve(Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1)))
    }),
  )
}

if (role === 'child') await child()
else {
  const scratch = await mkdtemp(join(tmpdir(), 'wgsam-killed-'))
  test.after(() => rm(scratch, { recursive: true }))

  test('kill -9 leaves all records except the current row, and the run can be resumed', async () => {
    for (const after of [5, 60, 150]) {
      const into = join(scratch, String(after))
      const last = await kill(into, after)
      assert.ok(last > 0)
      const [run] = await readdir(join(into, 'wandb'))
      const path = join(into, 'wandb', run, 'run-abcd1234.wandb')
      const log = await readFile(path)
      // a strict reader accepts the file up to the last readable record
      const end = [...readLog(log)].at(-1)!.end
      const steps = historyOf(wandbRecords(log.subarray(0, end))).map(({ step }) => step)
      assert.equal(
        steps,
        Array.from(steps, (_, i) => i + 1),
      )
      // the row of the last step is not written yet: a validation may still belong to it
      assert.ok(steps.length >= last - 1, `${steps.length} of ${last} steps`)

      const [name] = await readdir(join(into, 'tensorboard'))
      const events = await readFile(join(into, 'tensorboard', name))
      const whole = [...readRecords(events)].reduce((sum, data) => sum + data.length + 16, 0)
      const losses = scalarsOf(tensorboardEvents(events.subarray(0, whole))).filter(({ tag }) => tag === 'train/loss')
      assert.ok(losses.length >= last, `${losses.length} of ${last} steps`)

      const past = Array.from({ length: last }, (_, i) => stepRecord(i + 1))
      const notes: string[] = []
      const options = { to: ['wandb'] as const, log: (line: string) => void notes.push(line) }
      const again = await Trackers.open({ run: tracked(into, { past, reported: last }), ...options })
      await again.append(stepRecord(last + 1))
      await again.close(0)
      assert.is(notes.length, 1, notes.join('\n'))
      const history = historyOf(wandbRecords(await readFile(path))).map(({ step }) => step)
      assert.equal(
        history,
        Array.from({ length: last + 1 }, (_, i) => i + 1),
      )
    }
  })

  test.run()
}
