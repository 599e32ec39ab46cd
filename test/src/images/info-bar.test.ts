import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Rng } from '../../../engine/rng'
import { readImage } from '../../../src/images/read-image'
import { writePng } from '../../../src/images/png-writer'
import { findInfoBar } from '../../../src/images/info-bar'
import { readMicrograph } from '../../../src/images/micrograph'
import type { Image } from '../../../src/images/image'
import { renderScene } from '../../../src/synth/synth-dataset'
import { scratch } from '../../support/files'
import { testNeedingShared } from '../../support/needs'

const [width, height] = [320, 256]
const scenes = Array.from({ length: 6 }, (_, i) => renderScene(40 + i, { width, height }).image)
const asImage = (data: Image['data'], w = width, channels: 1 | 3 = 1): Image => ({
  width: w,
  height: data.length / w / channels,
  channels,
  depth: data instanceof Uint8Array ? 8 : data instanceof Uint16Array ? 16 : 32,
  data,
})

interface Bar {
  rows: number
  paper: number
  ink: number
  /** rows of another level above and below, as tables and frames have them */
  line?: number
  frame?: boolean
  noise?: number
}

/** The scene with a bar below it: two lines of blocks like letters, and a scale bar. */
function withBar(scene: Uint8Array, { rows, paper, ink, line, frame, noise = 0 }: Bar, rng = new Rng(9)): Uint8Array {
  const bar = new Uint8Array(rows * width).fill(paper)
  const draw = (x0: number, y0: number, w: number, h: number) => {
    for (let y = y0; y < y0 + h; y++) bar.fill(ink, y * width + x0, y * width + x0 + w)
  }
  const letter = Math.max(4, Math.round(rows / 4))
  for (const y of [2, Math.round(rows / 2) + 1])
    for (let x = 6; x < width - 80; x += letter + 1)
      if (rng.next() < 0.8) draw(x, y, Math.max(1, Math.round(letter / 2)), Math.min(letter, rows - y - 2))
  draw(width - 70, Math.round(rows / 2), 60, 2)
  if (line !== undefined) bar.fill(line, 0, width)
  if (frame) bar.fill(ink, (rows - 1) * width)
  for (let i = 0; noise && i < bar.length; i++)
    bar[i] = Math.max(0, Math.min(255, bar[i] + rng.int(2 * noise + 1) - noise))
  const data = new Uint8Array(scene.length + bar.length)
  data.set(scene)
  data.set(bar, scene.length)
  return data
}

const bars: Bar[] = [
  { rows: 16, paper: 0, ink: 255 },
  { rows: 24, paper: 255, ink: 0 },
  { rows: 40, paper: 2, ink: 240, frame: true },
  { rows: 60, paper: 45, ink: 250, line: 120 },
  { rows: 24, paper: 4, ink: 230, noise: 5 },
]

test('bars of all usual appearances are found, with the exact height', () => {
  for (const scene of scenes)
    for (const bar of bars) assert.is(findInfoBar(asImage(withBar(scene, bar))), bar.rows, JSON.stringify(bar))
  const middle = { rows: 30, paper: 128, ink: 255 }
  assert.is(findInfoBar(asImage(withBar(scenes[0], middle))), 30)
  // where 40 % of the specimen is of the bar's gray, the edge is in doubt
  assert.is(findInfoBar(asImage(withBar(scenes[5], middle))), 0)
})

test('in colours, 16 bits and floats too', () => {
  const gray = withBar(scenes[0], bars[0])
  const rgb = Uint8Array.from({ length: 3 * gray.length }, (_, i) => gray[Math.floor(i / 3)])
  assert.is(findInfoBar(asImage(rgb, width, 3)), 16)
  assert.is(findInfoBar(asImage(Uint16Array.from(gray, (v) => 300 + 100 * v))), 16)
  assert.is(findInfoBar(asImage(Float32Array.from(gray, (v) => v / 255 - 3))), 16)
})

test('no bar is found in an image without one', () => {
  const rng = new Rng(4)
  for (const scene of scenes) {
    assert.is(findInfoBar(asImage(scene)), 0)
    assert.is(findInfoBar(asImage(Uint8Array.from(scene, (v) => 255 - v))), 0)
    // a bar above is none, nor are letters burnt into the picture
    assert.is(findInfoBar(asImage(withBar(scene, bars[0]).reverse())), 0)
    const burnt = Uint8Array.from(scene)
    for (let y = height - 14; y < height - 6; y++) for (let x = 200; x < 300; x += 2) burnt[y * width + x] = 255
    assert.is(findInfoBar(asImage(burnt)), 0)
    for (let k = 0; k < 20; k++) {
      const rows = 60 + rng.int(height - 60)
      const from = rng.int(height - rows + 1) * width
      assert.is(findInfoBar(asImage(scene.slice(from, from + rows * width))), 0)
    }
  }
  // an empty strip may be substrate: without text it stays
  assert.is(findInfoBar(asImage(withBar(scenes[0], { rows: 30, paper: 0, ink: 0 }))), 0)
  for (const [w, h] of [
    [1, 1],
    [1, 500],
    [500, 1],
    [64, 40],
  ])
    assert.is(findInfoBar(asImage(new Uint8Array(w * h), w)), 0)
  assert.is(findInfoBar(asImage(new Float32Array(width * height).fill(NaN))), 0)
})

test('a micrograph is read without its info bar', async () => {
  const path = join(scratch(), 'with bar.png')
  await writePng(path, { width, height: height + 24, channels: 1, data: withBar(scenes[1], bars[1]) })
  const cut = await readMicrograph(path)
  assert.equal([cut.croppedBottom, cut.image.height, cut.image.data], [24, height, scenes[1]])
  assert.is((await readMicrograph(path, { crop: 'none' })).image.height, height + 24)
})

const shared = '../shared/data'
testNeedingShared(shared)('real images: all 10 bars are found, and none in the other 93 images', async () => {
  const found = new Map<string, number>()
  let images = 0
  for (const folder of ['format_samples', 'silica_semseg/images', 'emps_sem_dense/images'])
    for (const name of readdirSync(join(shared, folder))) {
      if (!/\.(png|bmp)$/.test(name)) continue
      images++
      const rows = findInfoBar(await readImage(join(shared, folder, name)))
      if (rows) found.set(name, rows)
    }
  assert.is(images, 103)
  assert.equal(Object.fromEntries(found), {
    'jeol_8bit_gray_footer.bmp': 64,
    'jeol_8bit_palette_footer.bmp': 64,
    // looked at by eye: panels of articles whose footers were left in
    '1b3c6536a3.png': 49,
    '21308b3614.png': 31,
    '2e4a3ab627.png': 25,
    '31f17306c8.png': 32,
    '47286679c2.png': 61,
    'af124a45d9.png': 29,
    'ea71fe4650.png': 31,
    'ef6bbe7612.png': 31,
  })
})

test.run()
