import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import { boxes } from '../../../engine/masks/instances'
import { cocoAnnotation, cocoLabels } from '../../../src/dataset/coco-file'
import { readCoco, type CocoAnnotation } from '../../../src/dataset/coco-json'
import { fillPolygon } from '../../../src/dataset/fill-polygon'
import { compressCounts, decodeRle, decompressCounts, encodeRle } from '../../../engine/masks/rle'
import { put, refusal, scratch } from '../../support/files'

const path = join(scratch(), 'a.json')
const image = { id: 1, file_name: 'x.png', width: 8, height: 6 }
const show = (data: ArrayLike<number>, width: number) =>
  (
    Array.from(data)
      .join('')
      .match(new RegExp(`.{${width}}`, 'g')) ?? []
  ).join(' ')

test('run lengths are packed as COCO packs them', () => {
  // worked by hand: 5 bits a character from '0', +32 while more follow, differences from the fourth on
  assert.is(compressCounts([0, 48]), '0`1')
  assert.is(compressCounts([6, 1, 40, 4, 5, 4, 5, 4, 21]), '61X13mN000`0')
  const rng = new Rng(1)
  for (let round = 0; round < 50; round++) {
    const counts = Array.from({ length: 1 + rng.int(30) }, () => rng.int(10 ** (1 + rng.int(8))))
    assert.equal(decompressCounts(compressCounts(counts)), counts)
  }
  for (const bad of ['a', '~', 'oooooooooooo', '0 0']) assert.throws(() => decompressCounts(bad), /damaged/)
})

test('masks run down the columns', () => {
  const mask = Uint8Array.of(0, 1, 1, 0, 1, 0) // 3 wide, 2 high
  assert.equal(decompressCounts(encodeRle(mask, 3, 2).counts), [2, 3, 1])
  assert.equal(decodeRle({ size: [2, 3], counts: [2, 3, 1] }), mask)
  const rng = new Rng(2)
  for (const share of [0, 0.5, 1]) {
    const random = Uint8Array.from({ length: 13 * 7 }, () => +(rng.next() < share))
    assert.equal(decodeRle(encodeRle(random, 13, 7)), random)
  }
  assert.throws(() => decodeRle({ size: [2, 3], counts: [2, 3] }), /sum to 5/)
  assert.throws(() => decodeRle({ size: [2, 3], counts: [2, 30] }), /more than the 6/)
  assert.throws(() => decodeRle({ size: [2, 3], counts: [-2, 8] }), /whole number/)
})

test('polygons are filled by pixel centres, even-odd, cut to the picture', () => {
  const fill = (polygon: number[], width = 6, height = 5) => {
    const mask = new Uint8Array(width * height)
    fillPolygon(polygon, width, height, (y, x, n) => mask.fill(1, y * width + x, y * width + x + n))
    return show(mask, width)
  }
  assert.is(fill([1, 1, 4, 1, 4, 3, 1, 3]), '000000 011100 011100 000000 000000')
  assert.is(fill([-9, -9, 99, -9, 99, 99, -9, 99]), '111111 111111 111111 111111 111111')
  assert.is(fill([0, 0, 5, 0, 0, 5]), '111100 111000 110000 100000 000000')
  // once around outside and once inside: a hole
  assert.is(fill([0, 0, 5, 0, 5, 5, 0, 5, 0, 0, 1, 1, 4, 1, 4, 4, 1, 4, 1, 1]), '111110 100010 100010 100010 111110')
  assert.throws(() => fill([1, 1, 2, 2]), /three/)
  assert.throws(() => fill([1, 1, 2, 2, 3]), /three/)
  assert.throws(() => fill([1, 1, 2, NaN, 3, 3]), /not a number/)
})

const square = (x: number, y: number, side: number): number[] => [x, y, x + side, y, x + side, y + side, x, y + side]
const polygon = (...parts: number[][]): Pick<CocoAnnotation, 'segmentation'> => ({ segmentation: parts })

test('where instances overlap the smaller is on top; parts of one are united', () => {
  const small = polygon(square(1, 1, 2))
  const large = polygon(square(0, 0, 4), square(2, 0, 4))
  for (const [order, expected] of [
    [[small, large], '22222200 21122200 21122200 22222200 00000000 00000000'],
    [[large, small], '11111100 12211100 12211100 11111100 00000000 00000000'],
  ] as const)
    assert.is(show(cocoLabels(image, order).data, 8), expected)
})

