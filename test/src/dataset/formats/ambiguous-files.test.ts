/** @file Annotations that leave open which image or instance they belong to: right, or refused, never given to another one. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { command as importCommand } from '../../../../src/commands/dataset/import'
import { readCoco } from '../../../../src/dataset/coco-json'
import { ImageFolder } from '../../../../src/dataset/image-folder'
import { zipOf } from '../../../../src/host/zip-writer'
import { readLabels } from '../../../../src/images/read-labels'
import { png8, put, refusal, scratch } from '../../../support/files'
import { picture, run } from '../../../support/dataset-folders'

const [width, height] = [8, 6]
const square = [[1, 1, 4, 1, 4, 4, 1, 4]]
const of = (image_id: unknown) => ({ image_id, segmentation: square })
const coco = (images: unknown[], ids: unknown[]) => JSON.stringify({ images, annotations: ids.map(of) })
const file = (text: string | Uint8Array, name = 'a.json') => put(join(scratch(), name), text)

async function importInto(format: string, from: string, images: string) {
  const out = join(scratch(), 'out')
  const { code, out: said } = await run(
    importCommand,
    from,
    '--format',
    format,
    '--images',
    images,
    '--out',
    out,
    '--json',
  )
  const problems = (JSON.parse(said).problems as { where: string; reason: string }[]).map(
    ({ where, reason }) => `${where}: ${reason}`,
  )
  return { code, out, problems: problems.join('\n'), summary: JSON.parse(said) }
}

test('COCO: an id of two images gives its annotations to neither; the same image listed twice is one', async () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name, i) => ({ id: i, file_name: `${name}.png` }))
  const clash = await readCoco(file(coco([a, { ...b, id: 0 }, c], [0, 0, 2])))
  assert.equal(
    clash.pictures.map(({ image, annotations }) => [image.file_name, annotations.length]),
    [['c.png', 1]],
  )
  assert.match(
    clash.problems.map(({ where, reason }) => where + reason).join(),
    /image "a\.png".*has the id 0 too.*images\.1/,
  )
  const twice = await readCoco(file(coco([a, a], [0])))
  assert.equal([twice.pictures.length, twice.pictures[0].annotations.length], [1, 1])
})

test('COCO: ids beyond 2^53 stay apart', async () => {
  const text = coco(
    [
      { id: '9007199254740992', file_name: 'a.png' },
      { id: '9007199254740993', file_name: 'b.png' },
    ],
    ['9007199254740993', '9007199254740993', '9007199254740992'],
  ).replace(/"(\d{16})"/g, '$1')
  assert.equal(
    (await readCoco(file(text))).pictures.map(({ annotations }) => annotations.length),
    [1, 2],
  )
})

test('COCO: crowds as text, fractions as coordinates, and what is no instance file are said', async () => {
  const crowd = JSON.stringify({
    images: [{ id: 1, file_name: 'a.png' }],
    annotations: [{ ...of(1), iscrowd: 'true' }],
  })
  assert.is((await readCoco(file(crowd))).pictures[0].unclear, 1)
  const fractions = JSON.stringify({
    images: [{ id: 1, file_name: 'a.png' }],
    annotations: [{ image_id: 1, segmentation: [[0.1, 0.2, 0.5, 0.2, 0.5, 1]] }],
  })
  assert.match((await readCoco(file(fractions))).pictures[0].damaged[0], /from 0 to 1: they are fractions/)
  for (const [content, reason] of [
    [[{ image_id: 3, segmentation: square, score: 1 }], /list of results, whose image_id names no file/],
    [{ images: [{ id: 1, file_name: 'a' }], annotations: [{ segments_info: [] }] }, /panoptic/],
    [{ images: [], annotations: [] }, /"images" is empty/],
    [{ shapes: [], imagePath: 'a.png' }, /labelme: --format labelme/],
    [{ 'a.png12': { filename: 'a.png', regions: [] } }, /VIA: --format via/],
    [[{ data: { image: 'a.png' }, annotations: [] }], /--format label-studio/],
    ['<!DOCTYPE html><html>', /as COCO annotations: it is a web page/],
    ['version https://git-lfs.github.com/spec/v1\noid x', /pointer of Git LFS/],
    ['{"id":1}\n{"id":2}\n', /one JSON value in each line/],
    [Buffer.from('1f8b08', 'hex'), /gzip/],
    ['{"images": [,', /it is not valid JSON/],
    ['{"images": [', /it ends too early, is it cut off/],
  ] as [unknown, RegExp][]) {
    const bytes = typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content)
    const message = await refusal(readCoco(file(bytes as string)))
    assert.match(message, reason)
    assert.not.match(message, /Unexpected|token|undefined/)
  }
})

test('a name alone is not enough where two images have it, or another image is named with its whole path', async () => {
  const folder = scratch()
  await png8(join(folder, 's2/p.png'), width, height, picture(width, height, 1))
  await png8(join(folder, 'my a.png'), width, height, picture(width, height, 2))
  await png8(join(folder, 'real%20.png'), width, height, picture(width, height, 2))
  const images = await ImageFolder.open(folder)
  const found = (...names: string[]) =>
    images
      .findAll(names.map((file) => ({ file })))
      .map((f) => (f instanceof Error ? f.message : f.slice(folder.length + 1)))
  assert.equal(found('x/p.png'), ['s2/p.png'])
  const [first, second] = found('s1/p.png', 's2/p.png')
  assert.match(first, /no image "s1\/p\.png".*annotated twice: it has this name, but is "s2\/p\.png"/)
  assert.is(second, 's2/p.png')
  for (const message of found('train/p.png', 'val/p.png'))
    assert.match(message, /unclear whether .* is "train\/p.png" or "val\/p.png"/)
  // names as addresses have them, and without their extension
  assert.equal(found('my%20a.png', 'real%20.png', 'p'), ['my a.png', 'real%20.png', 's2/p.png'])
  assert.match(found('p.tif')[0], /no image "p\.tif".*; s2\/p\.png differs in its extension/)
})

test('the folder of a labelme file says which of two images of one name is meant', async () => {
  const [images, from] = [scratch(), scratch()]
  for (const [i, part] of ['one', 'two'].entries()) {
    await png8(join(images, part, `p${i}.png`), width, height, picture(width, height, i))
    await png8(join(images, part, 'same.png'), width, height, picture(width, height, 3 + i))
  }
  const shapes = [{ label: 'x', points: [[1, 1], [4, 1], [4, 4]], shape_type: 'polygon' }] // prettier-ignore
  put(join(from, 'two/same.json'), JSON.stringify({ imagePath: '..\\scans\\same.png', shapes }))
  const { code, summary } = await importInto('labelme', from, images)
  assert.equal([code, summary.images], [0, 1])
})

test('text of Windows: UTF-16 and Latin-1', async () => {
  const folder = scratch()
  await png8(join(folder, 'ä.png'), width, height, picture(width, height, 1))
  const text = coco([{ id: 1, file_name: 'ä.png' }], [1])
  for (const bytes of [Buffer.from(text, 'latin1'), Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text)])
    assert.is((await importInto('coco', file(bytes), folder)).summary.instances, 1)
  const labels = scratch()
  put(join(labels, 'labels/ä.txt'), Buffer.from('\ufeff0 0.125 0.2 0.5 0.2 0.5 0.6 0.125 0.6\r\n', 'utf16le'))
  const { out, summary } = await importInto('yolo', labels, folder)
  assert.is(summary.instances, 1)
  assert.ok((await readLabels(join(out, 'masks/ä.png'))).data.includes(1))
})

test('YOLO: key points are no polygons, and a confidence is named', async () => {
  const [folder, labels] = [scratch(), scratch()]
  await png8(join(folder, 'a.png'), width, height, picture(width, height, 1))
  // two key points with visibility: ten numbers, which would also be five corners
  put(join(labels, 'labels/a.txt'), '0 .5 .5 .4 .4 .4 .4 1 .6 .6 1\n')
  put(join(labels, 'data.yaml'), 'kpt_shape: [2, 3]\nnames:\n  0: p\n')
  assert.match(await refusal(importInto('yolo', labels, folder)), /data\.yaml describes key points/)
  // without a data.yaml that says so, by their numbers
  for (const line of [
    '0 .5 .5 .4 .4 .4 .4 1 .6 .6 1',
    '0 .8 .8 .1 .1 .78 .78 .82 .82',
    '0 .2 .7 .3 .2 .1 .65 .3 .75 .2 .7',
  ]) {
    const plain = scratch()
    put(join(plain, 'labels/a.txt'), `${line}\n${line}\n`)
    assert.match((await importInto('yolo', plain, folder)).problems, /key points/, line)
  }
  for (const line of [
    '0 .1 .1 .4 .1 .4 .4 .1 .4',
    '0 .5 .5 .6 .5 .6 .6 .5 .6',
    '0 .1 .1 .12 .1 .12 .12 .1 .12 .1 .11',
  ]) {
    const plain = scratch()
    put(join(plain, 'labels/a.txt'), `${line}\n`)
    assert.not.match((await importInto('yolo', plain, folder)).problems, /key points/, line)
  }
  const predicted = scratch()
  put(join(predicted, 'labels/a.txt'), '0 .1 .1 .5 .1 .5 .5 .93\n')
  assert.match((await importInto('yolo', predicted, folder)).problems, /is the last one a confidence/)
})

test('Label Studio: shapes of several images are refused; shapes of one id that differ all count', async () => {
  const folder = scratch()
  await png8(join(folder, 'a.png'), width, height, picture(width, height, 1))
  const shape = (x: number, more = {}) => ({
    ...{ id: '0', type: 'polygonlabels', to_name: 'image', original_width: width, original_height: height },
    ...{
      value: {
        points: [
          [x, 0],
          [x + 25, 0],
          [x + 25, 50],
          [x, 50],
        ],
        polygonlabels: ['p'],
      },
    },
    ...more,
  })
  const importTask = (result: unknown[], data: object = { image: 'a.png' }) =>
    importInto('label-studio', file(JSON.stringify([{ id: 1, data, annotations: [{ result }] }])), folder)
  const same = await importTask([shape(0), shape(50), shape(50)], { text: 'see b.png', image: 'a.png' })
  assert.equal([same.code, same.summary.instances], [0, 2])
  for (const more of [{ to_name: 'second' }, { item_index: 1 }])
    assert.match((await importTask([shape(0), shape(50, more)])).problems, /its shapes lie on 2 images or pages/)
})

/** A rectangle of ImageJ as its documentation of the format describes it, with a second header. */
function roi({ subtype = 0, frame = 0, slice = 0, channel = 0, x = 1 }): Buffer {
  const bytes = Buffer.alloc(64 + 64)
  bytes.write('Iout')
  bytes.writeInt16BE(227, 4)
  bytes[6] = 1
  ;[1, x, 4, x + 2].forEach((value, i) => bytes.writeInt16BE(value, 8 + 2 * i))
  bytes.writeInt16BE(subtype, 48)
  bytes.writeInt32BE(64, 60)
  ;[channel, slice, frame].forEach((value, i) => bytes.writeInt32BE(value, 64 + 4 + 4 * i))
  return bytes
}

