import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { join } from 'node:path'
import sharp from 'sharp'
import { Rng } from '../../../engine/rng'
import { squaredDistance } from '../../../engine/masks/distance-transform'
import { components } from '../../../engine/masks/components'
import { boxes, instances } from '../../../engine/masks/instances'
import { readLabels } from '../../../src/images/read-labels'
import { renderScene } from '../../../src/synth/synth-dataset'
import { png16, png8, put, refusal, scratch } from '../../support/files'

const folder = scratch()
const at = (name: string) => join(folder, name)
const map = (width: number, rows: string) => {
  const data = Uint16Array.from([...rows.replace(/\s/g, '')], Number)
  return { width, height: data.length / width, data }
}

test('the distance is the exact Euclidean one', () => {
  const rng = new Rng(1)
  for (const [width, height, share] of [
    [23, 17, 0.9],
    [40, 3, 0.97],
    [1, 30, 0.8],
    [12, 12, 1],
  ]) {
    const mask = Uint8Array.from({ length: width * height }, () => +(rng.next() < share))
    const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x]
    const got = squaredDistance(mask, width, height)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        let best = Infinity
        for (let oy = -1; oy <= height; oy++)
          for (let ox = -1; ox <= width; ox++) if (!inside(ox, oy)) best = Math.min(best, (ox - x) ** 2 + (oy - y) ** 2)
        assert.is(got[y * width + x], best, `${x},${y} of ${width}x${height}`)
      }
  }
})

test('in a label map the distance is that to the nearest pixel of another label', () => {
  const rng = new Rng(2)
  for (const [width, height, cell] of [
    [31, 22, 5],
    [17, 40, 9],
    [6, 6, 1],
  ]) {
    // blocks of a random label each, so that instances touch one another
    const blocks = Uint16Array.from({ length: 1000 }, () => rng.int(4))
    const labelAt = (x: number, y: number) => blocks[Math.floor(y / cell) * 40 + Math.floor(x / cell)]
    const labels = Uint16Array.from({ length: width * height }, (_, i) => labelAt(i % width, Math.floor(i / width)))
    const got = squaredDistance(labels, width, height)
    labels.forEach((label, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      let best = label ? Infinity : 0
      for (let oy = -1; oy <= height; oy++)
        for (let ox = -1; ox <= width; ox++) {
          const inside = ox >= 0 && oy >= 0 && ox < width && oy < height
          if (!inside || labels[oy * width + ox] !== label) best = Math.min(best, (ox - x) ** 2 + (oy - y) ** 2)
        }
      assert.is(got[i], best, `${x},${y} of ${width}x${height}`)
    })
  }
})

test('area, inclusive box, innermost point and border of each instance', () => {
  const labels = map(
    8,
    `00000003
     01111103
     01111100
     01111100
     00000000
     00022000`,
  )
  assert.equal(instances(labels), [
    { id: 1, area: 15, x0: 1, y0: 1, x1: 5, y1: 3, point: [2, 2], border: false },
    { id: 2, area: 2, x0: 3, y0: 5, x1: 4, y1: 5, point: [3, 5], border: true },
    { id: 3, area: 2, x0: 7, y0: 0, x1: 7, y1: 1, point: [7, 0], border: true },
  ])
  assert.equal(instances({ width: 2, height: 2, data: new Uint16Array(4) }), [])
  const one = { width: 1, height: 1, data: Uint16Array.of(65535) }
  assert.equal(instances(one), [{ id: 65535, area: 1, x0: 0, y0: 0, x1: 0, y1: 0, point: [0, 0], border: true }])
})

test('the point is inside the instance, also for rings', () => {
  const ring = map(7, `0111110 1111111 1100011 1100011 1100011 1111111 0111110`)
  const [{ point }] = instances(ring)
  assert.is(ring.data[point[1] * 7 + point[0]], 1)
  const scene = renderScene(4, { width: 128, height: 128 })
  for (const { id, point } of instances({ ...scene, data: scene.labels }))
    assert.is(scene.labels[point[1] * 128 + point[0]], id)
})

test('65,535 labels of a pixel each', () => {
  const data = Uint16Array.from({ length: 65536 }, (_, i) => i)
  const found = instances({ width: 256, height: 256, data })
  assert.is(found.length, 65535)
  assert.equal(found[65534].point, [255, 255])
  assert.is(boxes({ width: 256, height: 256, data })[0].id, 1)
})

test('components touch at corners too and are numbered in reading order', () => {
  const { labels, areas } = components(map(5, `10010 01010 00000 11111`).data, 5, 4)
  assert.equal([...labels].join(''), '1002001020' + '00000' + '33333')
  assert.equal(areas, [2, 2, 5])
  assert.equal(components(new Uint8Array(0), 0, 0).areas, [])
  assert.equal(components(new Uint8Array(300000).fill(1), 600, 500).areas, [300000])
})

test('label maps of 8 and 16 bits, and gray kept as RGB', async () => {
  const values = [0, 1, 300, 65535]
  await png16(at('a.png'), 2, 2, values)
  assert.equal(await readLabels(at('a.png')), { width: 2, height: 2, data: Uint16Array.from(values) })
  await png8(at('b.png'), 2, 2, [0, 1, 2, 255])
  assert.equal((await readLabels(at('b.png'))).data, Uint16Array.of(0, 1, 2, 255))
  const raw = { raw: { width: 2, height: 1, channels: 3 as const } }
  put(
    at('c.png'),
    await sharp(Uint8Array.of(0, 0, 0, 7, 7, 7), raw)
      .png()
      .toBuffer(),
  )
  assert.equal((await readLabels(at('c.png'))).data, Uint16Array.of(0, 7))
  put(
    at('d.png'),
    await sharp(Uint8Array.of(0, 0, 0, 7, 8, 7), raw)
      .png()
      .toBuffer(),
  )
  assert.match(await refusal(readLabels(at('d.png'))), /d.png as a label map: it is coloured/)
  put(
    at('e.png'),
    await sharp(Uint8Array.of(0, 0, 0, 7, 8, 7), raw)
      .jpeg()
      .toBuffer(),
  )
  assert.match(await refusal(readLabels(at('e.png'))), /JPEG changes/)
})

test.run()
