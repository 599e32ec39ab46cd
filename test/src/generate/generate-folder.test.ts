/** @file A folder of images becomes a project: its files, skipping, filtering again, unreadable images, scores against labels. */
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import sharp from 'sharp'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MaskGenerator } from '../../../engine/generate/generator'
import type { GeneratorOptions } from '../../../engine/generate/generator-options'
import { defaultBand } from '../../../engine/scale/view'
import { Predictor } from '../../../engine/sam/predictor'
import { decodeMask } from '../../../engine/masks/rle'
import { cocoLabels } from '../../../src/dataset/coco-file'
import { readCoco } from '../../../src/dataset/coco-json'
import { writePng } from '../../../src/images/png-writer'
import { parse } from '../../../src/cli/command'
import { command } from '../../../src/commands/generate/refilter'
import { UserError } from '../../../src/host/errors'
import { type FolderOptions, generateFolder } from '../../../src/generate/generate-folder'
import { listInputs } from '../../../src/project/input-images'
import type { ProposalRecord } from '../../../src/project/file-schemas'
import { readProposed } from '../../../src/project/review/reviewed-image'
import { writeCoco, writeCsv } from '../../../src/project/outputs'
import { projectFile } from '../../../src/project/project'
import { readCandidates, readProposals } from '../../../src/project/read-proposals'
import { refilter } from '../../../src/project/refilter'
import { renderGenerateReport } from '../../../src/generate/generator-report'
import { scratch } from '../../support/files'
import { perfectMaps } from '../../support/prompt-maps'
import { openToy, toyImages } from '../../support/toy'

const model = await openToy('toy_vit', 48)
const options: Partial<GeneratorOptions> = {
  pointsPerSide: 4,
  predIouThresh: 0,
  stabilityScoreThresh: 0,
  relativeScoreThresh: 0,
  stabilityScoreOffset: 0.01,
  maxArea: 1,
  dropFrames: false,
  floorPredIou: 0,
  floorStability: 0,
  boxNmsThresh: 1,
  maskNmsThresh: 0.9,
  containmentThresh: 1,
}
const generator = await MaskGenerator.create(model, options)
const names = ['a b', "it's ünï", 'c']

const images = scratch()
for (const [i, name] of names.entries()) {
  const data = Uint8Array.from(toyImages(i, 1, 60).subarray(0, 60 * 40 * 3))
  await writePng(join(images, `${name}.png`), { width: 60, height: 40, channels: 3, data })
}
writeFileSync(join(images, 'broken.png'), 'no picture')

const run = async (dir: string, over: Partial<FolderOptions> = {}) =>
  generateFolder({
    generator,
    by: { model: 'toy', adapter: null, adapterHash: null, size: 48 },
    dir,
    inputs: await listInputs([images]),
    reading: { crop: 'none' },
    scale: { diameter: 'none', band: defaultBand },
    kinds: new Set(['labels', 'tiff', 'overlay', 'masks']),
    ...over,
  })

const dir = scratch()
const first = await run(dir, { keepLogits: true })

test('every image but the broken one is done, and its files exist', async () => {
  assert.equal(
    first.results.map(({ name, outcome }) => [name, outcome]),
    [
      ['a b', 'done'],
      ['broken', 'failed'],
      ['c', 'done'],
      ["it's ünï", 'done'],
    ],
  )
  assert.match(first.results[1].note!, /broken\.png/)
  for (const name of names) {
    const { records, image } = await readProposals(dir, name)
    assert.ok(records.length > 2, `${records.length} masks are too few for a test`)
    assert.equal([image.width, image.height], [60, 40])
    const labels = await storedLabels(projectFile.labels(dir, name))
    assert.equal(labels, await storedLabels(join(dir, 'labels', `${name}.tif`)))
    // a pixel is in the mask whose label it has, and in some mask if and only if it has a label
    const masks = records.map(({ segmentation }) => whole(decodeMask(segmentation)))
    for (const [i, id] of labels.entries()) {
      if (id) assert.is(masks[id - 1][i], 1)
      else assert.ok(masks.every((mask) => !mask[i]))
    }
    records.forEach(({ area, bbox: [, , w, h], segmentation }) => {
      const mask = decodeMask(segmentation)
      assert.equal([area, w, h], [mask.data.reduce((a, b) => a + b, 0), mask.width, mask.height])
    })
    assert.ok(existsSync(join(dir, 'masks', name, '0001.png')))
    assert.not.ok(existsSync(join(dir, 'masks', name, `${String(records.length + 1).padStart(4, '0')}.png`)))
  }
})