test('a label map survives the way to COCO and back', async () => {
  const rng = new Rng(3)
  const data = Uint16Array.from({ length: 48 }, () => [0, 1, 2, 3][rng.int(4)])
  const map = { width: 8, height: 6, data }
  const annotations = boxes(map).map((box, i) => cocoAnnotation(map, box, { id: i + 1, imageId: 1 }))
  put(path, JSON.stringify({ images: [image], annotations, categories: [{ id: 1, name: 'particle' }] }))
  const coco = await readCoco(path)
  assert.equal(cocoLabels(map, coco.pictures[0].annotations).data, data)
  const first = annotations[0] as { area: number; bbox: number[]; iscrowd: number }
  assert.is(first.area, data.filter((v) => v === 1).length)
  assert.is(first.bbox.length, 4)
})

/** The only picture of a COCO file of these annotations. */
async function pictureOf(annotations: unknown[], more: object = {}, crowds?: 'instances' | 'leave-out') {
  const content = JSON.stringify({ images: [image], annotations, ...more })
  const { pictures, problems } = await readCoco(put(path, content), crowds)
  assert.equal(problems, [])
  return pictures[0]
}
const runs = { size: [6, 8], counts: [6, 6, 36] }

test('crowds: CVAT marks every mask so; of others somebody has to say what they are', async () => {
  const cvat = (iscrowd: unknown) => ({ image_id: 1, segmentation: runs, iscrowd, attributes: { occluded: false } })
  for (const iscrowd of [1, true, '1', 1.0]) {
    const marked = await pictureOf([cvat(iscrowd), { ...cvat(0), segmentation: [square(4, 1, 2)] }])
    assert.equal([marked.annotations.length, marked.marked, marked.unclear], [2, 1, 0])
    assert.equal((await pictureOf([cvat(iscrowd)], {}, 'leave-out')).leftOut, ['a crowd region'])
  }
  for (const iscrowd of [0, false, '0', null, undefined]) assert.is((await pictureOf([cvat(iscrowd)])).marked, 0)
  const crowd = { image_id: 1, segmentation: runs, iscrowd: 1 }
  const unknown = await pictureOf([{ ...crowd, iscrowd: 0 }, crowd])
  assert.equal([unknown.annotations.length, unknown.unclear, unknown.leftOut], [1, 1, []])
  assert.is((await pictureOf([crowd], {}, 'instances')).annotations.length, 1)
  assert.equal((await pictureOf([crowd], {}, 'leave-out')).leftOut, ['a crowd region'])
})

test('segmentations of every form are read, named as no masks, or damaged', async () => {
  const s = square(1, 1, 2)
  const points = [[1, 1], [3, 1], [3, 3], [1, 3]] // prettier-ignore
  const expected = '00000000 01100000 01100000 00000000 00000000 00000000'
  for (const segmentation of [
    [s],
    s,
    points,
    [points],
    [s, []],
    [s, [1, 1]],
    [s, [0, 0, 1, 1]],
    { size: ['6', 8], counts: [7, 2, 4, 2, 33] },
  ]) {
    const { annotations, damaged } = await pictureOf([{ image_id: 1, segmentation }])
    assert.equal(damaged, [])
    assert.is(show(cocoLabels(image, annotations).data, 8), expected, JSON.stringify(segmentation))
  }
  for (const segmentation of [[], [[]], [[], []], {}, null, undefined])
    assert.equal((await pictureOf([{ image_id: 1, segmentation }])).leftOut, ['a box without a mask'])
  for (const segmentation of [[[1, 1]], [[1, 1, 2, 2]]])
    assert.equal((await pictureOf([{ image_id: 1, segmentation }])).leftOut, ['a polygon of fewer than three points'])
  const wrong: [unknown, RegExp][] = [
    [[runs], /annotations.0: its run lengths are inside a list: segmentation must be the object/],
    [[[0, 0, null, 1, 2, 2]], /polygon 1 .* has the coordinate null, not a number/],
    [[s, [0, 0, '1', 1, 2, 2]], /polygon 2 .* has the coordinate "1"/],
    [[[1, 1, 2, 2, 3, 3, 4]], /needs x, y pairs, but has 7 numbers/],
    ['x', /its segmentation is "x", not polygons or run lengths/],
    [{ size: [6], counts: [48] }, /no "size" of \[height, width\]/],
    [{ size: [6, 8] }, /"counts" are missing/],
    [{ size: [6, 8], counts: [-1, 49] }, /counts\[0\] is -1, not a whole number/],
    [[['a']], /has the coordinate "a"/],
  ]
  for (const [segmentation, reason] of wrong)
    assert.match((await pictureOf([{ image_id: 1, segmentation }])).damaged.join(), reason)
  const late = await pictureOf([
    { image_id: 1, segmentation: { size: [6, 8], counts: 'o' } },
    { image_id: 1, segmentation: [s] },
  ])
  const reported: string[] = []
  assert.is(
    show(cocoLabels(image, late.annotations, (i, reason) => reported.push(`${i} ${reason}`)).data, 8),
    expected.replaceAll('1', '2'),
  )
  assert.match(reported.join(), /^0 the compressed run lengths are damaged$/)
})

