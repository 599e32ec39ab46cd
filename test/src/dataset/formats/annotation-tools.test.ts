/** @file CVAT's XML, Label Studio's JSON and ImageJ's ROI sets as these programs write them, and damaged ones. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { zipOf } from '../../../../src/host/zip-writer'
import { readLabels } from '../../../../src/images/read-labels'
import { decodeBrush } from '../../../../src/dataset/formats/label-studio-brush'
import { command as importCommand } from '../../../../src/commands/dataset/import'
import { png8, put, refusal, scratch } from '../../../support/files'
import { picture, run } from '../../../support/dataset-folders'

const [width, height] = [8, 6]

/** Imports annotations of one image, p.png of 8 x 6 pixels; its labels as rows of digits. */
async function imported(format: string, file: string, content: string | Uint8Array, ...more: string[]) {
  const folder = scratch()
  await png8(join(folder, 'images/p.png'), width, height, picture(width, height, 1))
  put(join(folder, file), content)
  const [out, from] = [join(folder, 'out'), format === 'imagej' ? join(folder, 'rois') : join(folder, file)]
  const images = ['--images', join(folder, 'images')]
  const { code, out: said } = await run(
    importCommand,
    from,
    '--format',
    format,
    '--out',
    out,
    ...images,
    '--json',
    ...more,
  )
  const mask = join(out, 'masks/p.png')
  const digits = existsSync(mask) ? Array.from((await readLabels(mask)).data).join('') : ''
  const summary = JSON.parse(said)
  const reasons = summary.problems.map((p: { where: string; reason: string }) => `${p.where}: ${p.reason}`).join('\n')
  return { code, summary, rows: digits.match(/.{8}/g) ?? [], reasons }
}

const cvatFile = (shapes: string, name = 'p.png') =>
  `<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta><task><name>a &lt; b</name></task></meta>
  <!-- <image> --> <image id="0" name="${name}" width="8" height="6">${shapes}</image>\n</annotations>\n`

test('CVAT: polygons, masks, boxes, ellipses, groups; what is no mask is counted', async () => {
  const { code, rows, summary } = await imported(
    'cvat',
    'a.xml',
    cvatFile(`
    <polygon label="a &amp; b" source="manual" occluded="0" points="0.00,0.00;2.00,0.00;2.00,2.00;0.00,2.00" z_order="0"></polygon>
    <mask label="g" source="semi-auto" occluded="0" rle="1, 4, 1" left="5" top="0" width="3" height="2" z_order="0"></mask>
    <box label='g' occluded="0" xtl="0.00" ytl="4.00" xbr="2.00" ybr="6.00" z_order="0"><attribute name="x">1</attribute></box>
    <polygon label="g" points="4,3;5,3;5,4;4,4" group_id="7"/>
    <polygon label="g" points="6,3;7,3;7,4;6,4" group_id="7"/>
    <box label="g" xtl="4" ytl="4.5" xbr="7" ybr="5.5" rotation="90"/>
    <polyline label="g" points="1,1;2,2;3,3"/>
    <points label="g" points="1,1"/>`),
  )
  // the last box stands upright: x from 5 to 6, y from 3.5 to 6.5; its pixel centres are those of rows 4 to 5, and of row 3
  assert.equal(rows, ['11000022', '11000220', '00000000', '00004540', '33000500', '33000500'])
  assert.equal([code, summary.leftOut], [0, { 'an open line': 1, 'a shape named "points"': 1 }])
  assert.equal(summary.classes, { 'a & b': 1, g: 4 })
})

