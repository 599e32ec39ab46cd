import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { fromUnitBytes } from '../../../engine/ops/unit-bytes'
import { maskSupervision } from '../../../engine/ops/mask-loss'
import { promptLabel } from '../../../engine/sam/prompt-labels'
import { Rng } from '../../../engine/rng'
import { openDataset, type DatasetItem } from '../../../src/dataset/dataset'
import { removePartialFiles } from '../../../src/host/files'
import { JsonlSink } from '../../../src/tracking/jsonl-sink'
import { Batches } from '../../../engine/finetune/batches'
import { CHECKPOINT, CHECKPOINT_VERSION, readCheckpoint, writeCheckpoint } from '../../../src/training/checkpoint-file'
import type { Sample } from '../../../engine/image/sample'
import { makeExample, toMicroBatches, variantOf } from '../../../engine/finetune/examples'
import { workerCount, WorkerPool } from '../../../src/training/worker-pool'
import { readMetrics } from '../../../src/tracking/metrics-file'
import type { Preparation } from '../../../engine/finetune/preparation'
import { inThread } from '../../../src/training/preparation'
import { beginRun, runFolder } from '../../../src/training/run-folder'
import { openData } from '../../../src/training/session'
import { stepRecord } from '../../support/tracking'
import { temporary, toyConfig, toyData } from '../../support/toy-training'

const scratch = await temporary()
test.after(() => rm(scratch, { recursive: true }))
const data = await toyData(join(scratch, 'data'), 6)

/** A square with sides of 20 at (4, 6) in an image of 48 by 40 pixels. */
const square = () => {
  const labels = new Uint16Array(48 * 40)
  for (let y = 6; y < 26; y++) labels.fill(9, y * 48 + 4, y * 48 + 24)
  return { width: 48, height: 40, rgb: new Uint8Array(48 * 40 * 3).fill(100), labels }
}

test('an image with fewer instances than prompts has each prompted up to three times, then absent prompts', () => {
  const config = toyConfig(data, { size: 48, augment: false, prompts: { count: 4, point: 1, box: 0, both: 1 } })
  const { image, size, coords, labels, targets, supervision } = makeExample(square(), new Rng(1), config)
  assert.is(supervision[3], maskSupervision.nothing)
  assert.ok(supervision.subarray(0, 3).every((s) => s === maskSupervision.best || s === maskSupervision.single))
  assert.equal(labels.length, 12)
  assert.ok(labels.subarray(9).every((l) => l === promptLabel.absent))
  assert.ok(coords.subarray(18).every((x) => x === 0))
  assert.is(new Set([0, 1, 2].map((p) => coords.subarray(6 * p, 6 * p + 6).join())).size, 3, 'other prompts')
  assert.equal(size, [40, 48])
  assert.is(image.length, 48 * 48 * 3)
  // 12 x 12 cells of 4 pixels: the square covers 25 of them
  assert.is(targets.length, 4 * 144)
  for (const p of [0, 1, 2]) {
    const covered = fromUnitBytes(targets.subarray(144 * p, 144 * p + 144))
    assert.is(Math.round(covered.reduce((a, b) => a + b)), 25)
  }
  assert.ok(targets.subarray(3 * 144).every((x) => x === 0))
})

