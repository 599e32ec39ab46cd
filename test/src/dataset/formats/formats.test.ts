/** @file Every format there and back, and files as other programs write them. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Rng } from '../../../../engine/rng'
import { maskPolygons } from '../../../../src/dataset/contours'
import { checkDataset } from '../../../../src/dataset/check'
import { openDataset } from '../../../../src/dataset/dataset'
import { readLabels } from '../../../../src/images/read-labels'
import { fillPolygon } from '../../../../src/dataset/fill-polygon'
import { formatNames, formats } from '../../../../src/dataset/formats'
import { ellipse } from '../../../../src/dataset/formats/primitives'
import { yamlNames } from '../../../../src/dataset/formats/yolo'
import { flatCoordinates, singleRing } from '../../../../src/dataset/single-ring'
import { command as exportCommand } from '../../../../src/commands/dataset/export'
import { command as importCommand } from '../../../../src/commands/dataset/import'
import { command as split } from '../../../../src/commands/dataset/split'
import { png8, put, refusal, scratch } from '../../../support/files'
import { discs, pair, picture, run } from '../../../support/dataset-folders'

const [width, height] = [40, 30]
const area = (polygon: number[], side = 400) => {
  let pixels = 0
  fillPolygon(polygon, side, side, (_, __, length) => (pixels += length))
  return pixels
}

test('holes and parts tied into one ring fill to the same pixels', () => {
  const rng = new Rng(5)
  for (let round = 0; round < 60; round++) {
    const [w, h] = [1 + rng.int(14), 1 + rng.int(14)]
    const data = Uint8Array.from({ length: w * h }, () => +(rng.next() < 0.25 + 0.01 * round))
    const ring = flatCoordinates(singleRing(maskPolygons({ x0: 3, y0: 2, width: w, height: h, data })))
    const filled = new Uint8Array(w * h)
    if (ring.length)
      fillPolygon(ring, 30, 30, (y, x, n) => filled.fill(1, (y - 2) * w + x - 3, (y - 2) * w + x - 3 + n))
    assert.equal(filled, data)
  }
  assert.equal(singleRing([]), [])
})

test('ellipses have their area, turned as they are', () => {
  for (const [rx, ry, angle] of [
    [100, 100, 0],
    [30, 12, 0.7],
    [4, 9, 2],
  ]) {
    const pixels = area(ellipse(200.3, 180.8, rx, ry, angle))
    assert.ok(Math.abs(pixels / (Math.PI * rx * ry) - 1) < 0.02, `${pixels} for ${rx} x ${ry}`)
  }
  const flatOne = ellipse(200, 200, 90, 2, 0)
  const turned = ellipse(200, 200, 90, 2, Math.PI / 2)
  const extent = (points: number[], d: number) => Math.max(...points.filter((_, i) => i % 2 === d)) - 200
  assert.ok(Math.abs(extent(flatOne, 0) - 90) < 0.1 && Math.abs(extent(turned, 1) - 90) < 0.1)
})

/** Touching discs, a ring around another instance, one in two pieces, one cut by the corner, one of a pixel, one of noise. */
function hard(): Uint16Array {
  const rng = new Rng(1)
  const data = discs(width, height, [
    { x: 8, y: 8, r: 7, id: 2 },
    { x: 8, y: 8, r: 4, id: 65535 },
    { x: 8, y: 8, r: 1, id: 0 },
    { x: 20, y: 9, r: 5, id: 5 },
    { x: 30, y: 9, r: 5, id: 300 },
    { x: 39, y: 29, r: 6, id: 7 },
    { x: 6, y: 24, r: 3, id: 9 },
    { x: 16, y: 25, r: 3, id: 9 },
  ])
  data[27 * width + 25] = 11
  for (let i = 0; i < data.length; i++) if (!data[i] && i % width > 33 && rng.next() < 0.4) data[i] = 12
  return data
}

const sourceOf: Record<string, string> = {
  coco: 'annotations.json',
  via: 'via.json',
  labelme: 'labelme',
  cvat: 'annotations.xml',
  'label-studio': 'label-studio.json',
  imagej: 'rois',
}

