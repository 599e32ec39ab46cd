/** @file Annotations that are damaged or mean harm: what is wrong is named, the rest is written, nothing is left half done. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fillPolygon } from '../../../../src/dataset/fill-polygon'
import { formatNames } from '../../../../src/dataset/formats'
import { parseYolo } from '../../../../src/dataset/formats/yolo'
import { ImageFolder } from '../../../../src/dataset/image-folder'
import { command as exportCommand } from '../../../../src/commands/dataset/export'
import { command as importCommand } from '../../../../src/commands/dataset/import'
import { png16, png8, put, refusal, scratch } from '../../../support/files'
import { pair, picture, run } from '../../../support/dataset-folders'

const [width, height] = [8, 6]
const names = ['good', 'two', 'three', 'four', 'five', `it's "six" ü`]

/** A folder with the images above. */
async function folderOfImages(): Promise<string> {
  const folder = scratch()
  for (const [i, name] of names.entries())
    await png8(join(folder, 'images', `${name}.png`), width, height, picture(width, height, i))
  put(join(folder, 'images/broken.png'), 'no picture')
  return folder
}

const box = [[1, 1, 4, 1, 4, 4, 1, 4]]

async function importAll(folder: string, format: string, from: string, ...more: string[]) {
  const out = join(folder, 'out')
  const { code, out: said } = await run(importCommand, from, '--format', format, '--out', out, '--json', ...more)
  const written = existsSync(out) ? readdirSync(join(out, 'images')).sort() : []
  if (written.length) {
    assert.equal(readdirSync(join(out, 'masks')).sort(), written, 'every picture has its labels')
    assert.equal(readdirSync(out).sort(), ['images', 'masks'])
  }
  const summary = JSON.parse(said)
  const reasons: string[] = summary.problems.map((p: { where: string; reason: string }) => `${p.where}: ${p.reason}`)
  return { code, summary, written, reasons: reasons.join('\n'), count: reasons.length }
}

test('COCO: one bad image or entry never stops the rest', async () => {
  const folder = await folderOfImages()
  const images = [
    { id: 1, file_name: 'good.png', width, height },
    { id: 2, file_name: '../../secret.png', width, height },
    { id: 3, file_name: '/etc/passwd', width, height },
    { id: 4, file_name: 'absent.png', width, height },
    { id: 5, file_name: 'broken.png', width, height },
    { id: 6, file_name: 'two.png', width: 9, height },
    { id: 7, file_name: 'three.png', width, height },
    { id: 8, file_name: 'four.png', width, height },
    { id: 9, file_name: 'five.png', width: -1, height },
    { id: 9, file_name: 'five.png', width, height },
    { id: 10, file_name: names[5] + '.png', width, height },
    { id: 11, file_name: 'good.png', width, height },
    { id: 12, file_name: 'https://example.org/good.png', width, height },
    'no image',
  ]
  const of = (image_id: unknown, segmentation: unknown) => ({ image_id, segmentation })
  const annotations = [
    ...images.flatMap((image) => (typeof image === 'string' ? [] : [of(image.id, box)])),
    of(7, [[1, 1, 2]]),
    of(7, [[1, 1, 2]]),
    of(8, [[0, 0, null, 1, 2, 2]]),
    of(8, [[0, 0, null, 1, 2, 2]]),
    of(99, box),
    null,
    of(10, { size: [6, 8], counts: 'o' }),
    of(10, { size: [6, 8], counts: 'o' }),
    of(1, [[0, 0, null, 1, 2, 2]]),
  ]
  const path = put(join(folder, 'a.json'), JSON.stringify({ images, annotations }))
  const { code, written, reasons } = await importAll(folder, 'coco', path)
  // five.png is described a second time, without the damage
  assert.equal([code, written], [1, ['five.png', 'good.png']])
  for (const reason of [
    /no image "\.\.\/\.\.\/secret\.png" in .*, looked for as "secret\.png"/,
    /no image "\/etc\/passwd" in/,
    /image 1: 1 of its 2 shapes cannot be used: annotations\.\d+: polygon 1 .* null, not a number; the others are imported/,
    /no image "absent\.png"/,
    /cannot read the image .*broken\.png/,
    /annotated at 9x6 pixels, the image is 8x6/,
    /image 7: 2 of its 3 shapes cannot be used: annotations\.\d+: polygon 1 .* needs x, y pairs/,
    /image 8: 2 of its 3 shapes cannot be used/,
    /images\.8: width is -1, not a number of pixels/,
    /image 99, which is not listed/,
    /image missing, which is not listed/,
    /run lengths are damaged/,
    /good\.png is annotated twice/,
    /image 12: .*good\.png is annotated twice/,
    /images\.13/,
  ])
    assert.match(reasons, reason)
})