test('views show particles at the sizes that occur in the data, and whole images, unless crops or a range are configured', () => {
  // three discs of 12 pixels in the image, 24 at the input
  const sample = { width: 120, height: 90, rgb: new Uint8Array(120 * 90 * 3), labels: new Uint16Array(120 * 90) }
  for (const [i, [cx, cy]] of [
    [20, 20],
    [60, 50],
    [100, 70],
  ].entries())
    for (let y = 0; y < 90; y++)
      for (let x = 0; x < 120; x++) if (Math.hypot(x - cx, y - cy) < 6) sample.labels[y * 120 + x] = i + 1
  const prompts = { count: 9, point: 0, box: 1, both: 0 }
  /** Longest side of a box prompt in each of many examples: those that the view cuts are smaller. */
  const sizes = (augment: unknown, usual: readonly [number, number] | null = null) =>
    Array.from({ length: 80 }, (_, seed) => {
      const { coords, supervision } = makeExample(
        sample,
        new Rng(seed),
        toyConfig(data, { size: 240, augment, prompts }),
        usual,
      )
      assert.ok(supervision.some(Boolean), 'there is always an instance to prompt')
      return Math.max(...[...coords.keys()].filter((i) => i % 4 < 2).map((i) => coords[i + 2] - coords[i] || 0))
    })
  const [small, large] = [Math.min, Math.max].map((of) => (values: number[]) => of(...values))
  const own = sizes(true)
  // of 24 pixels, by 1.25 either way; boxes have jitter
  assert.ok(small(own) > 15 && large(own) < 36, `sizes near the image's own: ${small(own)} to ${large(own)}`)
  const spread = sizes(true, [15, 24])
  assert.ok(small(spread) < 15 && large(spread) < 36, `also half as large: ${small(spread)} to ${large(spread)}`)
  const particles = ({ labels }: Sample) => labels.filter(Boolean).length
  const views = Array.from({ length: 80 }, (_, seed) =>
    variantOf(sample, new Rng(seed), toyConfig(data, { size: 240 }), [15, 24], false),
  )
  const whole = views.filter((view) => particles(view) === particles(sample) && view.width * view.height === 120 * 90)
  assert.ok(whole.length > 10 && whole.length < 32, `${whole.length} of 80 views show the whole image`)
  assert.equal(sizes({ magnification: 'auto', crop: 0.7 }, [15, 24]), spread)
  const all = sizes({ magnification: [0.5, 4] })
  // from half of 24 pixels to 4 · 120 / 240 = twice 24
  assert.ok(Math.max(...all) > 36 && Math.max(...all) < 62, `${Math.max(...all)}`)
  assert.ok(Math.min(...all) > 9 && Math.min(...all) < 16, `${Math.min(...all)}`)
  assert.ok(Math.min(...sizes({ crop: 0.7 })) > 17, 'crops only magnify')
  assert.ok(Math.max(...sizes({ magnification: [0.5, 0.5] })) < 16)
  assert.equal(sizes({ crop: 0.7, magnification: [0.5, 4] }), all, 'both may be given')
})

test('small instances weigh more if loss.small is set', () => {
  const picture = square()
  for (let y = 28; y < 38; y++) picture.labels.fill(3, y * 48 + 30, y * 48 + 40)
  picture.labels[0] = 5
  const prompts = { count: 3, minArea: 0 }
  const example = (size: number, small: number) =>
    makeExample(picture, new Rng(1), toyConfig(data, { size, augment: false, prompts, loss: { small } }))
  assert.is(example(48, 0).weights, undefined)
  // sides of 20, 10 and 1; one pixel of the input counts as 16
  const sorted = [...example(48, 0.5).weights!].sort((a, b) => a - b)
  for (const [i, area] of [400, 100, 16].entries()) assert.ok(Math.abs(sorted[i] / (32 / Math.sqrt(area)) - 1) < 1e-6)
  const twice = [...example(96, 0.5).weights!].sort((a, b) => a - b)
  assert.ok(Math.abs(sorted[0] / twice[0] - 2) < 1e-6, 'areas are those at the model’s input')
  const [first] = toMicroBatches([example(48, 0.5), example(48, 0.5)], 2)
  assert.is(first.weights!.length, 6)
  assert.is(toMicroBatches([example(48, 0)], 1)[0].weights, undefined)
})

test('a point is ambiguous, a box is not', () => {
  const kinds = { point: { point: 1, box: 0, both: 0 }, box: { point: 0, box: 1, both: 0 } }
  const supervised = (mix: object) =>
    makeExample(square(), new Rng(2), toyConfig(data, { prompts: { count: 1, ...mix } })).supervision[0]
  assert.is(supervised(kinds.point), maskSupervision.best)
  assert.is(supervised(kinds.box), maskSupervision.single)
})

