/** @file The comparison of mask records with those of the reference implementation, and invalid golden files. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeMask } from '../../../engine/masks/rle'
import { MaskGenerator } from '../../../engine/generate/generator'
import { command } from '../../../src/commands/verify'
import { writePng } from '../../../src/images/png-writer'
import { openToy } from '../../support/toy'
import { compareRecords, generatorGoldens, optionsOf } from '../../../src/verify/reference-generator'

const size = { width: 50, height: 40 }
const record = (x0: number, over: object = {}) => {
  const mask = { x0, y0: 5, width: 20, height: 10, data: new Uint8Array(200).fill(1) }
  return {
    segmentation: encodeMask(mask, size),
    area: 200,
    bbox: [x0, 5, 19, 9] as [number, number, number, number],
    predicted_iou: 0.9,
    stability_score: 0.95,
    point_coords: [[x0 + 3, 8]] as [number, number][],
    crop_box: [0, 0, 50, 40] as [number, number, number, number],
    ...over,
  }
}

test('partners agree in mask and scores, in both directions', () => {
  const golden = [record(0), record(10), record(25)]
  const same = compareRecords(golden, [golden[2], golden[0], golden[1]])
  assert.ok(same.passed && same.found === 1 && same.wanted === 1 && same.boxes === 1)
  const off = compareRecords(golden, [
    record(0, { predicted_iou: 0.905 }),
    record(10, { stability_score: 0.93 }),
    record(27),
  ])
  assert.equal([off.missing, off.extra, off.passed], [[1, 2], [1, 2], false])
  assert.ok(Math.abs(off.iouOff - 0.005) < 1e-9)
  assert.is(compareRecords(golden, [...golden, record(30)]).wanted, 0.75)
  assert.is(compareRecords(golden, [...golden, record(30)]).found, 1)
  assert.is(compareRecords(golden, []).passed, false)
  assert.is(compareRecords([], []).passed, true)
  assert.is(compareRecords([record(0)], [record(0, { bbox: [0, 5, 25, 9] })]).boxes, 0)
})

test('parameters are named as in the reference implementation', () => {
  assert.equal(optionsOf({ points_per_side: 16, min_mask_region_area: 4, crop_n_layers: 1 }, 'a.json'), {
    pointsPerSide: 16,
    minMaskRegionArea: 4,
    cropNLayers: 1,
  })
  assert.throws(() => optionsOf({ points: 16 }, 'a.json'), /a.json: the generator has no parameter points/)
})

test('files: one, a folder, another kind, and damaged ones', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'wgsam-golden-'))
  const put = (name: string, text: string) => writeFile(join(dir, name), text)
  const good = { image: 'a.png', params: {}, records: [record(0)] }
  await put('a.json', JSON.stringify(good))
  await put('other.json', '{"heads": 3}')
  assert.is((await generatorGoldens(join(dir, 'a'))).length, 1)
  assert.is((await generatorGoldens(join(dir, 'a.json')))[0].path, join(dir, 'a.json'))
  assert.is((await generatorGoldens(dir)).length, 1)
  assert.equal(await generatorGoldens(join(dir, 'other')), [])
  assert.equal(await generatorGoldens(join(dir, 'nowhere')), [])
  const message = (path: string) =>
    generatorGoldens(path).then(
      () => '',
      (e: Error) => e.message,
    )
  for (const [text, what] of [
    ['{', /not JSON/],
    ['{"params": {}, "records": 3, "image": "a.png"}', /a generator golden has "image"/],
    ['{"params": {}, "records": [{}], "image": "a.png"}', /record 0 is not in the reference implementation's format/],
    ['{"params": {}, "records": [null], "image": "a.png"}', /record 0/],
  ] as const) {
    await put('bad.json', text)
    assert.match(await message(join(dir, 'bad.json')), what)
  }
  await rm(join(dir, 'a.json'))
  await rm(join(dir, 'bad.json'))
  assert.match(await message(dir), /no json with "params" and "records"/)
  await rm(dir, { recursive: true })
})

test('the command: a golden file passes with its own model, and fails if a record differs', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'wgsam-golden-'))
  const image = {
    width: 70,
    height: 50,
    rgb: Uint8Array.from({ length: 10500 }, (_, i) => (Math.floor(i / 3) * 37) % 256),
  }
  const params = {
    points_per_side: 3,
    pred_iou_thresh: 0,
    stability_score_thresh: 0.02,
    stability_score_offset: 0.05,
    mask_threshold: 1,
  }
  const options = {
    pointsPerSide: 3,
    predIouThresh: 0,
    stabilityScoreThresh: 0.02,
    stabilityScoreOffset: 0.05,
    maskThreshold: 1,
  }
  const model = await openToy('toy_vit', 64)
  const generator = await MaskGenerator.create(model, { ...options, outputMode: 'uncompressed_rle' })
  const records = await generator.reference(image)
  assert.ok(records.length > 1)
  generator.destroy()
  model.release()
  await writePng(join(dir, 'scene.png'), { ...image, channels: 3, data: image.rgb })
  await copyFile('golden/files/toy_vit.pth', join(dir, 'toy.pth'))
  const config = JSON.parse(await readFile('golden/files/toy_vit.json', 'utf8'))
  const golden = { ...config, image: 'scene.png', size: [50, 70], checkpoint: 'toy.pth', input: 64, params, records }
  const run = async (over: object) => {
    await writeFile(join(dir, 'scene.json'), JSON.stringify({ ...golden, ...over }))
    const lines: string[] = []
    const log = console.log
    console.log = (line: string) => void lines.push(line)
    try {
      return { code: await command.run({ tolerance: '1e-4' }, [dir]), said: lines.join('\n') }
    } catch (error) {
      return { code: 2, said: (error as Error).message }
    } finally {
      console.log = log
    }
  }
  const good = await run({})
  assert.is(good.code, 0)
  assert.match(
    good.said,
    /^ok .*scene.json: (\d+) records expected, \1 found; 100.0 % of the expected ones and 100.0 % of ours have a partner/,
  )
  const bad = await run({ records: records.map((r) => ({ ...r, predicted_iou: r.predicted_iou + 0.02 })) })
  assert.is(bad.code, 1)
  assert.match(bad.said, /^FAIL .* found; 0.0 % of the expected ones/)
  assert.match((await run({ size: [70, 50] })).said, /size \[70, 50\] is not that of scene.png/)
  assert.match((await run({ params: { points_per_side: -1 } })).said, /scene.json: pointsPerSide must be/)
  assert.match((await run({ params: { pointless: 1 } })).said, /scene.json: the generator has no parameter pointless/)
  assert.match((await run({ image: 'nowhere.png' })).said, /nowhere.png: there is no such file/)
  await rm(dir, { recursive: true })
})

test.run()
