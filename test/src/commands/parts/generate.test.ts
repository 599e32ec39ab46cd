/** @file `wgsam generate` in parts, by hand and as tasks of a job array: the merged project equals that of one process. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command } from '../../../../src/commands/generate'
import { writeSynth } from '../../../../src/synth/synth-dataset'
import { run } from '../../../support/dataset-folders'
import { refusal, scratch } from '../../../support/files'
import { filesOf, timeless } from '../../../support/parts'

const folder = scratch()
const data = join(folder, 'scenes')
await writeSynth(data, { count: 5, width: 64, height: 56, seed: 3, particles: [3, 6] })
writeFileSync(join(data, 'images', 'unreadable.png'), 'no picture')
const scenes = (...numbers: number[]) => numbers.map((i) => join(data, 'images', `scene-000${i}.png`))

const watershed = (out: string, ...more: string[]) =>
  run(command, join(data, 'images'), '--out', out, '--method', 'watershed', '--report', ...more)

/** Runs with variables of the environment, as Slurm sets them. */
async function under<T>(env: Record<string, string>, action: () => Promise<T>): Promise<T> {
  Object.assign(process.env, env)
  try {
    return await action()
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
}
const task = (id: number) => ({
  ...{ SLURM_ARRAY_TASK_ID: `${id}`, SLURM_ARRAY_TASK_MIN: '10', SLURM_ARRAY_TASK_MAX: '12' },
  ...{ SLURM_ARRAY_TASK_STEP: '1', SLURM_ARRAY_TASK_COUNT: '3' },
})

const whole = join(folder, 'whole')
const one = await watershed(whole)

test('three parts in any order, one of them interrupted, and a merge that names what is missing', async () => {
  assert.is(one.code, 1, 'an image cannot be read')
  const out = join(folder, 'parts')
  assert.match(await refusal(watershed(out, '--merge')), 'there are no parts')
  const last = await watershed(out, '--part', '3/3')
  assert.is(last.code, 1)
  assert.match(last.err, 'unreadable')
  assert.match(last.out, /part 3\/3 done; after all parts: wgsam .*--merge/)
  assert.not.ok(existsSync(join(out, 'annotations.json')), 'files about all images are written by the merge')
  const message = await refusal(watershed(out, '--merge'))
  assert.match(message, '4 of 6 images have no result yet: scene-0001, scene-0002, scene-0004, scene-0005')
  assert.match(message, 'Wait for parts 1/3, 2/3')
  const others = await refusal(watershed(out, '--merge', '--min-area', '7'))
  assert.match(others, /other settings:[^]*--min-area: not given there, "7" here/)

  // the first and second part are tasks of a job array, which need no option
  await under(task(10), () => watershed(out))
  await under(task(11), () => watershed(out))
  // as if the first part had been killed before its second image was finished
  rmSync(join(out, 'proposals', 'scene-0004.json'))
  assert.match(
    await refusal(watershed(out, '--merge')),
    '1 of 6 images has no result yet: scene-0004. Wait for part 1/3',
  )
  const times = readFileSync(join(out, 'proposals', 'scene-0001.json'), 'utf8')
  await watershed(out, '--part', '1/3')
  assert.is(readFileSync(join(out, 'proposals', 'scene-0001.json'), 'utf8'), times, 'it is not made again')

  const merged = await under(task(11), () => watershed(out, '--merge'))
  assert.is(merged.code, 1)
  assert.equal(filesOf(out), filesOf(whole))
  const lines = (text: string) => timeless(text).split('\n').slice(0, 6)
  assert.equal(lines(merged.out), lines(one.out))
  assert.match((await watershed(out, '--merge')).out, 'merged already')
})

test('another number of parts continues with what there is', async () => {
  const out = join(folder, 'changed')
  await watershed(out, '--part', '1/2')
  const earlier = readFileSync(join(out, 'proposals', 'scene-0003.json'), 'utf8')
  await watershed(out, '--part', '1/1')
  assert.is(readFileSync(join(out, 'proposals', 'scene-0003.json'), 'utf8'), earlier)
  await watershed(out, '--merge')
  assert.equal(filesOf(out), filesOf(whole))
})

test('with a model, and --part all in a job array', async () => {
  const loose = ['pred-iou-thresh', 'stability-score-thresh', 'floor-pred-iou', 'floor-stability']
  const toy = ['--model', 'golden/files/toy_vit.pth', '--model-config', 'golden/files/toy_vit.json', '--size', '48']
  const few = [...toy, '--points-per-side', '3', ...loose.flatMap((name) => [`--${name}`, '0']), '--max-area', '1']
  const generate = (out: string, ...more: string[]) =>
    run(command, ...scenes(1, 2), '--out', out, ...few, '--box-nms-thresh', '1', '--keep-frames', ...more)
  const [single, out] = [join(folder, 'single'), join(folder, 'two')]
  await under(task(11), () => generate(single, '--part', 'all'))
  assert.is(JSON.parse(readFileSync(join(single, 'generate.json'), 'utf8')).images.length, 2)
  await generate(out, '--part', '1/2')
  await generate(out, '--part', '2/2')
  await generate(out, '--merge')
  assert.equal(filesOf(out), filesOf(single))
})

test.run()
