/** @file The commands eval, generate tune, predict, merge and synth, run with typed options and a toy model. */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as demoCommand } from '../../../src/commands/demo'
import { command as evalCommand } from '../../../src/commands/eval'
import { type Command, parse } from '../../../src/cli/command'
import { command as mergeCommand } from '../../../src/commands/merge'
import { command as predictCommand } from '../../../src/commands/predict'
import { command as synthCommand } from '../../../src/commands/synth'
import { command as tuneCommand } from '../../../src/commands/generate/tune'
import { readImage } from '../../../src/images/read-image'
import { openModel } from '../../../src/model/open-model'
import { updateAdapterProfile } from '../../../src/weights/adapter-profile'
import { refusal, scratch } from '../../support/files'
import { writeRandom } from '../../support/adapter'
import { engine } from '../../support/engine'

const MODEL = 'golden/files/toy_vit.pth'
const toy = ['--model', MODEL, '--model-config', 'golden/files/toy_vit.json']
const small = ['--size', '64']

/** What the last command that was run printed besides its result. */
let remarks: string[] = []

/** Runs a command and returns what it prints. */
async function run(command: Command, ...argv: string[]): Promise<string> {
  const { values, positionals } = parse(command, argv)
  const lines: string[] = []
  const { log, error } = console
  console.log = (line: string) => void lines.push(line)
  remarks = []
  console.error = (line: string) => void remarks.push(line)
  try {
    const code = await command.run(values, positionals)
    assert.is(code ?? 0, 0)
  } finally {
    Object.assign(console, { log, error })
  }
  return lines.join('\n')
}

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

const folder = scratch()
const data = join(folder, 'scenes')
const image = join(data, 'images', 'scene-0001.png')
let adapter = ''

test.before(async () => {
  const model = await openModel(engine, MODEL, { config: json('golden/files/toy_vit.json') })
  const config = { rank: 4, alpha: 8, rslora: false, targets: ['q' as const, 'v' as const], blocks: null }
  adapter = await writeRandom(model, config, MODEL)
  model.release()
})

test('synth creates images with labels, and the same ones from the same seed', async () => {
  const options = ['--count', '3', '--size', '96', '--seed', '4', '--particles', '4,9']
  assert.match(await run(synthCommand, '--out', data, ...options), /3 images of 96 x 96 pixels/)
  const again = join(folder, 'again')
  const { particles } = JSON.parse(await run(synthCommand, '--out', again, ...options, '--json'))
  assert.is(particles.length, 3)
  const name = 'masks/scene-0003.png'
  assert.equal(readFileSync(join(again, name)), readFileSync(join(data, name)))
  assert.match(await refusal(run(synthCommand, '--out', data)), 'already exists')
})