test('every format keeps every pixel there and back', async () => {
  const folder = scratch()
  const names = ['a', `it's a "name", ünï`, 'dot.in.name']
  for (const [i, name] of names.entries()) await pair(folder, name, hard(), { seed: i })
  for (const format of formatNames)
    for (const more of format === 'coco' ? [[], ['--polygons']] : [[]]) {
      const [out, back] = [join(scratch(), format), join(scratch(), 'back')]
      const sent = await run(
        exportCommand,
        '--data',
        folder,
        '--format',
        format,
        '--out',
        out,
        ...more,
        '--with-images',
      )
      assert.is(sent.code, 0, sent.err)
      const from = join(out, sourceOf[format] ?? '')
      // these two are datasets as they are
      if (format === 'coco' || format === 'tiff') assert.is((await openDataset(out)).items.length, 3)
      const got = await run(importCommand, from, '--format', format, '--images', join(out, 'images'), '--out', back)
      assert.is(got.code, 0, got.out)
      assert.match(got.out, /3 images with 24 instances$/)
      assert.equal(readdirSync(join(back, 'images')).length, 3)
      for (const name of names) {
        const { data } = await readLabels(join(back, 'masks', `${name}.png`))
        assert.equal(same(hard(), data), true, `${format} ${more} ${name}`)
        assert.is(new Set(data).size, 9)
        const image = readFileSync(join(back, 'images', `${name}.png`))
        assert.ok(image.equals(readFileSync(join(folder, 'images', `${name}.png`))))
      }
    }
})

/** Whether two label maps part the picture alike, whatever the numbers. */
function same(a: Uint16Array, b: Uint16Array): boolean {
  const to = new Map<number, number>([[0, 0]])
  return a.every((id, i) => (to.has(id) ? to.get(id) === b[i] : b[i] > 0 && !!to.set(id, b[i])))
}

test('a split becomes YOLO folders, or chooses a part', async () => {
  const folder = scratch()
  for (let i = 0; i < 5; i++) await pair(folder, `p${i}`, hard(), { seed: i })
  await run(split, '--data', folder, '--shares', '60,20,20')
  const file = ['--split-file', join(folder, 'split.json')]
  const out = join(scratch(), 'yolo')
  await run(
    exportCommand,
    '--data',
    folder,
    '--format',
    'yolo',
    ...file,
    '--with-images',
    '--out',
    out,
    '--class',
    'grain',
  )
  const count = (path: string) => readdirSync(join(out, path)).length
  assert.equal(['labels/train', 'labels/val', 'labels/test', 'images/train'].map(count), [3, 1, 1, 3])
  const yaml = readFileSync(join(out, 'data.yaml'), 'utf8')
  assert.is(yaml, 'train: images/train\nval: images/val\ntest: images/test\nnames:\n  0: "grain"\n')
  const back = await run(importCommand, out, '--format', 'yolo', '--out', join(scratch(), 'b'), '--class', 'grain')
  assert.match(back.out, /5 images with 40 instances$/)
  const part = ['--part', 'val', '--format', 'coco', '--out', join(scratch(), 'c')]
  assert.match((await run(exportCommand, '--data', folder, ...file, ...part)).out, /1 image with 8 instances$/)
})

/** A folder of one picture p.png, and its imported labels as rows of digits. */
async function imported(format: string, file: string, content: unknown, ...more: string[]) {
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 8, 6, picture(8, 6, 1))
  put(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
  const from = format === 'coco' || format === 'via' ? join(folder, file) : folder
  const out = join(folder, 'out')
  const { code, out: said } = await run(importCommand, from, '--format', format, '--out', out, '--json', ...more)
  const summary = JSON.parse(said)
  const mask = join(out, 'masks/p.png')
  const rows = existsSync(mask)
    ? Array.from((await readLabels(mask)).data)
        .join('')
        .match(/.{8}/g)!
    : []
  return { code, summary, rows, out }
}

const at = { id: 'x', file_name: 'p.png', width: 8, height: 6 }
const square = (x: number, y: number, side: number) => [x, y, x + side, y, x + side, y + side, x, y + side]

