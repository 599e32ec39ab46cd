import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import { boxes } from '../../../src/dataset/instances'
import { cocoAnnotation, cocoLabels, readCoco, type CocoAnnotation } from '../../../src/dataset/coco-file'
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
const polygon = (...parts: number[][]): CocoAnnotation => ({ image_id: 1, segmentation: parts })

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
  assert.equal(cocoLabels(coco.images[0], coco.annotations.get(1)!).data, data)
  const first = annotations[0] as { area: number; bbox: number[]; iscrowd: number }
  assert.is(first.area, data.filter((v) => v === 1).length)
  assert.is(first.bbox.length, 4)
})

test('uncompressed runs are read, crowds left out', async () => {
  const runs = { size: [6, 8], counts: [6, 6, 36] }
  const annotations = [
    { image_id: 1, segmentation: runs, iscrowd: 0 },
    { image_id: 1, segmentation: runs, iscrowd: 1 },
  ]
  put(path, JSON.stringify({ images: [image], annotations }))
  const coco = await readCoco(path)
  assert.is(coco.annotations.get(1)!.length, 1)
  assert.is(show(cocoLabels(image, coco.annotations.get(1)!).data, 8), Array(6).fill('01000000').join(' '))
})

test('what is wrong is named', async () => {
  const file = (content: unknown) => put(path, typeof content === 'string' ? content : JSON.stringify(content))
  const cases: [unknown, RegExp][] = [
    ['{', /a.json.*not valid JSON/],
    [[], /a.json/],
    [{ images: [{ ...image, width: -1 }], annotations: [] }, /images.0.width/],
    [{ images: [image, image], annotations: [] }, /two images have the id 1/],
    [{ images: [image], annotations: [{ image_id: 7, segmentation: [[]] }] }, /annotations.0 belongs to image 7/],
    [{ images: [image], annotations: [{ image_id: 1, segmentation: 'x' }] }, /annotations.0.segmentation/],
  ]
  for (const [content, reason] of cases) assert.match(await refusal(readCoco(file(content))), reason)
  assert.match(await refusal(readCoco(path + 'none')), /ENOENT/)
  const wrong: CocoAnnotation = { image_id: 1, segmentation: { size: [8, 6], counts: [48] } }
  assert.throws(() => cocoLabels(image, [wrong]), /annotation 1 of x.png: its mask is 6x8 pixels, the image 8x6/)
  assert.throws(() => cocoLabels({ ...image, width: 1e6, height: 1e6 }, []), /too many/)
})

test.run()