/** The values of a label map as they are stored, also where they look like noise. */
async function storedLabels(path: string): Promise<Uint16Array> {
  const { buffer, byteOffset, length } = await sharp(path).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer()
  return new Uint16Array(buffer, byteOffset, length / 2)
}

const whole = ({ x0, y0, width, height, data }: ReturnType<typeof decodeMask>) => {
  const mask = new Uint8Array(60 * 40)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) mask[(y0 + y) * 60 + x0 + x] = data[y * width + x]
  return mask
}

test('where passes are in flight the next image is read and encoded ahead, and nothing else changes', async () => {
  const { encodeAhead } = Predictor.prototype
  let ahead = 0
  Predictor.prototype.encodeAhead = function (of) {
    ahead++
    encodeAhead.call(this, of)
  }
  const copy = scratch()
  generator.inFlight = 3
  const { candidates } = generator
  let calls = 0
  // the toy is faster than the reading of a file, so it waits for that of the last image
  generator.candidates = async (image, hooks, view) => {
    const end = performance.now() + 1e4
    if (++calls === 2) while (!hooks?.next?.() && performance.now() < end) await setTimeout(10)
    return candidates.call(generator, image, hooks, view)
  }
  try {
    // a file that cannot be read is between two that can
    const { results } = await run(copy)
    assert.is(results.map(({ outcome }) => outcome).join(' '), 'done failed done done')
    assert.is(ahead, 1, 'only the last one follows an image that the model saw and is read')
    for (const name of names) {
      const [was, now] = [await readProposals(dir, name), await readProposals(copy, name)]
      assert.equal({ ...now, seconds: 0 }, { ...was, seconds: 0 })
    }
  } finally {
    Object.assign(generator, { inFlight: 1, candidates })
    Predictor.prototype.encodeAhead = encodeAhead
  }
})

test('finished images are skipped; missing, damaged or requested ones are generated', async () => {
  const before = statSync(projectFile.proposals(dir, 'c')).mtimeMs
  const outcomes = async (over?: Partial<FolderOptions>) =>
    (await run(dir, over)).results.map(({ outcome }) => outcome).join(' ')
  assert.is(await outcomes(), 'skipped failed skipped skipped')
  assert.is(statSync(projectFile.proposals(dir, 'c')).mtimeMs, before)
  truncateSync(projectFile.proposals(dir, 'c'), 100)
  assert.is(await outcomes({ keepLogits: true }), 'skipped failed done skipped')
  await rm(projectFile.overlay(dir, 'c'))
  assert.is(await outcomes(), 'skipped failed skipped skipped')
  assert.ok(existsSync(projectFile.overlay(dir, 'c')), 'a missing picture is drawn again')
})

test('other thresholds filter again: the same masks as generating with them', async () => {
  const { candidates } = await readCandidates(dir, 'c')
  const middle = candidates.map(({ area }) => area).sort((a, b) => a - b)[Math.floor(candidates.length / 2)]
  const strict = await MaskGenerator.create(model, { ...options, minArea: middle })
  const again = await run(dir, { generator: strict })
  assert.equal(
    again.results.map(({ outcome }) => outcome),
    ['filtered', 'failed', 'filtered', 'filtered'],
  )
  const fresh = scratch()
  await run(fresh, { generator: strict })
  strict.destroy()
  for (const name of names) {
    const filtered = await readProposals(dir, name)
    assert.equal(filtered.records, (await readProposals(fresh, name)).records)
    assert.ok(filtered.records.every(({ area }) => area >= middle))
  }
  await run(dir)
})

