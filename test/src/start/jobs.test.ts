/** @file The queue of jobs: one at a time, stopped and continued, and what a server that was killed leaves to the next. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { JobQueue, type JobSteps } from '../../../src/start/jobs'
import { eventually } from '../../support/eventually'
import { FakeProcesses } from '../../support/fake-jobs'
import { scratch } from '../../support/files'

const steps = (...args: string[][]): JobSteps => ({
  request: { kind: 'train', minutes: 5 },
  title: 'Train adapter 1',
  commands: args.map((words) => `wgsam ${words.join(' ')}`),
  args,
  run: '1',
})

async function opened(path = join(scratch(), 'start', 'jobs.json'), afterJob = async () => {}) {
  const processes = new FakeProcesses()
  const queue = await JobQueue.open(path, processes.start, afterJob)
  const states = () => queue.list.map(({ state }) => state)
  /** Waits until the jobs have these states. */
  const become = (...expected: string[]) => eventually(() => assert.equal(states(), expected))
  return { path, processes, queue, states, become }
}

test('jobs run one after the other, and the commands of one in turn', async () => {
  const { processes, queue, states, become } = await opened()
  await queue.add(steps(['review', '--export'], ['train']))
  await queue.add(steps(['measure']))
  assert.equal(states(), ['running', 'waiting'])
  const begun = () => processes.started.map(({ args }) => args[0])
  assert.equal(begun(), ['review'])
  const progress = { label: 'training', done: 3, total: 9, unit: 'steps', seconds: 4, secondsLeft: 8, note: '' }
  processes.last.onProgress({ wgsam: 'progress', ...progress })
  assert.equal(queue.list[0].progress, progress)
  processes.last.end(0)
  await eventually(() => assert.equal(begun(), ['review', 'train']))
  assert.is(queue.list[0].step, 1)
  assert.is(queue.list[0].progress, null, 'that of the command before')
  processes.last.end(0)
  await become('done', 'running')
  processes.last.end(0)
  await become('done', 'done')
  assert.equal(begun(), ['review', 'train', 'measure'])
})

test('a job ends when what follows it has ended, and says if that failed', async () => {
  let fail: (error: Error) => void = () => {}
  const following = new Promise<void>((_, reject) => (fail = reject))
  let calls = 0
  const { processes, queue, states, become } = await opened(undefined, () => (calls++ ? Promise.resolve() : following))
  await queue.add(steps(['generate']))
  await queue.add(steps(['measure']))
  processes.last.end(0)
  await eventually(() => assert.is(calls, 1))
  assert.equal(states(), ['running', 'waiting'])
  fail(new Error('the folder is gone'))
  await become('done', 'running')
  assert.is(queue.list[0].problem, 'the folder is gone')
})

test('a command that fails ends its job with its message, and the next job runs', async () => {
  const { processes, queue, become } = await opened()
  await queue.add(steps(['review'], ['train']))
  await queue.add(steps(['measure']))
  for (const line of ['reading masks', 'wgsam: no image is accepted', 'accept one']) processes.last.onLine(line)
  processes.last.end(1)
  await become('failed', 'running')
  assert.is(queue.list[0].problem, 'no image is accepted\naccept one')
  assert.ok(queue.list[0].resumable)
  assert.is(processes.last.args[0], 'measure', 'the training of a failed export is not begun')
})

test('the first stop saves, the second ends at once; a job that waits is dropped', async () => {
  const { processes, queue, states, become } = await opened()
  processes.stubborn = true
  const { id } = await queue.add(steps(['train']))
  const second = await queue.add(steps(['measure']))
  await queue.stop(second.id)
  await queue.stop(id)
  assert.equal(states(), ['stopping', 'stopped'])
  assert.is(processes.last.stops, 1)
  await queue.stop(id)
  await become('stopped', 'stopped')
  assert.is(processes.started.length, 1)
  assert.match(await rejection(queue.stop(id)), 'this job has ended')
})

test('a stopped job is offered until it is continued', async () => {
  const { queue, become } = await opened()
  const { id } = await queue.add(steps(['train']))
  assert.throws(() => queue.continuation(id, false), 'cannot be continued')
  await queue.stop(id)
  await become('stopped')
  assert.equal(queue.continuation(id, false), { request: { kind: 'train', minutes: 5 }, run: '1' })
  queue.continuation(id, true)
  assert.throws(() => queue.continuation(id, true), 'cannot be continued')
})

test('what was open when a server was killed is interrupted for the next, which runs nothing unasked', async () => {
  const { path, queue } = await opened()
  await queue.add(steps(['train']))
  await queue.add(steps(['measure']))
  const next = await opened(path)
  assert.equal(next.states(), ['interrupted', 'interrupted'])
  assert.is(next.processes.started.length, 0)
  assert.equal(next.queue.continuation(1, true).run, '1')
})

test('a server that ends in order stops its job and leaves it to the next', async () => {
  const { path, processes, queue } = await opened()
  await queue.add(steps(['review'], ['train']))
  await queue.add(steps(['measure']))
  await queue.close()
  assert.is(processes.last.stops, 1)
  assert.is(processes.started.length, 1)
  assert.equal((await opened(path)).states(), ['interrupted', 'interrupted'])
})

test('a file of jobs is no program: commands in it are not run, and a damaged one is no error', async () => {
  const { path, queue } = await opened()
  await queue.add(steps(['train']))
  // the last that the queue writes
  await eventually(() => assert.match(readFileSync(path, 'utf8'), '"running"'))
  const stored = JSON.parse(readFileSync(path, 'utf8'))
  assert.not.match(readFileSync(path, 'utf8'), '"args"')
  stored.jobs[0].run = '../elsewhere'
  writeFileSync(path, JSON.stringify(stored))
  assert.equal((await opened(path)).states(), [], 'a run outside the project')
  writeFileSync(path, '{')
  assert.equal((await opened(path)).states(), [])
})

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => error.message,
  )

test.run()