test('eval compares base and adapted model, writes scores and a report, and is exactly reproducible', async () => {
  const [out, report] = [join(folder, 'scores.json'), join(folder, 'report.html')]
  const options = ['--data', data, '--split', 'all', ...toy, ...small, '--adapter', adapter, '--rivals', 'same']
  const table = await run(evalCommand, ...options, '--out', out, '--report', report)
  assert.match(table, /adapted/)
  assert.match(table, /change/)
  const first = json(out)
  const [base, adapted] = first.models
  assert.equal([first.images, first.models.length, base.evaluations.length, adapted.evaluations.length], [3, 2, 2, 2])
  assert.is(base.evaluations[0].perImage.length, 3)
  assert.is.not(base.evaluations[0].instanceDice, adapted.evaluations[0].instanceDice)
  const second = JSON.parse(await run(evalCommand, ...options, '--json'))
  const scores = ({ models }: typeof first) => models.map(({ evaluations }: typeof base) => evaluations)
  assert.equal(scores(second), scores(first))
  const html = readFileSync(report, 'utf8')
  assert.is(
    [...html.matchAll(/src="data:image\/jpeg;base64,/g)].length,
    2 * 3 * 5 + 2 * 2 * 12,
    'two prompt modes: five pictures of each of three images, and the twelve worst particles of two models',
  )
})

test('eval names missing and wrong options', async () => {
  assert.match(await refusal(run(evalCommand)), '--data')
  assert.match(await refusal(run(evalCommand, '--data', data)), '--split-file')
  assert.match(await refusal(run(evalCommand, '--data', data, '--split', 'half')), 'test, val, train, all')
  assert.match(await refusal(run(evalCommand, '--data', data, '--split-file', join(folder, 'none.json'))), 'none.json')
  assert.not.ok(existsSync(join(folder, 'none.json')), 'it makes no split')
})

test('generate tune sees images at the scale of the stated diameter, and writes nothing if nothing is found', async () => {
  const out = join(folder, 'tuned.json')
  const options = ['--data', data, '--split', 'all', '--images', '1', ...toy, ...small, '--points-per-side', '4']
  // the toy model's weights are random: it finds no particle, and the refusal says how the image was seen
  const refused = (...more: string[]) => refusal(run(tuneCommand, ...options, '--out', out, ...more))
  const whole = await refused('--diameter', 'none')
  assert.match(whole, /none of the \d+ labelled particles is matched by a mask .* nothing is written/)
  assert.match(whole, 'scene-0001: the whole image')
  assert.match(await refused('--diameter', '8px'), /scene-0001: particles of 8 px, .* \d+ tiles of \d+ px/)
  const tiles = ['--tile-size', '64', '--tile-halo', '16']
  assert.match(await refused(...tiles), /scene-0001: \d+ tiles of 64 px/)
  assert.match(await refused(...tiles, '--diameter', '8px'), 'do not go together')
  assert.not.ok(existsSync(out))
})

test('predict writes a mask and an overlay in the size of the image', async () => {
  const out = join(folder, 'masks')
  const options = [image, ...toy, ...small, '--out', out]
  const result = JSON.parse(await run(predictCommand, ...options, '--box', '10,12,60,70', '--json'))
  assert.equal(result, json(join(out, 'scene-0001.json')))
  assert.is(result.masks.length, 1)
  const { mask, overlay, pixels, token } = result.masks[0]
  assert.is(token, 0)
  const picture = await readImage(mask)
  assert.equal([picture.width, picture.height, picture.channels], [96, 96, 1])
  assert.is(
    (picture.data as Uint8Array).reduce((sum, v) => sum + +(v === 255), 0),
    pixels,
  )
  assert.equal(
    [...new Set(picture.data)].filter((v) => v !== 0 && v !== 255),
    [],
  )
  assert.is((await readImage(overlay)).channels, 3)
  const adapted = JSON.parse(
    await run(predictCommand, ...options, '--box', '10,12,60,70', '--adapter', adapter, '--json'),
  )
  assert.is.not(adapted.masks[0].predictedIou, result.masks[0].predictedIou)
})

test('a command with an adapter warns of images on which the base model was better when the adapter was compared', async () => {
  const worse = join(folder, 'worse')
  cpSync(adapter, worse, { recursive: true })
  const [base, scores] = [
    { point: 0.9, box: 0.9 },
    { point: 0.8, box: 0.9 },
  ]
  const sources = [{ name: 'powder', foreign: true, images: 3, base, adapter: scores }]
  await updateAdapterProfile(worse, { strength: { value: 0.25, safe: false, sources } })
  const options = [image, ...toy, ...small, '--point', '30,30', '--json']
  await run(predictCommand, ...options, '--adapter', worse, '--out', join(folder, 'warned'))
  assert.ok(remarks.some((line) => /^warning: .* worse than its base model on images like powder/.test(line)))
  await run(predictCommand, ...options, '--adapter', adapter, '--out', join(folder, 'unwarned'))
  assert.not(remarks.some((line) => /powder/.test(line)))
})

test('predict accepts several points; --multimask writes three masks, the best first', async () => {
  const options = [image, ...toy, ...small, '--out', join(folder, 'three'), '--json']
  const { masks } = JSON.parse(await run(predictCommand, ...options, '--point', '30,30', '--multimask'))
  assert.is(masks.length, 3)
  assert.equal(masks.map(({ token }: { token: number }) => token).sort(), [1, 2, 3])
  assert.ok(masks[0].predictedIou >= masks[1].predictedIou && masks[1].predictedIou >= masks[2].predictedIou)
  const one = JSON.parse(await run(predictCommand, ...options, '--point', '30,30')).masks
  assert.equal([one.length, one[0].token, one[0].pixels], [1, masks[0].token, masks[0].pixels])
  const two = JSON.parse(await run(predictCommand, ...options, '--point', '30,30', '--point', '60,60,0'))
  assert.equal([two.points.length, two.points[1].foreground, two.masks[0].token], [2, false, 0])
})

test('predict says in which part it saw the object', async () => {
  const options = [image, ...toy, ...small, '--out', join(folder, 'part')]
  const said = async (diameter: string) =>
    run(predictCommand, ...options, '--box', '10,12,20,22', '--diameter', diameter)
  assert.match(await said('none'), /seen: the whole image/)
  const text = await said('5px')
  const { view, region } = json(join(folder, 'part', 'scene-0001.json'))
  assert.ok(view.tileSize > 0 && view.tileSize < 96)
  assert.ok(region.left <= 10 && region.right > 20 && region.top <= 12 && region.bottom > 22)
  // the toy's mask may reach the edge of a tile: then the object is seen in a larger part
  const side = region.right - region.left
  assert.match(text, /seen: particles of 5 px, /)
  assert.match(text, side > view.tileSize ? `a part of ${side} px` : `one tile of ${side} px, of ${view.tiles} that`)
})

test('predict names the error of a prompt before it opens a model', async () => {
  const wrong = async (...argv: string[]) => refusal(run(predictCommand, image, '--model', 'none', ...argv))
  assert.match(await wrong(), '--point x,y or --box')
  assert.match(await wrong('--point', '1'), 'x,y')
  assert.match(await wrong('--point', '1,a'), '1,a')
  assert.match(await wrong('--point', '1,2,2'), '1,2,2')
  assert.match(await wrong('--point', '96,2'), 'outside the image of 96 x 96')
  assert.match(await wrong('--box', '1,2,3'), 'x0,y0,x1,y1')
  assert.match(await wrong('--box', '50,2,20,40'), 'left before right')
  assert.match(await wrong('--box', '0,0,1e9,4'), 'not inside')
})

test('merge writes a model with the same scores as the adapted model', async () => {
  const out = join(folder, 'merged.safetensors')
  const config = ['--model-config', 'golden/files/toy_vit.json']
  const result = JSON.parse(await run(mergeCommand, '--adapter', adapter, ...config, '--out', out, '--json'))
  assert.is(result.changed.length, 3)
  const options = ['--data', data, '--split', 'all', ...small, ...config, '--rivals', 'same', '--json']
  const { models } = JSON.parse(await run(evalCommand, ...options, '--model', out))
  const beside = JSON.parse(await run(evalCommand, ...options, '--model', MODEL, '--adapter', adapter))
  const adapted = beside.models[1].evaluations
  for (const [i, { dice, instanceIou }] of models[0].evaluations.entries()) {
    // rounding may move a pixel across the edge of a mask
    assert.ok(Math.abs(dice - adapted[i].dice) < 1e-3)
    assert.ok(Math.abs(instanceIou - adapted[i].instanceIou) < 1e-3)
  }
  // with a profile the checkpoint knows what it is
  const known = join(folder, 'with-profile')
  cpSync(adapter, known, { recursive: true })
  writeFileSync(join(known, 'wgsam.json'), JSON.stringify({ version: 1, size: 64 }))
  const profiled = join(folder, 'profiled.safetensors')
  await run(mergeCommand, '--adapter', known, ...config, '--out', profiled)
  const own = ['--data', data, '--split', 'all', ...config, '--prompt', 'box', '--json']
  const named = async (...more: string[]) =>
    JSON.parse(await run(evalCommand, ...own, '--model', profiled, ...more)).models.map(
      ({ name, size, rival }: { name: string; size: number; rival: boolean }) => [name, size, rival],
    )
  assert.equal(await named('--rivals', 'none'), [['merged', 64, false]])
  assert.equal(await named('--rivals', 'base', '--size', '32'), [
    ['merged', 64, true],
    ['merged at 32', 32, false],
  ])
  assert.match(await refusal(run(mergeCommand, '--out', out)), '--adapter')
  assert.match(await refusal(run(mergeCommand, '--adapter', adapter)), '--out')
})

test('demo refuses a folder with other files and does not change it', async () => {
  assert.match(await refusal(run(demoCommand, '--out', data)), 'holds other files')
  assert.ok(existsSync(image))
})

test.run()