test('CVAT: one damaged shape is left out; other files are named', async () => {
  const square = '<polygon label="g" points="0,0;2,0;2,2;0,2"/>'
  const bad = await imported('cvat', 'a.xml', cvatFile(`${square}${square}<polygon label="g" points="0,0;2,x;2,2"/>`))
  assert.equal([bad.code, bad.summary.images], [1, 1])
  assert.match(bad.reasons, /1 of its 3 shapes cannot be used: shape 3, a polygon: the point "2,x" is not a pair/)
  for (const [shape, reason] of [
    ['<mask label="g" rle="9, 9" left="7" top="0" width="3" height="2"/>', /not inside the image/],
    ['<mask label="g" rle="1, 9" left="0" top="0" width="3" height="2"/>', /the run length "9" does not fit/],
    ['<mask label="g" rle="x" left="0" top="0" width="3" height="2"/>', /the run length "x"/],
    ['<ellipse label="g" cx="1" cy="1" rx="NaN" ry="2"/>', /rx is "NaN", not a number/],
    ['<box label="g" xtl="1"/>', /ytl is missing/],
  ] as const)
    assert.match((await imported('cvat', 'a.xml', cvatFile(shape))).reasons, reason)
  for (const [content, reason] of [
    [
      '<annotations><track id="0" label="g"></track></annotations>',
      /CVAT for video.*export the task as "CVAT for images/,
    ],
    ['{}', /no element <annotations>/],
    ['<annotations></annotations>', /contains no image/],
    ['<annotations><image id="0" name="p.png', /the XML is damaged at character 14/],
    ['<annotations><!-- ', /does not end/],
  ] as const)
    assert.match(await refusal(imported('cvat', 'a.xml', content)), reason)
})

/** Label Studio's packed code of RGBA values, as its editor writes it. */
function packBrush(mask: number[], literal = false): number[] {
  const values = mask.flatMap((v) => [v, v, v, v].map((x) => 255 * x))
  const bits: number[] = []
  const put = (value: number, count: number) => {
    for (let i = count - 1; i >= 0; i--) bits.push(Math.floor(value / 2 ** i) % 2)
  }
  put(values.length, 32)
  put(7, 5)
  for (const size of [3, 4, 8, 16]) put(size - 1, 4)
  for (let at = 0; at < values.length;) {
    let length = 1
    while (!literal && at + length < values.length && values[at + length] === values[at]) length++
    if (literal) length = Math.min(5, values.length - at)
    const size = [3, 4, 8, 16].findIndex((n) => length - 1 < 2 ** n)
    put(+!literal, 1)
    put(size, 2)
    put(length - 1, [3, 4, 8, 16][size])
    for (const value of literal ? values.slice(at, at + length) : [values[at]]) put(value, 8)
    at += length
  }
  while (bits.length % 8) bits.push(0)
  return Array.from({ length: bits.length / 8 }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8).join(''), 2))
}

test("Label Studio's brush masks, repeated and literal", () => {
  const mask = Array.from({ length: 48 }, (_, i) => +(i % 7 < 2))
  for (const literal of [false, true]) assert.equal([...decodeBrush(packBrush(mask, literal), 48)], mask)
  assert.throws(() => decodeBrush(packBrush(mask), 47), /has 48 pixels, the image 47/)
  assert.throws(() => decodeBrush(packBrush(mask).slice(0, 20), 48), /cut off/)
  assert.throws(() => decodeBrush([1, 2, 300], 48), /rle\[2\] is 300/)
  assert.throws(() => decodeBrush('abc', 48), /not a list of bytes/)
})

const result = (id: string, type: string, value: object, more = {}) => ({
  id,
  type,
  value,
  original_width: 8,
  original_height: 6,
  image_rotation: 0,
  from_name: 'l',
  to_name: 'i',
  ...more,
})
const brush = Array.from({ length: 48 }, (_, i) => +(i % 8 > 5 && i < 16))
const value = {
  polygon: { points: [[0, 0], [25, 0], [25, 100 / 3], [0, 100 / 3]], closed: true, polygonlabels: ['a'] }, // prettier-ignore
  brush: { format: 'rle', rle: packBrush(brush), brushlabels: ['b'] },
  rectangle: { x: 0, y: 100 / 1.5, width: 25, height: 100 / 3, rotation: 0, rectanglelabels: ['a'] },
}