test('files that are no annotations at all', async () => {
  const folder = await folderOfImages()
  for (const content of ['', '{', '[]', '{}', 'null', '{"images":{},"annotations":[]}', '\u0000\u0001']) {
    const path = put(join(folder, 'a.json'), content)
    for (const format of ['coco', 'via'])
      assert.match(
        await refusal(importAll(folder, format, path)),
        new RegExp(`cannot use .*a\\.json as ${format}`, 'i'),
      )
    const empty = scratch()
    put(join(empty, 'a.json'), content)
    const { code, reasons } = await importAll(empty, 'labelme', empty, '--images', join(folder, 'images'))
    assert.is(code, 1)
    assert.match(reasons, /a\.json: it/)
  }
  const none = scratch()
  const images = ['--images', join(folder, 'images')]
  assert.match(await refusal(importAll(folder, 'labelme', none, ...images)), /no labelme files/)
  assert.match(await refusal(importAll(folder, 'yolo', none, ...images)), /no YOLO labels/)
  assert.match(await refusal(importAll(folder, 'labels', none, ...images)), /no label maps/)
  assert.match(await refusal(importAll(folder, 'labels', join(none, 'x'), ...images)), /there is no .*x/)
  assert.match(await refusal(importAll(folder, 'coco', none, ...images)), /no COCO files/)
  const sound = put(join(folder, 'sound.json'), '{"images":[{"id":1,"file_name":"a.png"}],"annotations":[]}')
  assert.match(await refusal(importAll(folder, 'coco', sound, '--images', none)), /no images in/)
  assert.match(await refusal(importAll(folder, 'coko', none)), /did you mean coco/)
  assert.not.ok(existsSync(join(folder, 'out')))
  mkdirSync(join(folder, 'out/masks'), { recursive: true })
  assert.match(await refusal(importAll(folder, 'coco', put(join(folder, 'a.json'), '{}'))), /masks exists already/)
})

