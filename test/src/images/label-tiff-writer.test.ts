import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { Rng } from '../../../engine/rng'
import { writeLabelTiff } from '../../../src/images/label-tiff-writer'
import { readLabels } from '../../../src/images/read-labels'
import { readMicrograph } from '../../../src/images/micrograph'
import { scratch } from '../../support/files'

const folder = scratch()
const at = (name: string) => join(folder, name)
const rng = new Rng(6)

test('label maps come back exactly, through our reader and through sharp', async () => {
  for (const [width, height] of [
    [1, 1],
    [37, 23],
    [700, 600],
    [1, 5000],
    [66_000, 3],
  ]) {
    // squares of two pixels: noise would look like labels that interpolation has mixed
    const values = Uint16Array.from({ length: width * height }, () => rng.int(65536))
    const data = values.map((_, i) => values[2 * Math.floor((i % width) / 2) + width * 2 * Math.floor(i / width / 2)])
    await writeLabelTiff(at('a.tif'), { width, height, data })
    assert.equal(await readLabels(at('a.tif')), { width, height, data })
    const plain = await sharp(at('a.tif')).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer()
    assert.is(Buffer.compare(plain, Buffer.from(data.buffer)), 0)
  }
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
  await writeLabelTiff(at('all.tif'), { width: 256, height: 256, data: all })
  assert.equal((await readLabels(at('all.tif'))).data, all)
  assert.not.ok(readdirSync(folder).some((name) => name.endsWith('.part')))
})

test('the pixel size is kept as ImageJ has it, to a millionth', async () => {
  const data = new Uint16Array(12).fill(3)
  for (const metres of [1e-12, 5.4e-11, 1e-10, 2.698e-9, 1.25e-8, 9.99e-7, 1e-6, 3.3e-5, 1e-3]) {
    await writeLabelTiff(at('b.tif'), { width: 4, height: 3, data }, { pixelSize: metres })
    const { pixelSize } = await readMicrograph(at('b.tif'))
    assert.is(pixelSize?.from, 'ImageJ description')
    assert.ok(Math.abs(pixelSize!.metres / metres - 1) < 1e-6, `${metres} became ${pixelSize!.metres}`)
    assert.equal((await readLabels(at('b.tif'))).data, data)
  }
  await writeLabelTiff(at('c.tif'), { width: 4, height: 3, data })
  assert.is((await readMicrograph(at('c.tif'))).pixelSize, null)
})

test('tags lie in order, and values on even places, as the format asks', async () => {
  await writeLabelTiff(
    at('d.tif'),
    { width: 500, height: 900, data: new Uint16Array(450_000).fill(9) },
    { pixelSize: 1e-8 },
  )
  const file = readFileSync(at('d.tif'))
  const start = file.readUInt32LE(4)
  assert.is(start % 2, 0)
  const tags = Array.from({ length: file.readUInt16LE(start) }, (_, i) => file.readUInt16LE(start + 2 + 12 * i))
  assert.equal(
    tags,
    [...tags].sort((a, b) => a - b),
  )
  const strips = start + 2 + 12 * tags.indexOf(273)
  assert.is(file.readUInt32LE(strips + 4), Math.ceil(900 / Math.floor(2 ** 18 / 1000)))
  assert.is(file.readUInt32LE(strips + 8) % 2, 0)
})

test('data that do not fit the size are not written', async () => {
  for (const [width, height, count] of [
    [2, 2, 3],
    [0, 5, 0],
  ]) {
    let message = ''
    const labels = { width, height, data: new Uint16Array(count) }
    await writeLabelTiff(at('no.tif'), labels).catch((error) => (message = error.message))
    assert.match(message, /labels expected/)
  }
  assert.not.ok(readdirSync(folder).includes('no.tif'))
})

test.run()