test('COCO as others write it: categories, crowds, parts, run lengths of both kinds', async () => {
  const one = (segmentation: unknown, more = {}) => ({ image_id: 'x', category_id: 4, segmentation, ...more })
  const content = {
    images: [at],
    categories: [
      { id: 4, name: 'grain' },
      { id: 5, name: 'pore' },
    ],
    annotations: [
      one([square(0, 0, 2), square(3, 0, 2)]),
      one({ size: [6, 8], counts: [40, 2, 6] }),
      one({ size: [6, 8], counts: [0, 48] }, { iscrowd: 1 }),
      one([], { bbox: [0, 0, 3, 3] }),
      one([square(0, 4, 2)], { category_id: 5 }),
      one([square(50, 50, 2)]),
    ],
  }
  const { code, summary, rows, out } = await imported('coco', 'a.json', content, '--crowds', 'leave-out')
  assert.equal(rows, ['11011000', '11011000', '00000000', '00000000', '33000020', '33000020'])
  assert.equal([code, summary.hidden, summary.leftOut], [0, 1, { 'a crowd region': 1, 'a box without a mask': 1 }])
  assert.equal(summary.classes, { grain: 2, pore: 1 })
  assert.is(readFileSync(join(out, 'classes.csv'), 'utf8'), 'name,label,class\np,1,grain\np,2,grain\np,3,pore\n')
  // nothing says what the crowd is: half of the labels may be such, so somebody has to choose
  const unclear = await imported('coco', 'a.json', content)
  assert.equal([unclear.code, unclear.rows], [1, []])
  assert.match(unclear.summary.problems[0].reason, /1 of its 5 masks are marked as crowds .*--crowds leave-out/)
  const all = await imported('coco', 'a.json', content, '--crowds', 'instances')
  assert.equal([all.code, all.summary.instances], [0, 4])
})

test('masks that CVAT marks as crowds are instances, in import, check and training', async () => {
  const one = (more: object) => ({ image_id: 'x', iscrowd: 1, attributes: { occluded: false }, ...more })
  const segmentation = { size: [6, 8], counts: [0, 2, 4, 2, 40] }
  const annotations = [one({ segmentation }), one({ iscrowd: 0, segmentation: [square(4, 0, 4)] })]
  const { code, summary, rows } = await imported('coco', 'a.json', { images: [at], annotations })
  assert.equal([code, summary.instances, summary.leftOut], [0, 2, {}])
  assert.match(summary.remarks.join(), /1 masks are marked as crowds .* taken as instances/)
  assert.is(rows[0], '11002222')
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 8, 6, picture(8, 6, 1))
  put(join(folder, 'annotations.json'), JSON.stringify({ images: [at], annotations }))
  const dataset = await openDataset(folder)
  assert.equal([dataset.items[0].instances, dataset.remarks.length], [2, 1])
  const report = await checkDataset(folder)
  assert.equal([report.instances, report.errors], [2, 0])
  assert.ok(report.findings.some(({ kind, message }) => kind === 'shapes' && /taken as instances/.test(message)))
  const unclear = annotations.map(({ attributes: _, ...rest }) => rest)
  put(join(folder, 'annotations.json'), JSON.stringify({ images: [at], annotations: unclear }))
  assert.is((await checkDataset(folder)).errors, 1)
  assert.match(await refusal(openDataset(folder)), /1 of its 2 masks are marked as crowds/)
})