test('another mask threshold from kept logits gives the masks of generating with it', async () => {
  const change = { maskThreshold: 0.02 }
  const moved = await MaskGenerator.create(model, { ...options, ...change, duplicateIou: 1, maskNmsThresh: 1 })
  const fresh = scratch()
  await run(fresh, { generator: moved })
  moved.destroy()
  const unique = scratch()
  const all = await MaskGenerator.create(model, { ...options, duplicateIou: 1, maskNmsThresh: 1 })
  await run(unique, { generator: all, keepLogits: true })
  all.destroy()
  const before = (await readProposals(unique, 'c')).records
  await refilter(unique, 'c', change, new Set())
  const [want, got] = [await readProposals(fresh, 'c'), await readProposals(unique, 'c')]
  const masks = (records: typeof want.records) => records.map(({ segmentation }) => segmentation.counts).sort()
  assert.equal(masks(got.records), masks(want.records))
  assert.not.equal(masks(got.records), masks(before))
  const error = await refilter(fresh, 'c', { maskThreshold: 0 }, new Set()).then(
    () => null,
    (e: Error) => e,
  )
  assert.instance(error, UserError, 'without logits, the error is one for the user')
})

test('the refilter command changes the given options, the mask threshold too', async () => {
  const copy = scratch()
  await run(copy, { keepLogits: true })
  const before = await readProposals(copy, 'c')
  const { values, positionals } = parse(command, [
    copy,
    '--mask-threshold',
    '0.02',
    '--min-area',
    '3',
    '--write',
    'none',
  ])
  const log = console.log
  console.log = () => {}
  await command.run(values, positionals).finally(() => (console.log = log))
  const after = await readProposals(copy, 'c')
  assert.equal(after.generator.options, { ...before.generator.options, maskThreshold: 0.02, minArea: 3 })
  assert.not.equal(after.records, before.records)
})

test('with a calibration each mask has the calibrated IoU beside the predicted one, in every file', async () => {
  const copy = scratch()
  // the predicted IoUs of a toy model are not from 0 to 1
  const knots: [number, number][] = [
    [-9, 0.1],
    [9, 1],
  ]
  await run(copy, { calibration: knots, thresholds: 'tuned somewhere', keepLogits: true })
  const files = await Promise.all(names.map((name) => readProposals(copy, name)))
  const near = (record: ProposalRecord) => Math.abs(record.calibrated_iou! - (0.55 + record.predicted_iou / 20)) < 1e-5
  for (const { records, generator } of files) {
    assert.ok(records.length && records.every(near))
    assert.equal([generator.calibration, generator.thresholds], [knots, 'tuned somewhere'])
  }
  assert.ok((await readCandidates(copy, 'c')).candidates.every(near))
  await refilter(copy, 'c', { maskThreshold: 0.02 }, new Set())
  assert.ok((await readProposals(copy, 'c')).records.every(near), 'also of masks at another threshold')
  await writeCsv(copy, files)
  const [head, row] = readFileSync(join(copy, 'particles.csv'), 'utf8').split('\n')
  const column = (name: string) => Number(row.split(',')[head.split(',').indexOf(name)])
  assert.ok(Math.abs(column('calibrated_iou') - (0.55 + column('predicted_iou') / 20)) < 1e-5)
  const review = await readProposed(copy, 'c')
  assert.ok(
    review!.proposals.every(({ predictedIou, calibratedIou }) =>
      near({ predicted_iou: predictedIou, calibrated_iou: calibratedIou } as ProposalRecord),
    ),
  )
  // another calibration is another result
  assert.is((await run(copy, { calibration: knots, keepLogits: true })).results[0].outcome, 'skipped')
  assert.is((await run(copy)).results[0].outcome, 'done')
  assert.ok((await readProposals(copy, 'c')).records.every(({ calibrated_iou }) => calibrated_iou === undefined))
})

test('masks that a person has reviewed are kept', async () => {
  const copy = scratch()
  await run(copy)
  await mkdir(join(copy, 'review'), { recursive: true })
  writeFileSync(projectFile.log(copy, 'c'), '')
  const before = readFileSync(projectFile.proposals(copy, 'c'), 'utf8')
  const { results } = await run(copy, { again: true })
  assert.is(results.find(({ name }) => name === 'c')!.outcome, 'reviewed')
  assert.is(readFileSync(projectFile.proposals(copy, 'c'), 'utf8'), before)
  assert.is(await refilter(copy, 'c', { predIouThresh: 0.9 }, new Set()), null)
})