test('Label Studio: JSON with labels in separate results, and JSON-MIN', async () => {
  const task = {
    id: 3,
    data: { note: 'x', image: '/data/upload/4/0123abcd-p.png' },
    annotations: [
      { id: 1, was_cancelled: true, result: [result('x', 'polygonlabels', value.polygon)] },
      {
        id: 2,
        result: [
          result('p', 'polygonlabels', value.polygon),
          result('b', 'brush', { ...value.brush, brushlabels: undefined }),
          result('b', 'labels', { labels: ['b'] }),
          result('r', 'rectanglelabels', value.rectangle),
          result('k', 'keypointlabels', { x: 1, y: 1, width: 1 }),
          result('c', 'choices', { choices: ['good'] }),
          { type: 'relation', from_id: 'p', to_id: 'b' },
        ],
      },
    ],
  }
  const expected = ['11000022', '11000022', '00000000', '00000000', '33000000', '33000000']
  const full = await imported('label-studio', 'a.json', JSON.stringify([task]))
  assert.equal([full.code, full.rows, full.reasons], [0, expected, ''])
  assert.equal([full.summary.leftOut, full.summary.classes], [{ 'a point': 1 }, { a: 2, b: 1 }])
  const size = { original_width: 8, original_height: 6 }
  const min = {
    id: 3,
    image: 'https://host/x/p.png?sig=1',
    label: [value.polygon, value.brush, value.rectangle].map((v) => ({ ...v, ...size })),
  }
  assert.equal((await imported('label-studio', 'a.json', JSON.stringify([min]))).rows, expected)
})

test('Label Studio: turned shapes, and what is unclear', async () => {
  const tasks = (results: object[], more: object[] = []) =>
    JSON.stringify([{ id: 3, data: { image: 'p.png' }, annotations: [{ id: 1, result: results }, ...more] }])
  // turned by 90° about its upper left corner, a lying rectangle stands to the left of it
  const turned = { x: 50, y: 0, width: 50, height: 100 / 6, rotation: 90, rectanglelabels: ['a'] }
  const standing = await imported('label-studio', 'a.json', tasks([result('r', 'rectanglelabels', turned)]))
  assert.equal(standing.rows, ['00010000', '00010000', '00010000', '00010000', '00000000', '00000000'])
  const polygon = result('p', 'polygonlabels', value.polygon)
  const twice = await imported('label-studio', 'a.json', tasks([polygon], [{ id: 2, result: [polygon] }]))
  assert.match(twice.reasons, /task 3: 2 people annotated it, .*\(1, 2\): mark one as ground truth/)
  const truth = await imported(
    'label-studio',
    'a.json',
    tasks([polygon], [{ id: 2, ground_truth: true, result: [polygon] }]),
  )
  assert.is(truth.summary.instances, 1)
  const rotated = await imported('label-studio', 'a.json', tasks([{ ...polygon, image_rotation: 90 }]))
  assert.match(rotated.reasons, /turned by 90°/)
  const damaged = result('q', 'polygonlabels', { points: [[0, 0], [1, null], [1, 1]] }) // prettier-ignore
  const one = await imported('label-studio', 'a.json', tasks([polygon, damaged]))
  assert.equal([one.code, one.summary.instances], [1, 1])
  assert.match(one.reasons, /1 of its 2 shapes cannot be used: result q: points\[1\]\[1\] is null, not a number/)
  for (const [content, reason] of [
    ['{}', /not a list of tasks/],
    ['[]', /contains no task/],
    ['[1]', /not a list of tasks/],
  ] as const)
    assert.match(await refusal(imported('label-studio', 'a.json', content)), reason)
  assert.match((await imported('label-studio', 'a.json', '[{"id":9,"data":{"text":"x"}}]')).reasons, /name no image/)
})

/** A .roi file: big-endian, the header of 64 bytes, then coordinates. */
function roi(
  type: number,
  [top, left, bottom, right]: number[],
  fields: [number, 's' | 'i' | 'f', number][] = [],
  data: [string, number[]] = ['s', []],
) {
  // prettier-ignore
  const [kind, values] = data
  const file = Buffer.alloc(64 + values.length * (kind === 's' ? 2 : 4))
  file.write('Iout')
  file.writeUInt16BE(228, 4)
  file[6] = type
  ;[top, left, bottom, right].forEach((value, i) => file.writeInt16BE(value, 8 + 2 * i))
  for (const [at, size, value] of fields)
    if (size === 's') file.writeInt16BE(value, at)
    else if (size === 'i') file.writeInt32BE(value, at)
    else file.writeFloatBE(value, at)
  values.forEach((v, i) => (kind === 's' ? file.writeInt16BE(v, 64 + 2 * i) : file.writeFloatBE(v, 64 + 4 * i)))
  return file
}
const rectangleRoi = roi(1, [0, 0, 2, 2])