test('VIA and labelme: damaged shapes take their own image only', async () => {
  const folder = await folderOfImages()
  const via = (name: string, attributes: unknown) => ({
    filename: `${name}.png`,
    size: 1,
    regions: [{ shape_attributes: attributes }],
  })
  const polygon = (x: unknown, y: unknown) => ({ name: 'polygon', all_points_x: x, all_points_y: y })
  const path = put(
    join(folder, 'a.json'),
    JSON.stringify({
      a: via('good', polygon([1, 4, 4], [1, 1, 4])),
      b: via('two', polygon([1, 4, 4], [1, 1])),
      c: via('three', polygon([1, 'x', 4], [1, 1, 4])),
      d: via('four', null),
      e: { ...via('five', null), regions: 'none' },
      f: { size: 1, regions: [] },
      g: via(`../${names[5]}`, polygon([1, 4, 4], [1, 1, 4])),
      h: via('two', { name: 'ellipse', cx: 1, cy: 1, rx: 1e400, ry: 1 }),
    }),
  )
  const first = await importAll(folder, 'via', path)
  assert.equal([first.code, first.written, first.count], [1, ['good.png', names[5] + '.png'].sort(), 6])
  for (const reason of [
    /3 values of x and 2 of y/,
    /all_points_x\[1\] is "x"/,
    /region 1: it has no shape_attributes/,
    /regions are not a list/,
    /f: it has no filename/,
    /rx is null/,
  ])
    assert.match(first.reasons, reason)

  const other = await folderOfImages()
  const labelme = (name: string, shapes: unknown, more = {}) =>
    put(join(other, 'json', `${name}.json`), JSON.stringify({ imagePath: `${name}.png`, shapes, ...more }))
  const mask = (points: number[][], text: unknown) => [{ label: 'g', shape_type: 'mask', points, mask: text }]
  labelme('good', [
    {
      label: 'g',
      points: [
        [1, 1],
        [4, 1],
        [4, 4],
      ],
    },
  ])
  labelme('two', [
    {
      label: 'g',
      points: [
        [1, 1],
        [4, null],
        [4, 4],
      ],
    },
  ])
  labelme(
    'three',
    mask(
      [
        [0, 0],
        [900000, 900000],
      ],
      'AAAA',
    ),
  )
  labelme(
    'four',
    mask(
      [
        [0, 0],
        [3, 3],
      ],
      'not a PNG',
    ),
  )
  labelme('five', [], { imageWidth: 'wide', imageHeight: 6 })
  put(join(other, 'json/six.json'), '{"shapes":[]}')
  put(join(other, 'json/empty.json'), JSON.stringify({ imagePath: `${names[5]}.png`, shapes: [] }))
  const second = await importAll(other, 'labelme', join(other, 'json'), '--images', join(other, 'images'))
  assert.equal([second.code, second.written, second.count], [1, ['good.png'], 5])
  assert.equal(second.summary.empty, [`${names[5]}.png`])
  for (const reason of [
    /points\[1\]\[1\] is null/,
    /is not inside the image/,
    /shape 1: /,
    /imageWidth is "wide"/,
    /no imagePath/,
  ])
    assert.match(second.reasons, reason)
})

test('YOLO: lines are named', () => {
  const damaged = (text: string) => parseYolo(text, width, height, new Map()).damaged!.join()
  assert.match(damaged('0 0.1 0.1 0.5 0.1 0.5 nan'), /line 1: "nan" is not a number/)
  assert.match(damaged('0 0.1 0.1 0.5 0.1 0.5 0.5\n-1 0 0 1 0 1 1'), /^line 2: its class is "-1"/)
  assert.match(damaged('0 10 10 50 10 50 50'), /10 is not a fraction/)
  assert.match(damaged('0 0.1 0.1 0.5 0.1 0.5'), /has 5 numbers/)
  assert.match(damaged('grain 0.1'), /its class is "grain"/)
  assert.equal(parseYolo('\ufeff\n \n', width, height, new Map()), { shapes: [], leftOut: [], damaged: [] })
})

test('65,535 instances are the most; polygons may be huge but not endless', async () => {
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 300, 300, picture(300, 300, 1))
  await png8(join(folder, 'images/q.png'), 300, 300, picture(300, 300, 2))
  const pixel = (i: number) =>
    [[i % 300, Math.floor(i / 300)]].map(([x, y]) => [x, y, x + 1, y, x + 1, y + 1, x, y + 1])
  const list = (image_id: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ image_id, segmentation: pixel(i) }))
  const images = ['p', 'q'].map((name, i) => ({ id: i, file_name: `${name}.png`, width: 300, height: 300 }))
  const annotations = [...list(0, 65535), ...list(1, 65536)]
  const path = put(join(folder, 'a.json'), JSON.stringify({ images, annotations }))
  const { written, reasons, summary } = await importAll(folder, 'coco', path)
  assert.equal([written, summary.instances], [['p.png'], 65535])
  assert.match(reasons, /65536 annotations: a label map can hold 65535/)
  const sent = await run(
    exportCommand,
    '--data',
    join(folder, 'out'),
    '--format',
    'yolo',
    '--out',
    join(folder, 'yolo'),
  )
  assert.match(sent.out, /1 image with 65,535 instances$/)

  const zigzag = Array.from({ length: 8000 }, (_, i) => [i, i % 2 ? 20000 : 0]).flat()
  let pixels = 0
  assert.throws(() => fillPolygon(zigzag, 20000, 20000, (_, __, n) => (pixels += n)), /crosses too many rows/)
  assert.is(pixels, 0)
  const huge = Array.from({ length: 200_000 }, (_, i) => [50 + 40 * Math.cos(i / 31831), 50 + 40 * Math.sin(i / 31831)])
  fillPolygon(huge.flat(), 100, 100, (_, __, n) => (pixels += n))
  assert.ok(Math.abs(pixels / (Math.PI * 1600) - 1) < 0.01, `${pixels} pixels in a circle of 200,000 points`)
  pixels = 0
  fillPolygon([0, 0, 1e300, 0, 1e300, 1e300, -1e300, 1e300], 50, 50, (_, __, n) => (pixels += n))
  assert.ok(pixels > 2000)
})