test('ImageJ: regions of several frames or slices of a hyperstack are refused; texts and pictures above are none', async () => {
  const folder = scratch()
  await png8(join(folder, 'a.png'), width, height, picture(width, height, 1))
  const importRois = (...rois: Buffer[]) =>
    importInto('imagej', file(zipOf(rois.map((bytes, i) => ({ name: `${i}.roi`, bytes }))), 'a.zip'), folder)
  for (const part of ['frame', 'slice'])
    assert.match(
      (await importRois(roi({ [part]: 1 }), roi({ [part]: 2, x: 4 }))).problems,
      /lie on 2 slices of a stack/,
    )
  const channels = await importRois(roi({ channel: 1, frame: 3 }), roi({ channel: 2, frame: 3, x: 4 }))
  assert.equal([channels.code, channels.summary.instances], [0, 2])
  const { summary } = await importRois(roi({}), roi({ subtype: 1, x: 4 }), roi({ subtype: 4, x: 5 }))
  assert.equal([summary.instances, summary.leftOut], [1, { 'a text': 1, 'an image above the image': 1 }])
})

test('CVAT: shapes outside the image are left out; label maps whose background has a number are refused', async () => {
  const folder = scratch()
  await png8(join(folder, 'a.png'), width, height, picture(width, height, 1))
  const polygon = (outside: number) => `<polygon label="p" points="1,1;4,1;4,4" outside="${outside}"/>`
  const xml = `<annotations><image id="0" name="a.png">${polygon(0)}${polygon(1)}</image></annotations>`
  assert.is((await importInto('cvat', file(xml, 'a.xml'), folder)).summary.instances, 1)
  const maps = scratch()
  await png8(
    join(maps, 'a.png'),
    width,
    height,
    Array.from({ length: width * height }, (_, i) => (i === 20 ? 2 : 1)),
  )
  assert.match((await importInto('labels', maps, folder)).problems, /label 1 covers .* looks like the background/)
})

test.run()