test('a run that is stopped keeps its finished images', async () => {
  const controller = new AbortController()
  const copy = scratch()
  const { results, stopped } = await run(copy, {
    signal: controller.signal,
    onProgress: (done) => done >= 1 && controller.abort(new Error('stopped')),
  })
  assert.ok(stopped)
  assert.is(results[0].outcome, 'done')
  assert.ok(existsSync(projectFile.proposals(copy, 'a b')))
  assert.not.ok(existsSync(projectFile.proposals(copy, 'c')))
})

test('learned prompts: files say which box found a mask and how many prompts there were, and filtering keeps it', async () => {
  const labels = { width: 60, height: 40, data: new Uint16Array(2400) }
  for (let i = 0; i < 2400; i++) if (Math.hypot((i % 60) - 20, Math.floor(i / 60) - 20) < 12) labels.data[i] = 1
  const maps = { read: async () => perfectMaps(labels, 48), destroy() {} }
  const learned = await MaskGenerator.create(model, options, maps)
  const there = scratch()
  const inputs = await listInputs([join(images, 'c.png')])
  const { results } = await run(there, { generator: learned, inputs })
  const { prompts, masks, generator: made, records, key } = results[0].file!
  assert.is(made.options.prompts, 'learned')
  assert.ok(prompts === 1 || prompts === 2)
  assert.is(masks, 1 + 3 * (prompts! - 1))
  const boxes = (await readCandidates(there, 'c')).candidates.map(({ box_prompt }) => box_prompt)
  assert.ok(boxes.some((box) => box && box.every((value, i) => Math.abs(value - [8, 8, 24, 24][i]) < 5)))
  assert.ok(records.every(({ point_coords }) => point_coords.length === 1))
  const again = await refilter(there, 'c', { minArea: 1 }, new Set())
  assert.equal(again!.file.records, records)
  const { results: grid } = await run(scratch(), { inputs })
  assert.not.equal(grid[0].file!.key, key)
  learned.destroy()
})

test('labels give scores; COCO, CSV and the report hold every image', async () => {
  const { records } = await readProposals(dir, 'c')
  const truth = { width: 60, height: 40, data: Uint16Array.from(whole(decodeMask(records[0].segmentation))) }
  const inputs = (await listInputs([join(images, 'c.png')])).map((input) => ({ ...input, truth: async () => truth }))
  const { results } = await run(dir, { inputs })
  const [{ scores }] = results
  assert.is(scores!.instances, 1)
  assert.is(scores!.at[1].found, 1)
  assert.is(scores!.masks, records.length)

  const files = await Promise.all(names.map((name) => readProposals(dir, name)))
  await writeCoco(dir, files)
  await writeCsv(dir, files)
  const coco = await readCoco(join(dir, 'annotations.json'))
  assert.equal(
    coco.pictures.map(({ image }) => image.file_name),
    names.map((name) => `${name}.png`),
  )
  const { image, annotations } = coco.pictures[2]
  const third = cocoLabels({ width: image.width!, height: image.height! }, annotations)
  assert.equal(third.data, await storedLabels(projectFile.labels(dir, 'c')))
  const rows = readFileSync(join(dir, 'particles.csv'), 'utf8').trim().split('\n')
  assert.is(rows.length, 1 + files.reduce((sum, file) => sum + file.records.length, 0))
  assert.ok(rows.slice(1).every((row) => row.split(',').length === rows[0].split(',').length))

  const hardware = { adapter: 'x', driver: '', software: true, processor: '', system: '', versions: '' }
  const html = await renderGenerateReport({
    dir,
    results: [...first.results, ...results],
    facts: [],
    hardware,
    command: '<&>',
  })
  assert.match(html, /it(’|'|&#39;|&apos;)s ünï/)
  assert.match(html, /F1 at 0\.5/)
  assert.not.match(html, /<&>/)
})

test.run()