test('ImageJ: rectangles, ovals, polygons with and without parts of pixels, composites with holes, lines and points', async () => {
  const members = {
    rectangle: rectangleRoi,
    polygon: roi(0, [0, 6, 2, 8], [[16, 's', 4]], ['s', [0, 2, 2, 0, 0, 0, 2, 2]]),
    // the integers are rounded; the floats after them count
    subpixel: roi(7, [3, 0, 6, 2], [[16, 's', 4], [50, 's', 128]], ['s', [0, 9, 9, 0, 0, 0, 9, 9]]), // prettier-ignore
    oval: roi(2, [3, 6, 5, 8]),
    // a ring of 3 x 3 pixels around one
    composite: roi(1, [3, 3, 6, 6], [[36, 'i', 26]], ['f', [0, 3, 3, 1, 6, 3, 1, 6, 6, 1, 3, 6, 4, 0, 4, 4, 1, 4, 5, 1, 5, 5, 1, 5, 4, 4]]), // prettier-ignore
    line: roi(3, [0, 0, 1, 1]),
    open: roi(5, [0, 0, 2, 2], [[16, 's', 3]], ['s', [0, 1, 2, 0, 1, 0]]),
    point: roi(10, [0, 0, 1, 1], [[16, 's', 1]], ['s', [0, 0]]),
  }
  const floats = [0, 2, 2, 0, 3.6, 3.6, 5.4, 5.4]
  const subpixel = Buffer.concat([
    members.subpixel,
    ...floats.map((v) => Buffer.from([0, 0, 0, 0]).fill(floatBytes(v))),
  ])
  const zip = zipOf([
    ...Object.entries({ ...members, subpixel }).map(([name, bytes]) => ({ name: `${name}.roi`, bytes })),
    { name: 'readme.txt', bytes: Buffer.from('x') },
  ])
  const expected = ['11000022', '11000022', '00000000', '00055544', '33050544', '00055500']
  for (const name of ['p.zip', 'p_RoiSet.zip', 'p-rois.zip']) {
    const { rows, code, summary } = await imported('imagej', `rois/${name}`, zip)
    assert.equal([code, rows, summary.leftOut], [0, expected, { 'a line': 1, 'an open line': 1, 'a point': 1 }], name)
  }
  const single = await imported('imagej', 'rois/p.roi', rectangleRoi)
  assert.equal([single.rows[0], single.summary.instances], ['11000000', 1])
  assert.equal((await imported('imagej', 'rois/p/0001.roi', rectangleRoi)).summary.instances, 1)
})

function floatBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatBE(value)
  return bytes
}

test('ImageJ: regions of several slices are refused, a damaged one is left out', async () => {
  const slice = (position: number) => roi(1, [0, 0, 2, 2], [[56, 'i', position]])
  const stack = zipOf([1, 2].map((n) => ({ name: `${n}.roi`, bytes: slice(n) })))
  assert.match((await imported('imagej', 'rois/p.zip', stack)).reasons, /lie on 2 slices of a stack \(1, 2\)/)
  assert.is((await imported('imagej', 'rois/p.zip', zipOf([{ name: 'a.roi', bytes: slice(3) }]))).summary.instances, 1)
  const cut = roi(0, [0, 0, 2, 2], [[16, 's', 400]], ['s', [0, 1]])
  const zip = zipOf([
    { name: 'good.roi', bytes: rectangleRoi },
    { name: 'cut.roi', bytes: cut },
  ])
  const { code, summary, reasons } = await imported('imagej', 'rois/p.zip', zip)
  assert.equal([code, summary.instances], [1, 1])
  assert.match(reasons, /1 of its 2 shapes cannot be used: cut.roi: the region is cut off/)
  assert.match((await imported('imagej', 'rois/p.zip', zipOf([]))).reasons, /contains no regions/)
  assert.match((await imported('imagej', 'rois/p.roi', Buffer.from('Iout'))).reasons, /not a region of ImageJ/)
  assert.match((await imported('imagej', 'rois/RoiSet.zip', zip)).reasons, /name it after its image/)
  assert.match((await imported('imagej', 'rois/p.zip', Buffer.from('PK'))).reasons, /damaged or truncated zip/)
})

test.run()
