/** @file Progress for programs: the lines, and that the end of stdin stops a process as Ctrl-C does. */
import { spawn } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { interruption } from '../../../src/host/interrupt'
import { Progress } from '../../../src/host/progress'
import { parseProgressLine, programEnvironment } from '../../../src/host/progress-lines'

// this file is also the program that the last test runs
if (process.argv[2] === 'wait') {
  const timer = setInterval(() => {}, 1000)
  const interrupt = interruption(() => console.log('saving'))
  new Progress('waiting', 4, { unit: 'steps' }).update(1, 'a note')
  console.log(`ended by ${await interrupt.signal}`)
  interrupt.dispose()
  clearInterval(timer)
  process.exit(130)
}

test('reports are lines of JSON, at once and then twice a second, and the last always', () => {
  let now = 0
  const lines: string[] = []
  const stream = { write: (line: string) => lines.push(line.trimEnd()) }
  const progress = new Progress('generating', 10, { unit: 'images', json: true, stream, now: () => now })
  progress.update(0, 'a')
  now = 400
  progress.update(1, 'a')
  now = 2000
  progress.update(2, 'b')
  progress.finish()
  assert.equal(lines.map(parseProgressLine), [
    {
      wgsam: 'progress',
      label: 'generating',
      done: 0,
      total: 10,
      unit: 'images',
      seconds: 0,
      secondsLeft: null,
      note: 'a',
    },
    {
      wgsam: 'progress',
      label: 'generating',
      done: 2,
      total: 10,
      unit: 'images',
      seconds: 2,
      secondsLeft: 8,
      note: 'b',
    },
    {
      wgsam: 'progress',
      label: 'generating',
      done: 2,
      total: 10,
      unit: 'images',
      seconds: 2,
      secondsLeft: 8,
      note: '',
    },
  ])
})

test('other lines are no progress', () => {
  for (const line of ['', 'generating: 1 of 2', '{"a":1}', '{"wgsam":"progress"', '{"wgsam":"progress","done":"x"}'])
    assert.is(parseProgressLine(line), null, line)
})

test('the end of stdin stops a process that a program runs', async () => {
  const child = spawn(process.execPath, [process.argv[1], 'wait'], { env: programEnvironment() })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const reported = new Promise<void>((resolve) =>
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
      if (err.includes('\n')) resolve()
    }),
  )
  await reported
  assert.is(parseProgressLine(err.split('\n')[0])?.note, 'a note')
  child.stdin.end()
  assert.is(await new Promise((resolve) => child.on('close', resolve)), 130)
  assert.is(out, 'saving\nended by SIGINT\n')
})

test.run()