test('ids as text, sizes that are missing, NaN, byte order marks, UTF-16', async () => {
  const annotation = { image_id: 1, category_id: '3', segmentation: runs, score: 7 }
  const categories = [{ id: 3, name: 'grain' }]
  const file = (given: object, id: unknown = 1) =>
    JSON.stringify({ images: [{ ...image, ...given }], annotations: [{ ...annotation, image_id: id }], categories })
  const plain = file({})
  const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(plain, 'utf16le')])
  for (const content of [
    plain,
    file({ id: '1' }),
    file({}, '1'),
    '\ufeff' + plain,
    utf16,
    utf16.subarray(0).swap16(),
    plain.replace('"score":7', '"score":NaN'),
    plain.replace('"score":7', '"note":"NaN \\" -Infinity","score":-Infinity'),
  ]) {
    const { pictures, problems } = await readCoco(put(path, content))
    assert.equal([problems, pictures[0].annotations.length, pictures[0].annotations[0]?.className], [[], 1, 'grain'])
    assert.equal([pictures[0].image.width, pictures[0].image.height], [8, 6])
  }
  for (const given of [{ width: null, height: null }, { width: undefined }, { width: 0, height: 0 }, { height: '' }])
    assert.is((await readCoco(put(path, file(given)))).pictures[0].image.width, undefined)
  assert.is((await readCoco(put(path, file({ width: '8' })))).pictures[0].image.width, 8)
})

test("SA-1B's files, and the list of masks that the reference generator writes", async () => {
  const annotation = { id: 1, segmentation: runs, predicted_iou: 0.9, crop_box: [0, 0, 8, 6] }
  const sa1b = { image: { image_id: 77, file_name: 'sa_77.jpg', width: 8, height: 6 }, annotations: [annotation] }
  const one = (await readCoco(put(path, JSON.stringify(sa1b)))).pictures
  assert.equal(
    [one.length, one[0].image, one[0].annotations.length],
    [1, { id: 77, file_name: 'sa_77.jpg', width: 8, height: 6 }, 1],
  )
  const list = (await readCoco(put(path, JSON.stringify([annotation, annotation])))).pictures
  assert.equal([list[0].image.file_name, list[0].byStem, list[0].annotations.length], ['a', true, 2])
})

test('what is wrong is named', async () => {
  const file = (content: unknown) => put(path, typeof content === 'string' ? content : JSON.stringify(content))
  const refused: [unknown, RegExp][] = [
    ['{', /a.json.*not valid JSON/],
    [[], /a.json.*no lists "images" and "annotations"/],
    ['['.repeat(50_000), /a.json/],
  ]
  for (const [content, reason] of refused) assert.match(await refusal(readCoco(file(content))), reason)
  assert.match(await refusal(readCoco(path + 'none')), /there is no such file/)
  const problems: [unknown, RegExp][] = [
    [{ images: [{ ...image, width: -1 }], annotations: [] }, /images.0: width is -1, not a number of pixels/],
    [{ images: [{ ...image, width: 'wide' }], annotations: [] }, /width is "wide"/],
    [{ images: [image, image], annotations: [] }, /images.1: another image has the id 1/],
    [{ images: [{ ...image, id: [[1]] }], annotations: [] }, /its id is a list/],
    [{ images: [{ ...image, file_name: 3 }], annotations: [] }, /its file_name is 3, not a name/],
    [
      { images: [image], annotations: [{ image_id: 7, segmentation: [[]] }] },
      /annotations.0: it belongs to image 7, which is not/,
    ],
    [{ images: [image], annotations: [null] }, /belongs to image missing/],
  ]
  for (const [content, reason] of problems) {
    const [problem] = (await readCoco(file(content))).problems
    assert.match(`${problem.where}: ${problem.reason}`, reason)
  }
  const wrong: Pick<CocoAnnotation, 'segmentation'> = { segmentation: { size: [8, 6], counts: [48] } }
  assert.throws(() => cocoLabels(image, [wrong]), /annotation 1: its mask is 6x8 pixels, the image 8x6/)
  assert.throws(() => cocoLabels({ width: 1e6, height: 1e6 }, []), /too many/)
})

test('the work on one image is bounded, however many annotations cover it', () => {
  const large = { width: 5000, height: 5000 }
  const covering = Array.from({ length: 60_000 }, () => polygon(square(0, 0, 5000)))
  assert.throws(() => cocoLabels(large, covering), /too many and too large/)
  const budget = { crossings: 25 }
  const fill = () => fillPolygon(square(0, 0, 10), 20, 20, () => {}, budget)
  fill()
  assert.is(budget.crossings, 5)
  assert.throws(fill, /crosses too many rows/)
})

test.run()