test('VIA as others write it: every shape, projects and plain exports, regions in a list or by number', async () => {
  const shape = (name: string, attributes: object) => ({
    shape_attributes: { name, ...attributes },
    region_attributes: { type: 'g' },
  })
  const regions = [
    shape('rect', { x: 0, y: 0, width: 2, height: 2 }),
    shape('polygon', { all_points_x: [6, 8, 8, 6], all_points_y: [0, 0, 2, 2] }),
    shape('circle', { cx: 2, cy: 4, r: 1.5 }),
    shape('ellipse', { cx: 6.5, cy: 4.5, rx: 1.6, ry: 0.6, theta: 0 }),
    shape('polyline', { all_points_x: [3, 5, 5], all_points_y: [0, 0, 2] }),
    shape('point', { cx: 1, cy: 1 }),
    shape('polygon', { all_points_x: [1, 2], all_points_y: [1, 2] }),
  ]
  // the circle's radius ends short of the centres beside its four pixels
  const expected = ['11000022', '11000022', '00000000', '03300000', '03300444', '00000000']
  const image = { filename: 'p.png', size: 12, regions, file_attributes: {} }
  const project = await imported('via', 'a.json', { _via_settings: {}, _via_img_metadata: { 'p.png12': image } })
  assert.equal(project.rows, expected)
  assert.equal(project.summary.leftOut, { 'an open line': 1, 'a point': 1, 'a polygon of fewer than three points': 1 })
  assert.equal(project.summary.classes, { g: 4 })
  const plain = { 'p.png12': { ...image, regions: { ...regions.slice(0, 5) } } }
  const closed = await imported('via', 'a.json', plain, '--close-lines')
  assert.equal(closed.rows[0].slice(3, 5), '55', 'a triangle of three pixels')
})

test('labelme as others write it: shapes, groups, masks, paths of other machines', async () => {
  const mask = await sharp(Buffer.from([0, 255, 255, 255, 255, 0]), { raw: { width: 3, height: 2, channels: 1 } })
    .png()
    .toBuffer()
  const shape = (shape_type: string | null, points: number[][], more = {}) => ({
    label: 'g',
    points,
    shape_type,
    ...more,
  })
  const shapes = [
    shape(
      'polygon',
      [
        [0, 0],
        [2, 0],
        [2, 1],
        [0, 1],
      ],
      { group_id: 3 },
    ),
    shape(
      null,
      [
        [0, 2],
        [2, 2],
        [2, 3],
        [0, 3],
      ],
      { group_id: 3 },
    ),
    shape('rectangle', [
      [8, 2],
      [6, 0],
    ]),
    shape(
      'mask',
      [
        [5, 3],
        [7, 4],
      ],
      { mask: mask.toString('base64') },
    ),
    shape('circle', [
      [2, 4.5],
      [3, 4.5],
    ]),
    shape('point', [[1, 1]]),
    shape('line', [
      [1, 1],
      [2, 2],
    ]),
  ]
  const file = {
    version: '4.0.0',
    imagePath: '..\\scans\\p.png',
    imageData: null,
    imageWidth: 8,
    imageHeight: 6,
    shapes,
  }
  const { rows, summary, code } = await imported('labelme', 'p.json', file)
  assert.equal(rows, ['11000022', '00000022', '11000000', '00000033', '04400330', '00000000'])
  assert.equal([code, summary.leftOut], [0, { 'a point': 1, 'a line': 1 }])
})

test('labelme: rectangles of four corners, masks of 16 bits, images inside the JSON; an SVG is no mask', async () => {
  const corners = [[0, 0], [2, 0], [2, 2], [0, 2]] // prettier-ignore
  const tilted = [[4, 0], [6, 2], [4, 4], [2, 2]] // prettier-ignore
  const box = [[5, 4], [7, 5]] // prettier-ignore
  const mask = sharp(Uint16Array.of(0, 3, 3, 3, 3, 0), { raw: { width: 3, height: 2, channels: 1 } })
  const png = await mask.toColourspace('grey16').png().toBuffer()
  const svg = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="3" height="2"><rect width="3" height="2"/></svg>',
  )
  const shape = (shape_type: string, points: number[][], more = {}) => ({ label: 'g', shape_type, points, ...more })
  const shapes = [
    shape('rectangle', corners),
    shape('rotation', tilted),
    shape('mask', box, { mask: png.toString('base64') }),
    shape('mask', box, { mask: svg.toString('base64') }),
  ]
  const file = { imagePath: 'p.png', imageData: null, imageWidth: null, imageHeight: null, shapes }
  const { rows, code, summary } = await imported('labelme', 'p.json', file)
  assert.equal(rows, ['11020000', '11222000', '00222000', '00020000', '00000033', '00000330'])
  assert.is(code, 1)
  assert.match(summary.problems[0].reason, /1 of its 4 shapes cannot be used: shape 4: its mask is not a PNG/)

  const [folder, inside] = [scratch(), join(scratch(), 'inside.png')]
  await png8(inside, 8, 6, picture(8, 6, 2))
  const imageData = readFileSync(inside).toString('base64')
  put(
    join(folder, 'q.json'),
    JSON.stringify({ ...file, imagePath: '..\\q.png', imageData, shapes: shapes.slice(0, 1) }),
  )
  put(join(folder, 'r.json'), JSON.stringify({ ...file, imagePath: 'r.png', imageData: 'AAAA', shapes: [] }))
  const out = join(folder, 'out')
  const { code: exit, out: said } = await run(importCommand, folder, '--format', 'labelme', '--out', out, '--json')
  assert.is(exit, 1)
  assert.match(JSON.parse(said).problems[0].reason, /no image "r.png".*image inside the annotation file is none/)
  assert.equal([readdirSync(out).sort(), readdirSync(join(out, 'images'))], [['images', 'masks'], ['q.png']])
  assert.ok(readFileSync(join(out, 'images/q.png')).equals(readFileSync(inside)))
})