test('names are looked for in the folder alone', async () => {
  const folder = scratch()
  for (const path of ['a/p.png', 'b/p.png', 'b/q.png', 'b/deep/q.tif', 'r.s.png'])
    await png8(join(folder, path), width, height, picture(width, height, 1))
  await png16(join(folder, '.hidden.png'), 1, 1, [0])
  writeFileSync(join(folder, 'notes.txt'), '')
  const images = await ImageFolder.open(folder)
  const found = (name: string, byStem?: boolean) => images.find(name, byStem).slice(folder.length + 1)
  assert.equal(
    ['a/p.png', './a/p.png', 'b\\p.png', 'elsewhere/q.png', 'b/../r.s.png'].map((name) => found(name)),
    ['a/p.png', 'a/p.png', 'b/p.png', 'b/q.png', 'r.s.png'],
  )
  assert.equal(
    [found('b/q', true), found('b/deep/q', true), found('r.s', true)],
    ['b/q.png', 'b/deep/q.tif', 'r.s.png'],
  )
  assert.throws(() => found('p.png'), /"p\.png" is ambiguous: it may be a\/p\.png or b\/p\.png/)
  assert.throws(() => found('.hidden.png'), /no image/)
  assert.throws(() => found('notes.txt'), /no image/)
  // of paths that lead out, and of URLs, the name alone is looked for, in the folder
  for (const name of [
    '../../r.s.png',
    'a/../../r.s.png',
    '..\\..\\media\\r.s.png',
    'C:\\scans\\r.s.png',
    '/r.s.png',
    'https://example.org/x/r.s.png?token=1#top',
    's3://bucket/r%2Es.png',
    '/data/local-files/?d=scans%2Fr.s.png',
    'R.S.PNG',
  ])
    assert.is(found(name), 'r.s.png', name)
  for (const name of ['..', '/etc/passwd', '../none.png', '', '.', '%'])
    assert.throws(() => found(name), /no image/, name)
  await png8(join(folder, 'pe\u0301.png'), width, height, picture(width, height, 1))
  const decomposed = await ImageFolder.open(folder)
  for (const name of ['p\u00e9.png', 'pe\u0301.png']) assert.is(decomposed.find(name), join(folder, 'pe\u0301.png'))
  assert.is(decomposed.find('p\u00e9', true), join(folder, 'pe\u0301.png'))
})

test('export: bad pairs are listed, the rest is written, a full folder is refused', async () => {
  const folder = scratch()
  const labels = new Uint16Array(1200).fill(1, 100, 400)
  await pair(folder, 'good', labels)
  await pair(folder, 'empty', new Uint16Array(1200))
  for (const format of formatNames) {
    const out = join(folder, format)
    const { code, out: said } = await run(exportCommand, '--data', folder, '--format', format, '--out', out, '--json')
    const { images, problems } = JSON.parse(said)
    assert.equal([code, images, problems.length, problems[0].where], [1, 1, 1, 'empty'])
    assert.match(await refusal(run(exportCommand, '--data', folder, '--format', format, '--out', out)), /not empty/)
  }
})

test.run()