test('worker threads make the same examples, and report the same errors, as this thread', async () => {
  const config = toyConfig(data, { size: 48, batch: 3, prompts: { count: 2 } })
  const { items } = await openDataset(data)
  const pool = new WorkerPool(config, 2, 1e6)
  const alone = new Batches(items, config, 3, inThread(config))
  const helped = new Batches(items, config, 3, pool)
  for (let i = 0; i < 3; i++) assert.equal(await helped.next(), await alone.next())
  const gone = { ...items[0], id: 'gone', imagePath: join(scratch, 'gone.png') }
  const said = (preparation: Preparation<DatasetItem>) =>
    preparation.make(gone, 1).then(
      () => assert.unreachable('there is no such image'),
      (error: Error) => [error.constructor, error.message],
    )
  assert.equal(await said(pool), await said(inThread(config)))
  const late = Array.from({ length: 40 }, (_, seed) => pool.make(items[0], seed))
  const ends = Promise.allSettled(late)
  await Promise.all([pool.close(), alone.close(), helped.close()])
  const last = (await ends).at(-1)!
  assert.ok(last.status === 'rejected' && /preparation of examples is closed/.test(last.reason.message))
})

test('a worker that has ended before a task rejects it with the reason', async () => {
  const pool = new WorkerPool(toyConfig(data), 1, 1e6)
  const [{ worker }] = (pool as unknown as { workers: { worker: Worker }[] }).workers
  await worker.terminate()
  const { items } = await openDataset(data)
  const late = new Promise((resolve) => setTimeout(() => resolve('still waiting'), 2000))
  const said = pool.make(items[0], 1).then(String, (error: Error) => `refused: ${error.message}`)
  assert.match(String(await Promise.race([said, late])), /^refused: .*worker thread .* has ended/)
  await pool.close()
})

test('workers are used with a GPU, not with a software adapter, unless configured', () => {
  assert.is(workerCount({ workers: 'auto' }, { software: true }), 0)
  assert.is(workerCount({ workers: 3 }, { software: true }), 3)
  assert.is(workerCount({ workers: 0 }, { software: false }), 0)
  const chosen = workerCount({ workers: 'auto' }, { software: false })
  assert.ok(chosen === Math.min(12, availableParallelism() - 1))
})

test('another run’s split is copied into a folder that does not exist yet', async () => {
  const first = runFolder(join(scratch, 'first'))
  const parts = await openData(toyConfig(data), first, () => {})
  const second = runFolder(join(scratch, 'not', 'there'))
  assert.equal(await openData(toyConfig(data, { split: first.split, seed: 9 }), second, () => {}), parts)
})

test('training on fewer images leaves validation, test and the split file as they are', async () => {
  const whole = await openData(toyConfig(data), runFolder(join(scratch, 'all images')), () => {})
  const few = runFolder(join(scratch, 'two images'))
  const log: string[] = []
  const parts = await openData(toyConfig(data, { images: 2 }), few, (line) => log.push(line))
  assert.is(parts.train.length, 2)
  assert.ok(parts.train.every((item) => whole.train.some(({ id }) => id === item.id)))
  assert.equal([parts.val, parts.test], [whole.val, whole.test])
  assert.is(JSON.parse(await readFile(few.split, 'utf8')).train.length, whole.train.length)
  assert.match(log.join(), `2 images of ${whole.train.length} with `)
  const other = toyConfig(data, { images: 2, seed: 4, split: few.split })
  const again = await openData(other, runFolder(join(scratch, 'two others')), () => {})
  assert.not.equal(again.train, parts.train)
})

test('a run says so when no image is left to validate on', async () => {
  const log: string[] = []
  const say = (line: string) => void log.push(line)
  const one = await toyData(join(scratch, 'one'), 1)
  const parts = await openData(toyConfig(one), runFolder(join(scratch, 'one image')), say)
  assert.equal([parts.train.length, parts.val.length, parts.test.length], [1, 0, 0])
  assert.match(log.join(), /1 image with .*warning: no image is left to validate on, .*last/)
  log.length = 0
  await openData(toyConfig(one, { validation: { every: 0 } }), runFolder(join(scratch, 'no validation')), say)
  assert.not.match(log.join(), 'warning')
})

