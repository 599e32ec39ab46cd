/** @file The files that wgsam writes for wandb and TensorBoard, read by these programs' own Python packages. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writePng } from '../../../src/images/png-writer'
import { Message } from '../../../src/tracking/protobuf'
import { TensorBoardSink } from '../../../src/tracking/tensorboard/sink'
import { WandbFile } from '../../../src/tracking/wandb/file'
import * as records from '../../../src/tracking/wandb/records'
import { WandbSink } from '../../../src/tracking/wandb/sink'
import { testNeeding } from '../../support/needs'
import { findTrackerPython } from '../../../scripts/find-tools.mjs'
import { picture, stepRecord, tracked, validationRecord } from '../../support/tracking'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-readers-'))
test.after(() => rm(scratch, { recursive: true }))
const python = findTrackerPython()
const testReaders = testNeeding('python', python ? null : 'no Python with wandb and tensorboard was found')

/** Runs a Python program and parses the JSON that it prints. */
function ask<T>(program: string, ...args: string[]): T {
  const quiet = { WANDB_MODE: 'offline', WANDB_SILENT: 'true', WANDB_ERROR_REPORTING: 'false', WANDB_DIR: scratch }
  const { stdout, stderr, status } = spawnSync(python!, ['-c', program, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...quiet },
    maxBuffer: 2 ** 28,
  })
  assert.is(status, 0, stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}

/** Reads a log by wandb's DataStore if it is in Python (until 0.2x), else by its own program. Prints the rows of `Read`. */
const readWandb = `
import json, subprocess, sys, os
path, found = sys.argv[1], []
try:
    import wandb
    wandb._assert_is_internal_process = True
    from wandb.sdk.internal.datastore import DataStore
    from wandb.proto import wandb_internal_pb2 as pb
    store = DataStore()
    store.open_for_scan(path)
    while (data := store.scan_data()) is not None:
        r = pb.Record()
        r.ParseFromString(data)
        kind = r.WhichOneof("record_type") or "environment"
        items = {i.key: json.loads(i.value_json) for i in r.history.item}
        found.append([r.num, kind, items, r.exit.exit_code])
except ImportError:
    program = os.path.join(os.path.dirname(sys.executable), "wandb")
    out = subprocess.run([program, "leet", "inspect", "--json", path], capture_output=True, text=True)
    if out.returncode:
        sys.exit(out.stderr)
    for line in out.stdout.splitlines():
        r = json.loads(line)
        kind = r["type"]
        items = r[kind].get("item", {}) if kind == "history" else {}
        found.append([r["num"], kind, items, r.get("exit", {}).get("exit_code", 0)])
print(json.dumps(found))
`

const readTensorBoard = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
tags = events.Tags()
print(json.dumps({
  "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
  "images": {tag: [[e.step, e.width, e.height] for e in events.Images(tag)] for tag in tags["images"]},
  "config": events.Tensors("config")[-1].tensor_proto.string_val[0].decode(),
}))
`

type Read = [number: number, kind: string, items: Record<string, unknown>, exitCode: number][]

testReaders('wandb reads a run, its pictures and its end', async () => {
  const sink = await WandbSink.open(tracked(join(scratch, 'run')))
  const png = join(scratch, 'a.png')
  await writePng(png, { width: 3, height: 2, channels: 3, data: new Uint8Array(18).fill(90) })
  await sink.append({ kind: 'output', line: 'ä line' })
  await sink.append(stepRecord(1))
  await sink.append(stepRecord(2))
  await sink.append({ ...picture(2), png: await readFile(png) })
  await sink.append(validationRecord(2))
  await sink.close(130)
  const read = ask<Read>(readWandb, join(sink.path, 'run-abcd1234.wandb'))
  assert.equal(
    read.map(([number]) => number),
    read.map((_, i) => i + 1),
  )
  const rows = read.filter(([, kind]) => kind === 'history').map(([, , items]) => items)
  assert.equal(
    rows.map((row) => [row._step, row['train/loss']]),
    [
      [1, 2],
      [2, 1],
    ],
  )
  assert.is((rows[1]['val/image_1'] as { _type: string })._type, 'image-file')
  assert.is(rows[1]['val/box_dice'], 1)
  assert.equal(read.slice(-2), [
    [read.length - 1, 'exit', {}, 130],
    [read.length, 'final', {}, 0],
  ])
})

testReaders('wandb reads records of every size at every distance from the end of a block', async () => {
  const path = join(scratch, 'sizes.wandb')
  const file = await WandbFile.create(path)
  const run = { id: 'a', project: 'p', config: {}, name: '', notes: '', tags: [], host: '', startedAt: 1e12 }
  await file.append('header', records.header('test'))
  await file.append('run', records.run(run))
  const line = (length: number) => file.append('output', new Message().text(3, 'x'.repeat(length)))
  for (const size of [10, 32700, 40_000, 100_000]) await line(size)
  // records a byte or two longer than a divisor of the block size, so that their ends have all distances from a block's end
  const steps = 600
  for (let step = 0; step < steps; step++) {
    await line(900)
    await file.append('history', records.history(step, { a: step }))
  }
  await file.close()
  const read = ask<Read>(readWandb, path)
  assert.is(read.length, 2 + 4 + 2 * steps)
  const rows = read.filter(([, kind]) => kind === 'history')
  assert.equal(
    rows.map(([, , { a }]) => a),
    Array.from({ length: steps }, (_, i) => i),
  )
})

testReaders('TensorBoard reads a run that was killed and resumed', async () => {
  const folder = join(scratch, 'board')
  const past = [1, 2, 3].map(stepRecord)
  const first = await TensorBoardSink.open(tracked(folder))
  for (const record of past) await first.append(record)
  await first.append({ ...stepRecord(4), loss: 99 })
  await first.close()
  // an incomplete record, as a kill may leave it
  const [name] = await readdir(first.path)
  await writeFile(join(first.path, name), Uint8Array.of(1, 2, 3, 4, 5), { flag: 'a' })
  const second = await TensorBoardSink.open(tracked(folder, { past, reported: 3 }))
  for (const step of [4, 5]) await second.append(stepRecord(step))
  const png = join(scratch, 'b.png')
  await writePng(png, { width: 3, height: 2, channels: 3, data: new Uint8Array(18).fill(90) })
  await second.append({ ...picture(5), png: await readFile(png) })
  await second.append(validationRecord(5))
  await second.close()
  const read = ask<{ scalars: Record<string, number[][]>; images: Record<string, number[][]>; config: string }>(
    readTensorBoard,
    first.path,
  )
  assert.equal(
    read.scalars['train/loss'].map(([step, loss]) => [step, Math.round(1000 * loss)]),
    [
      [1, 2000],
      [2, 1000],
      [3, 667],
      [4, 500],
      [5, 400],
    ],
  )
  assert.equal(read.scalars['val/box_dice'], [[5, 1]])
  assert.equal(read.images['val/image_1'], [[5, 3, 2]])
  assert.match(read.config, '"rank": 4')
})

test.run()
