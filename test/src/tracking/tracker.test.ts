/** Trackers receive events in order, and one that fails ends neither the others nor the run. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JsonlSink } from '../../../src/tracking/jsonl-sink'
import { metricRow } from '../../../src/tracking/metric-rows'
import type { TrackingEvent } from '../../../src/tracking/sink'
import { systemProbe } from '../../../src/tracking/system-metrics'
import { Trackers } from '../../../src/tracking/tracker'
import { Transcript } from '../../../src/tracking/transcript'
import { WandbFile } from '../../../src/tracking/wandb/file'
import { output } from '../../../src/tracking/wandb/records'
import { MetricsFile, readMetrics } from '../../../src/tracking/metrics-file'
import { historyOf, picture, stepRecord, tracked, validationRecord, wandbRecords } from '../../support/tracking'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-tracker-'))
test.after(() => rm(scratch, { recursive: true }))

async function wandbLog(folder: string): Promise<Buffer> {
  const [run] = await readdir(join(folder, 'wandb'))
  return readFile(join(folder, 'wandb', run, 'run-abcd1234.wandb'))
}

test('events sent without awaiting keep their order', async () => {
  const folder = join(scratch, 'order')
  const log: string[] = []
  const tracker = await Trackers.open({
    run: tracked(folder),
    to: ['wandb'],
    log: (line) => log.push(line),
    gpuBytes: () => 99,
  })
  assert.match(log.join('\n'), /^W&B run abcd1234, offline: `wandb sync .*offline-run-\d{8}_\d{6}-abcd1234` sends it$/)
  const steps = Array.from({ length: 50 }, (_, i) => i + 1)
  await Promise.all(steps.map((step) => tracker.append(stepRecord(step))))
  await tracker.close(0)
  const records = wandbRecords(await wandbLog(folder))
  assert.equal(
    historyOf(records).map(({ step }) => step),
    steps,
  )
  assert.is(records.filter(({ kind }) => kind === 7).length, 1, 'the system is measured at least once')
})

test('a tracker whose folder cannot be created is reported once; the others continue', async () => {
  const folder = join(scratch, 'blocked')
  await mkdir(folder)
  await writeFile(join(folder, 'wandb'), 'a file where the folder should be')
  const log: string[] = []
  const tracker = await Trackers.open({
    run: tracked(folder),
    to: ['wandb', 'tensorboard'],
    log: (line) => log.push(line),
  })
  for (const step of [1, 2, 3]) await tracker.append(stepRecord(step))
  await tracker.flush()
  await tracker.close(0)
  const warnings = log.filter((line) => line.startsWith('warning'))
  assert.is(warnings.length, 1)
  assert.match(
    warnings[0],
    /^warning: tracking for W&B has ended: .*wandb.*\. Training continues, and metrics\.jsonl has/,
  )
  assert.is((await readdir(join(folder, 'tensorboard'))).length, 1)
})

test('a tracker that fails during the run is reported once, and keeps its records', async () => {
  const folder = join(scratch, 'failing')
  const log: string[] = []
  const tracker = await Trackers.open({ run: tracked(folder), to: ['wandb'], log: (line) => log.push(line) })
  assert.ok(tracker.wantsImages)
  await tracker.append(stepRecord(1))
  await tracker.append(stepRecord(2))
  const [run] = await readdir(join(folder, 'wandb'))
  await writeFile(join(folder, 'wandb', run, 'files', 'media'), 'a file where the folder should be')
  await tracker.append(picture(3))
  await tracker.append(validationRecord(4))
  await tracker.flush()
  assert.not.ok(tracker.wantsImages, 'no tracker is left')
  await tracker.close(0)
  assert.is(log.filter((line) => /tracking for W&B has ended/.test(line)).length, 1)
  assert.equal(
    historyOf(wandbRecords(await wandbLog(folder))).map(({ step }) => step),
    [1, 2],
  )
})

test('a record written in part to a full disk is cut off again', async () => {
  const path = join(scratch, 'full.wandb')
  const file = await WandbFile.create(path)
  await file.append('output', output(0, 'whole'))
  const inner = (file as unknown as { file: { write: unknown } }).file
  const write = (inner.write as (...args: unknown[]) => Promise<unknown>).bind(inner)
  // an almost full disk: eleven bytes are written
  inner.write = (bytes: Uint8Array, from: number, _: number, at: number) => write(bytes, from, 11, at)
  const said = await file.append('output', output(0, 'torn')).then(String, (error: Error) => error.message)
  assert.is(said, 'only a part of a record could be written to the disk')
  await file.close()
  assert.is(wandbRecords(await readFile(path)).length, 1)
})

test('metrics.jsonl contains only records', async () => {
  const path = join(scratch, 'metrics.jsonl')
  const sink = await JsonlSink.open(path, () => true)
  const events: TrackingEvent[] = [
    { kind: 'output', line: 'x' },
    stepRecord(1),
    picture(1),
    { kind: 'summary', values: { a: 1 } },
    validationRecord(1),
  ]
  for (const event of events) await sink.append(event)
  await sink.close()
  assert.equal(await readMetrics(path), [stepRecord(1), validationRecord(1)])
})

test('a damaged line costs that line, and what another program left is not continued', async () => {
  const path = join(scratch, 'damaged.jsonl')
  const line = (record: object) => `${JSON.stringify(record)}\n`
  const [one, two, three] = [1, 3, 4].map((step) => stepRecord(step))
  const half = line(two).slice(0, 30)
  await writeFile(path, `${line(one)}{"kind":"s\n\0\0\n{}\n${line(two)}${line(three)}${half}`)
  const sink = await JsonlSink.open(path, ({ step }) => step <= 3)
  assert.match(sink.warning!, '3 damaged lines are left out')
  assert.equal(await readMetrics(path), [one, two])
  await appendFile(path, half)
  await sink.append(three)
  await sink.append(validationRecord(4))
  await sink.close()
  const file = new MetricsFile(path)
  await file.read()
  assert.equal(file.records, [one, two, three, validationRecord(4)])
  assert.equal(file.damagedLines, [3])
})

test('rows have only known, finite numbers', () => {
  const { parts: _, ...old } = stepRecord(2)
  const row = metricRow(JSON.parse(JSON.stringify(old)))
  assert.equal(Object.keys(row).sort(), [
    'epoch',
    'train/images_per_second',
    'train/learning_rate',
    'train/loss',
    'train/skipped',
  ])
  assert.is(metricRow(validationRecord(1))['val/point_instance_dice'], 0.125)
})

test('system metrics describe this process', () => {
  const look = systemProbe(() => 7)
  const until = performance.now() + 120
  while (performance.now() < until);
  const { cpuPercent, rssBytes, freeBytes, totalBytes, gpuBytes } = look()
  assert.ok(cpuPercent > 5 && cpuPercent < 10_000, `${cpuPercent} %`)
  assert.ok(rssBytes > 2 ** 24 && rssBytes < totalBytes && freeBytes < totalBytes)
  assert.is(gpuBytes, 7)
})

test('lines logged before a tracker is open are kept for it', () => {
  const said: string[] = []
  const received: TrackingEvent[] = []
  const transcript = new Transcript((line) => said.push(line))
  transcript.say('one')
  transcript.keep('two')
  transcript.attach({ append: (event) => void received.push(event) })
  transcript.say('three')
  assert.equal(said, ['one', 'three'])
  assert.equal(
    received,
    ['one', 'two', 'three'].map((line) => ({ kind: 'output', line })),
  )
})

test.run()