test('names of classes may be those of every object', async () => {
  const annotations = ['constructor', '__proto__'].map((_, i) => ({
    image_id: 'x',
    category_id: i,
    segmentation: [square(3 * i, 0, 2)],
  }))
  const categories = ['constructor', '__proto__'].map((name, id) => ({ id, name }))
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 8, 6, picture(8, 6, 1))
  const from = put(join(folder, 'a.json'), JSON.stringify({ images: [at], annotations, categories }))
  const { out } = await run(importCommand, from, '--format', 'coco', '--out', join(folder, 'out'))
  assert.match(out, /class of each label: constructor 1, __proto__ 1/)
})

test('YOLO as others write it: names, boxes, blank lines', async () => {
  const lines = ['1 0 0 0.25 0 0.25 0.5 0 0.5', '', '0 0.5 0.5 0.2 0.2', '7 0.75 0 1 0 1 0.5 0.75 0.5\r']
  const folder = scratch()
  mkdirSync(join(folder, 'images/train'), { recursive: true })
  await png8(join(folder, 'images/train/p.png'), 8, 6, picture(8, 6, 1))
  put(join(folder, 'labels/train/p.txt'), lines.join('\n'))
  put(join(folder, 'data.yaml'), 'train: images/train\nnames: [\'pore\', "grain"]\n')
  const { out } = await run(importCommand, folder, '--format', 'yolo', '--out', join(folder, 'out'), '--json')
  const { classes, leftOut, instances } = JSON.parse(out)
  assert.equal([instances, classes, leftOut], [2, { grain: 1, 7: 1 }, { 'a box without a mask': 1 }])
  const { data } = await readLabels(join(folder, 'out/masks/p.png'))
  assert.equal([...data.slice(0, 8)], [1, 1, 0, 0, 0, 0, 2, 2])
  assert.equal(
    [...yamlNames('nc: 2\nnames:\n  0: a\n  1: "b c"\nval: x')],
    [
      [0, 'a'],
      [1, 'b c'],
    ],
  )
  assert.equal(
    [...yamlNames("names:\n- a\n- 'b'\nval: x\n- c")],
    [
      [0, 'a'],
      [1, 'b'],
    ],
  )
})

test('label maps: suffixes, and masks of all particles parted into pieces', async () => {
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), 8, 6, picture(8, 6, 1))
  const mask = Array.from({ length: 48 }, (_, i) => ([0, 3].includes((i % 8) >> 1) ? 255 : 0))
  await png8(join(folder, 'scans/p_mask.png'), 8, 6, mask)
  const args = [join(folder, 'scans'), '--format', 'labels', '--images', join(folder, 'images'), '--suffix', '_mask']
  const { out } = await run(importCommand, ...args, '--split-pieces', '--out', join(folder, 'out'))
  assert.match(out, /1 image with 2 instances$/)
  const { data } = await readLabels(join(folder, 'out/masks/p.png'))
  assert.equal([...data.slice(8, 16)], [1, 1, 0, 0, 0, 0, 2, 2])
  assert.equal(Object.keys(formats).length, formatNames.length)
})

test.run()