test('micro-batches concatenate examples', () => {
  const config = toyConfig(data, { size: 48, prompts: { count: 2 } })
  const examples = [1, 2, 3, 4].map((seed) => makeExample(square(), new Rng(seed), config))
  const [, second, ...rest] = toMicroBatches(examples, 2)
  assert.is(rest.length, 0)
  assert.equal([...second.imageIndex], [0, 0, 1, 1])
  assert.equal(second.images.subarray(48 * 48 * 3), examples[3].image)
  assert.equal(second.targets.subarray(0, examples[2].targets.length), examples[2].targets)
  assert.is(second.sizes.length, 4)
})

test('batches do not depend on when they are requested, and continue from a stored state', async () => {
  const { items } = await openDataset(data)
  const config = toyConfig(data)
  const quick = new Batches(items, config, 1, inThread(config))
  const all = []
  for (let i = 0; i < 6; i++) all.push(await quick.next())
  const slow = new Batches(items, config, 1, inThread(config))
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.equal(await slow.next(), all[i])
  }
  slow.close()
  // the state goes through JSON, as in a checkpoint
  const later = new Batches(items, config, 1, inThread(config), JSON.parse(JSON.stringify(all[2].after)))
  for (let i = 3; i < 6; i++) assert.equal(await later.next(), all[i])
  for (const batches of [quick, later]) batches.close()
  assert.not.equal(all[0].microBatches, all[3].microBatches, 'every epoch sees other variants')
})

test('synthetic scenes are mixed in, the same in threads and after resuming; images keep their order', async () => {
  const { items } = await openDataset(data)
  const config = (synthetic: number) => toyConfig(data, { size: 48, batch: 4, synthetic })
  const take = async (batches: Batches<DatasetItem>, count: number) => {
    const taken = []
    for (let i = 0; i < count; i++) taken.push(await batches.next())
    batches.close()
    return taken
  }
  const plain = await take(new Batches(items, config(0), 4, inThread(config(0))), 5)
  const mixed = await take(new Batches(items, config(0.5), 4, inThread(config(0.5))), 5)
  const ids = mixed.flatMap((batch) => batch.ids)
  const scenes = ids.filter((id) => id.startsWith('synthetic'))
  assert.ok(scenes.length > 4 && scenes.length < 16, `${scenes.length} of 20`)
  assert.is(new Set(scenes).size, scenes.length, 'never the same twice')
  const images = ids.filter((id) => !id.startsWith('synthetic'))
  assert.equal(images, plain.flatMap((batch) => batch.ids).slice(0, images.length))
  const all = await take(new Batches(items, config(1), 4, inThread(config(1))), 1)
  assert.ok(all[0].ids.every((id) => id.startsWith('synthetic')))
  assert.ok(all[0].microBatches[0].supervision.some(Boolean))
  assert.equal(
    await take(new Batches(items, config(0.5), 4, inThread(config(0.5)), mixed[1].after), 2),
    mixed.slice(2, 4),
  )
  const pool = new WorkerPool(config(0.5), 2, 1e6)
  assert.equal(await take(new Batches(items, config(0.5), 4, pool), 2), mixed.slice(0, 2))
  await pool.close()
})

test('an image that vanishes during the run is reported by name', async () => {
  const { items } = await openDataset(data)
  const gone = items.map((item) => ({ ...item, imagePath: join(scratch, 'gone.png') }))
  const batches = new Batches(gone, toyConfig(data), 1, inThread(toyConfig(data)))
  const said = await batches.next().then(String, String)
  assert.match(said, /gone\.png: there is no such file/)
  batches.close()
})

