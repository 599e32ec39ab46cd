/** An offline W&B run: the contents of its log and folder, and how a resumed run continues them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { MetricsRecord } from '../../../../src/tracking/records'
import type { TrackedRun } from '../../../../src/tracking/tracked-run'
import { WandbSink } from '../../../../src/tracking/wandb/sink'
import {
  historyOf,
  itemsOf,
  messageOf,
  picture,
  stepRecord,
  textOf,
  tracked,
  validationRecord,
  wandbRecords,
} from '../../../support/tracking'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-wandb-'))
test.after(() => rm(scratch, { recursive: true }))

const logOf = (sink: WandbSink) => join(sink.path, 'run-abcd1234.wandb')
const recordsOf = async (sink: WandbSink) => wandbRecords(await readFile(logOf(sink)))
const stepsOf = async (sink: WandbSink) => historyOf(await recordsOf(sink)).map(({ step }) => step)

const system = {
  kind: 'system' as const,
  at: 1_700_000_000_250,
  step: 1,
  metrics: { cpuPercent: 150, rssBytes: 2 ** 28, freeBytes: 2 ** 30, totalBytes: 2 ** 32, gpuBytes: 12345 },
}

test('the log contains a run from header to exit', async () => {
  const folder = join(scratch, 'whole run')
  const sink = await WandbSink.open(tracked(folder))
  assert.match(basename(sink.path), /^offline-run-\d{8}_\d{6}-abcd1234$/)
  await sink.append({ kind: 'output', line: 'it begins' })
  await sink.append({ kind: 'config', values: { parameters: 7 } })
  await sink.append(stepRecord(1))
  await sink.append(system)
  await sink.append(stepRecord(2))
  await sink.append(picture(2))
  await sink.append(validationRecord(2))
  await sink.append({ kind: 'summary', values: { 'best/score': 0.625 } })
  await sink.append(stepRecord(3))
  await sink.close(0)

  const records = await recordsOf(sink)
  assert.equal(
    records.map(({ number }) => number),
    records.map((_, i) => i + 1),
    'they are numbered',
  )
  const kinds = records.map(({ kind }) => kind)
  assert.equal(kinds.slice(0, 2), [21, 17], 'header, then run')
  assert.equal(kinds.slice(-3), [3, 18, 20], 'summary, exit, final')

  const run = records[1].content
  assert.equal(
    [1, 3, 8, 9].map((n) => textOf(run, n)),
    ['abcd1234', 'particles', 'first', tracked('').notes],
  )
  assert.equal(
    run.get(10)!.map((tag) => Buffer.from(tag as Uint8Array).toString()),
    ['a', 'b c'],
  )
  assert.is(textOf(run, 13), hostname())
  assert.equal(itemsOf(messageOf(run, 4)), tracked('').config)
  const start = messageOf(run, 17)
  assert.ok(Math.abs((start.get(1)![0] as number) - Date.now() / 1000) < 60)

  const history = historyOf(records)
  assert.equal(
    history.map(({ step, values }) => [step, values._step]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  )
  const [one, two] = history.map(({ values }) => values)
  assert.is(one['train/loss'], 2)
  assert.equal([one['train/dice_loss'], one['train/bce_loss'], one['train/iou_loss']], [1, 0.5, 0.25])
  assert.is(one._runtime, 10)
  assert.is(two._runtime, 25)
  assert.is(two['train/skipped'], 1)
  assert.ok(!('train/gradient_norm' in two), 'what is no number is left out')
  assert.equal([two['val/score'], two['val/point_dice'], two['val/box_dice']], [0.625, 0.5, 1])

  const image = two['val/image_1'] as unknown as Record<string, unknown>
  const bytes = await readFile(join(sink.path, 'files', image.path as string))
  assert.equal([...bytes], [0x89, 0x50, 0x4e, 0x47, 2])
  assert.is(image.sha256, createHash('sha256').update(bytes).digest('hex'))
  assert.equal([image._type, image.size, image.format, image.width, image.height], ['image-file', 5, 'png', 3, 2])
  const files = records.filter(({ kind }) => kind === 6).map(({ content }) => messageOf(content, 1))
  assert.ok(
    files.some((file) => textOf(file, 1) === image.path && file.get(3)![0] === 2),
    'it goes along as media',
  )

  const stats = records.find(({ kind }) => kind === 7)!.content
  assert.equal(itemsOf(stats, 3), {
    cpu: 150,
    'proc.memory.rssMB': 256,
    'proc.memory.percent': 6.25,
    'proc.memory.availableMB': 1024,
    memory_percent: 75,
    'gpu.0.memoryAllocatedBytes': 12345,
  })
  assert.equal([messageOf(stats, 2).get(1)![0], messageOf(stats, 2).get(2)![0]], [1_700_000_000, 250_000_000])

  assert.is(textOf(records.find(({ kind }) => kind === 13)!.content, 3), 'it begins\n')
  const summary = itemsOf(records.at(-3)!.content)
  assert.equal([summary['best/score'], summary['train/loss'], summary._step], [0.625, 2 / 3, 3])
  assert.is(records.at(-2)!.content.get(1), undefined, 'exit code 0')
  assert.is(records.at(-2)!.content.get(2)![0], 30, 'seconds')

  const file = (name: string) => readFile(join(sink.path, 'files', name), 'utf8')
  assert.is(await file('output.log'), 'it begins\n')
  const config = await file('config.yaml')
  assert.match(config, /^"size":\n {4}value: 80\n/)
  assert.match(config, '"rate":\n    value: 1.0e-7\n')
  assert.match(config, '"lora":\n    value: {"rank": 4, "targets": ["q", "v"]}\n')
  assert.match(config, '"parameters":\n    value: 7\n')
  assert.equal(JSON.parse(await file('wandb-summary.json')), summary)
  assert.is(JSON.parse(await file('wandb-metadata.json')).host, hostname())
})

/** Sinks that are never closed, kept so that the garbage collector does not close their files. */
const killed: WandbSink[] = []

