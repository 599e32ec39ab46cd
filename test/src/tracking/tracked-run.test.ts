/** A training run that is tracked, stopped and resumed: the trackers have the numbers of metrics.jsonl. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { metricRow } from '../../../src/tracking/metric-rows'
import { readMetrics } from '../../../src/tracking/metrics-file'
import { type TrainOptions, train } from '../../../src/training/train'
import { beginRun, resumeRun, runFolder } from '../../../src/training/run-folder'
import { engine } from '../../support/engine'
import {
  historyOf,
  itemsOf,
  messageOf,
  scalarsOf,
  tensorboardEvents,
  textOf,
  wandbRecords,
} from '../../support/tracking'
import { fingerprint, temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))
const data = await toyData(join(scratch, 'data'))
const over = { epochs: 2 }

async function start(name: string, more: object = {}, options: Partial<TrainOptions> = {}) {
  const run = runFolder(join(scratch, name))
  const config = toyConfig(data, { ...over, ...more })
  await beginRun(run, config)
  return { run, summary: await train({ engine, config, run, ...options }) }
}

test('a tracked run, stopped and resumed, has the same numbers everywhere, and tracking changes no bit of its results', async () => {
  const plain = await start('plain')
  assert.not.ok((await readdir(plain.run.root)).some((name) => name === 'wandb' || name === 'tensorboard'))

  let polls = 0
  const log: string[] = []
  const options = { stop: () => ++polls > 3, log: (line: string) => void log.push(line) }
  const { run, summary } = await start('tracked', { tracking: { to: ['wandb', 'tensorboard'] } }, options)
  assert.not.ok(summary.finished)
  const config = await resumeRun(run, {})
  assert.match(config.tracking.id!, /^[a-z0-9]{8}$/)
  assert.ok((await train({ engine, config, run })).finished)
  assert.equal(await fingerprint(run.root), await fingerprint(plain.run.root))

  const metrics = await readMetrics(run.metrics)
  const expected = new Map<number, Record<string, number>>()
  for (const record of metrics) expected.set(record.step, { ...expected.get(record.step), ...metricRow(record) })

  const [name, ...others] = await readdir(join(run.root, 'wandb'))
  assert.equal(others, [], 'both sessions are in one log')
  const records = wandbRecords(await readFile(join(run.root, 'wandb', name, `run-${config.tracking.id}.wandb`)))
  const history = historyOf(records)
  assert.equal(
    history.map(({ step }) => step),
    [...expected.keys()],
  )
  for (const { step, values } of history)
    for (const [key, value] of Object.entries(expected.get(step)!)) assert.is(values[key], value, `${key} of ${step}`)
  const last = history.at(-1)!
  const image = last.values['val/image_1'] as unknown as { path: string; width: number; height: number }
  const png = await readFile(join(run.root, 'wandb', name, 'files', image.path))
  assert.is(png.subarray(1, 4).toString(), 'PNG')
  assert.equal([image.width, image.height], [png.readUInt32BE(16), png.readUInt32BE(20)])
  assert.is(records.at(-2)!.content.get(1), undefined, 'finished')

  const kept = itemsOf(messageOf(records.find(({ kind }) => kind === 17)!.content, 4)) as Record<string, unknown>
  assert.equal(kept.lora, config.lora)
  const facts = records.filter(({ kind }) => kind === 5).map(({ content }) => itemsOf(content).run)
  assert.ok((facts[0] as { parameters: number }).parameters > 0 && (facts[0] as { hardware: object }).hardware)
  const said = records.filter(({ kind }) => kind === 13).map(({ content }) => textOf(content, 3).trimEnd())
  for (const line of log) assert.ok(said.includes(line), line)

  const board = join(run.root, 'tensorboard')
  const files = (await readdir(board)).sort()
  assert.is(files.length, 2, 'one a session')
  const events = (await Promise.all(files.map((file) => readFile(join(board, file))))).flatMap(tensorboardEvents)
  const losses = new Map(
    scalarsOf(events)
      .filter(({ tag }) => tag === 'train/loss')
      .map(({ step, value }) => [step, value]),
  )
  for (const [step, row] of expected)
    if (row['train/loss'] !== undefined) assert.is(losses.get(step), Math.fround(row['train/loss']))
})

test('a tracker added when a run is resumed receives all its records', async () => {
  let polls = 0
  const { run } = await start('later', {}, { stop: () => ++polls > 3 })
  const config = await resumeRun(run, { tracking: { to: ['wandb'] } })
  assert.ok((await train({ engine, config, run })).finished)
  const [name] = await readdir(join(run.root, 'wandb'))
  const id = name.split('-').at(-1)
  const steps = historyOf(wandbRecords(await readFile(join(run.root, 'wandb', name, `run-${id}.wandb`))))
  const metrics = await readMetrics(run.metrics)
  assert.equal(
    steps.map(({ step }) => step),
    [...new Set(metrics.map(({ step }) => step))],
  )
})

test.run()
