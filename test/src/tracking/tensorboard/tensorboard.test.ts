/** TensorBoard's event files: framing, contents, and how a resumed run voids later steps of earlier files. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TensorBoardSink } from '../../../../src/tracking/tensorboard/sink'
import { frame, readRecords } from '../../../../src/tracking/tensorboard/tfrecord'
import {
  messageOf,
  picture,
  scalarsOf,
  stepRecord,
  tensorboardEvents,
  textOf,
  tracked,
  validationRecord,
} from '../../../support/tracking'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-tensorboard-'))
test.after(() => rm(scratch, { recursive: true }))

const filesOf = async (sink: TensorBoardSink) =>
  Promise.all((await readdir(sink.path)).sort().map((name) => readFile(join(sink.path, name))))

test('records are framed as TensorBoard frames them', () => {
  // the output of TensorBoard's own RecordWriter for b'abc'
  const bytes = frame(Buffer.from('abc'))
  assert.is(Buffer.from(bytes).toString('hex'), '0300000000000000b099490e6162636e57f121')
  const two = Buffer.concat([bytes, frame(new Uint8Array(0))])
  assert.equal(
    [...readRecords(two)].map((data) => Buffer.from(data).toString()),
    ['abc', ''],
  )
  for (let length = 0; length < two.length; length++)
    assert.is([...readRecords(two.subarray(0, length))].length, length < bytes.length ? 0 : 1, `cut at ${length}`)
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(two)
    damaged[at] ^= 1
    assert.is([...readRecords(damaged)].length, 0, `a bit turned at ${at}`)
  }
})

test('the file of a run contains numbers, pictures and the configuration', async () => {
  const sink = await TensorBoardSink.open(tracked(join(scratch, 'whole')))
  await sink.append(stepRecord(1))
  await sink.append(stepRecord(2))
  await sink.append(picture(2))
  await sink.append(validationRecord(2))
  await sink.append({ kind: 'output', line: 'passed over' })
  await sink.append({ kind: 'config', values: { parameters: 7 } })
  const metrics = { cpuPercent: 150, rssBytes: 2 ** 28, freeBytes: 1, totalBytes: 2, gpuBytes: null }
  await sink.append({ kind: 'system', at: 1000, step: 2, metrics })
  await sink.close()

  const [name] = await readdir(sink.path)
  assert.match(name, /^events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+\.0$/)
  const [file] = await filesOf(sink)
  const events = tensorboardEvents(file)
  assert.is(textOf(events[0], 3), 'brain.Event:2')
  assert.ok(Math.abs((events[0].get(1)![0] as number) - Date.now() / 1000) < 60, 'seconds')

  const scalars = scalarsOf(events)
  const of = (tag: string) => scalars.filter((s) => s.tag === tag).map(({ step, value }) => [step, value])
  assert.equal(of('train/loss'), [
    [1, 2],
    [2, 1],
  ])
  assert.equal(of('train/gradient_norm'), [[1, 0.125]])
  assert.equal(of('epoch').length, 2)
  assert.equal(of('val/box_dice'), [[2, 1]])
  assert.equal(of('system/cpu_percent'), [[2, 150]])
  assert.equal(of('system/rss_mib'), [[2, 256]])
  assert.is(scalars.filter(({ tag }) => tag === 'system/gpu_mib').length, 0)

  const values = events.map((event) => messageOf(messageOf(event, 5), 1))
  const image = values.find((value) => value.has(4))!
  assert.is(textOf(image, 1), 'val/image_1')
  const picked = messageOf(image, 4)
  assert.equal(
    [1, 2, 3].map((n) => picked.get(n)![0]),
    [2, 3, 3],
    'height, width, channels',
  )
  assert.equal([...(picked.get(4)![0] as Uint8Array)], [0x89, 0x50, 0x4e, 0x47, 2])

  const texts = values.filter((value) => textOf(value, 1) === 'config')
  assert.is(texts.length, 2)
  const tensor = messageOf(texts[1], 8)
  assert.is(tensor.get(1)![0], 7, 'a tensor of strings')
  assert.match(textOf(tensor, 8), '    "size": 80')
  assert.match(textOf(tensor, 8), '    "parameters": 7')
  assert.is(textOf(messageOf(messageOf(texts[1], 9), 1), 1), 'text')
})

test('the file of a resumed run sorts after the others by name, and says from which step on they are void', async () => {
  const folder = join(scratch, 'resumed')
  const past = [1, 2, 3].map(stepRecord)
  const first = await TensorBoardSink.open(tracked(folder))
  for (const record of [...past, stepRecord(4)]) await first.append(record)
  await first.close()
  const names = await readdir(first.path)
  // a validation of step 3 is still to come, so everything up to step 2 is complete
  const second = await TensorBoardSink.open(tracked(folder, { past, reported: 2 }))
  await second.append(stepRecord(4))
  await second.close()
  assert.equal((await readdir(first.path)).sort().slice(0, 1), names)
  const [, file] = await filesOf(second)
  const events = tensorboardEvents(file)
  assert.is(events[1].get(2)![0], 3, 'from step 3 on')
  assert.is(messageOf(events[1], 7).get(1)![0], 1, 'a session starts')
  const steps = scalarsOf(events).filter(({ tag }) => tag === 'train/loss')
  assert.equal(
    steps.map(({ step }) => step),
    [3, 4],
  )
})

test('a run that was not tracked before gets all its records', async () => {
  const past = [stepRecord(1), stepRecord(2), validationRecord(2)]
  const sink = await TensorBoardSink.open(tracked(join(scratch, 'late'), { past, reported: 2 }))
  await sink.close()
  const [file] = await filesOf(sink)
  const scalars = scalarsOf(tensorboardEvents(file))
  assert.equal(scalars.filter(({ tag }) => tag === 'train/loss').length, 2)
  assert.equal(scalars.filter(({ tag }) => tag === 'val/score').length, 1)
})

test.run()