/** A first session of `steps` steps, validated at the third, that ends as `end` says. */
async function session(folder: string, steps: number, end: 'stopped' | 'killed'): Promise<MetricsRecord[]> {
  const sink = await WandbSink.open(tracked(folder))
  const records: MetricsRecord[] = []
  for (let step = 1; step <= steps; step++) {
    records.push(stepRecord(step))
    if (step === 3) records.push(validationRecord(step))
  }
  for (const record of records) {
    if (record.kind === 'validation') await sink.append(picture(record.step))
    await sink.append(record)
  }
  if (end === 'stopped') await sink.close(130)
  else {
    await sink.flush()
    killed.push(sink)
  }
  return records
}

const resumed = (folder: string, past: MetricsRecord[], reported: number): TrackedRun =>
  tracked(folder, { past, reported })

test('a resumed run continues the same log, under the same id', async () => {
  const folder = join(scratch, 'resumed')
  const past = await session(folder, 4, 'stopped')
  const [before] = await readdir(join(folder, 'wandb'))
  const log = join(folder, 'wandb', before, 'run-abcd1234.wandb')
  const begun = messageOf(wandbRecords(await readFile(log))[1].content, 17)
  await writeFile(`${log}.synced`, '')

  const sink = await WandbSink.open(resumed(folder, past, 3))
  assert.equal(await readdir(join(folder, 'wandb')), [before])
  assert.not.ok(existsSync(`${log}.synced`), 'it is to be sent again')
  for (const step of [5, 6]) await sink.append(stepRecord(step))
  await sink.close(0)
  const records = await recordsOf(sink)
  assert.equal(
    records.map(({ number }) => number),
    records.map((_, i) => i + 1),
  )
  assert.equal(await stepsOf(sink), [1, 2, 3, 4, 5, 6], 'the fourth comes from the run’s own records')
  assert.ok('val/image_1' in historyOf(records)[2].values, 'pictures of earlier sessions stay')
  assert.is(records.filter(({ kind }) => kind === 18).length, 1, 'one end')
  assert.is(records.at(-2)!.content.get(1), undefined, 'that of the last session')
  const runs = records.filter(({ kind }) => kind === 17)
  assert.equal(messageOf(runs.at(-1)!.content, 17), begun, 'the time of its beginning stays')
})

test('records after the checkpoint are cut off and written again', async () => {
  const folder = join(scratch, 'cut')
  const past = await session(folder, 6, 'killed')
  const sink = await WandbSink.open(resumed(folder, past.slice(0, 2), 1))
  const again = { ...stepRecord(3), loss: 77 }
  await sink.append(again)
  await sink.close(0)
  const history = historyOf(await recordsOf(sink))
  assert.equal(
    history.map(({ step }) => step),
    [1, 2, 3],
  )
  assert.is(history[2].values['train/loss'], 77)
  assert.not.ok('val/score' in history[2].values)
})

test('a log cut off within a record is continued after the last complete one', async () => {
  const folder = join(scratch, 'torn')
  const past = await session(folder, 6, 'killed')
  const [name] = await readdir(join(folder, 'wandb'))
  const log = join(folder, 'wandb', name, 'run-abcd1234.wandb')
  const size = (await readFile(log)).length
  for (const length of [size - 3, Math.floor(0.7 * size), Math.floor(0.5 * size)]) {
    await truncate(log, length)
    const sink = await WandbSink.open(resumed(folder, past, 6))
    await sink.flush()
    // the newest row is written when its step is complete
    assert.equal(await stepsOf(sink), [1, 2, 3, 4, 5])
    await sink.close(0)
    assert.equal(await stepsOf(sink), [1, 2, 3, 4, 5, 6])
  }
})

test('a damaged or missing log is reported and replaced by a new one with all records', async () => {
  const folder = join(scratch, 'damaged')
  const past = await session(folder, 4, 'stopped')
  const [name] = await readdir(join(folder, 'wandb'))
  // with an earlier time, so that the name of the new one differs
  const older = join(folder, 'wandb', 'offline-run-20200101_000000-abcd1234')
  await rename(join(folder, 'wandb', name), older)
  await writeFile(join(older, 'run-abcd1234.wandb'), 'no log')
  const notes: string[] = []
  const sink = await WandbSink.open(resumed(folder, past, 4), (line) => notes.push(line))
  await sink.close(0)
  assert.is(notes.length, 1)
  assert.match(notes[0], /W&B: .*run-abcd1234\.wandb cannot be continued \(it is not a \.wandb file/)
  assert.equal(await stepsOf(sink), [1, 2, 3, 4])
  assert.is(await readFile(join(older, 'run-abcd1234.wandb'), 'utf8'), 'no log')

  const late = await WandbSink.open(resumed(join(scratch, 'late'), past, 4), (line) => notes.push(line))
  await late.close(0)
  assert.equal(await stepsOf(late), [1, 2, 3, 4], 'a run that was not tracked before')
  assert.is(notes.length, 1)
  const begun = messageOf((await recordsOf(late))[1].content, 17).get(1)![0] as number
  assert.ok(Math.abs(begun - (Date.now() / 1000 - 40)) < 30, 'as if it had begun without a pause')
})

test.run()