test('bad pairs are listed before anything else happens, and skipped if configured', async () => {
  const folder = join(scratch, 'bad')
  await toyData(folder, 6)
  await writeFile(join(folder, 'images', 'scene-0003.png'), 'no picture')
  await rm(join(folder, 'masks', 'scene-0005.png'))
  const open = async (over: { onBad?: string }) => {
    const log: string[] = []
    const run = runFolder(join(scratch, 'bad run'))
    const config = toyConfig(folder, over)
    await beginRun(run, config)
    return { log, data: await openData(config, run, (line) => log.push(line)) }
  }
  const said = await open({}).then(String, (error: Error) => `${error.name} ${error.message}`)
  assert.match(said, /^UserError 2 of the pairs[^]*scene-0003[^]*scene-0005[^]*--on-bad skip/)
  const { log, data: parts } = await open({ onBad: 'skip' })
  assert.match(log[0], /skipped: 2 of the pairs[^]*scene-0003/)
  assert.is(parts.train.length + parts.val.length + parts.test.length, 4)
  const split = JSON.parse(await readFile(runFolder(join(scratch, 'bad run')).split, 'utf8'))
  assert.equal(
    split.train,
    parts.train.map(({ id }) => id),
  )
})

test('metrics continue after the records of the checkpoint; incomplete lines are cut off', async () => {
  const path = join(scratch, 'metrics.jsonl')
  const first = await JsonlSink.open(path, () => true)
  assert.is(first.cut, null)
  for (const step of [1, 2, 3]) await first.append(stepRecord(step))
  await first.close()
  await writeFile(path, '{"kind":"st', { flag: 'a' })
  const second = await JsonlSink.open(path, ({ step }) => step <= 2)
  assert.is(second.cut?.step, 3)
  await second.append(stepRecord(3))
  await second.flush()
  await second.close()
  assert.equal(
    (await readMetrics(path)).map(({ step }) => step),
    [1, 2, 3],
  )
})

test('a checkpoint reads back bit for bit, and any change in it is detected', async () => {
  const folder = join(scratch, 'last')
  const parameters = ['a', 'b'].map((name, i) => ({
    name,
    shape: [2, 3],
    values: Float32Array.from({ length: 6 }, (_, k) => Math.fround(1 / (k + i + 3))),
    m: new Float32Array(6).fill(-0),
    v: new Float32Array(6).fill(1e-42),
  }))
  const rng = new Rng(1).state()
  const sampler = { epoch: 0, position: 1, order: [1, 0], rng }
  const data = { sampler, rng }
  const best = { epoch: 0.5, step: 2, score: 0.7 }
  const progress = {
    version: CHECKPOINT_VERSION as typeof CHECKPOINT_VERSION,
    config: 'c',
    images: 'i',
    step: 3,
    validated: 2,
    data,
    base: 0.25,
    best,
    waiting: 2,
    ending: { from: 3, to: 4 },
    loss: 0.1,
    skipped: 0,
    seconds: 9,
  }
  await writeCheckpoint(folder, { progress, parameters })
  const read = await readCheckpoint(folder)
  assert.equal(read.progress, progress)
  assert.equal(read.parameters, parameters)
  assert.ok(Object.is(read.parameters[0].m[0], -0))

  const path = join(folder, CHECKPOINT)
  const bytes = await readFile(path)
  for (let at = bytes.length - 140; at < bytes.length; at += 13) {
    const broken = Buffer.from(bytes)
    broken[at] ^= 4
    await writeFile(path, broken)
    const said = await readCheckpoint(folder).then(String, (error: Error) => `${error.name}: ${error.message}`)
    assert.match(said, /^UserError: .*last.checkpoint\.safetensors is damaged/, `byte ${at}`)
  }
  await mkdir(join(scratch, 'best'), { recursive: true })
  await writeFile(`${path}.999999999.part`, 'half')
  await removePartialFiles([scratch, join(scratch, 'last')])
  assert.match(await readFile(`${path}.999999999.part`).then(String, String), 'ENOENT')
})

test.run()
