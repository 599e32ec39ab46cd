import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countPages, readMicrograph } from '../../../src/images/micrograph'
import { readImage } from '../../../src/images/read-image'
import { readLabels } from '../../../src/images/read-labels'
import { listInputs } from '../../../src/project/input-images'
import { array, dmFile, dmImage, dmWith, group, number, text } from '../../support/dm-files'

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-dm-'))
test.after(() => rm(scratch, { recursive: true }))

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(scratch, name)
  await writeFile(path, bytes)
  return path
}
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => `${error.name}: ${error.message}`,
  )

const [width, height] = [5, 3]
const count = width * height
const values = Array.from({ length: count }, (_, i) => (i * 37) % 101)
const nm: [number, string][] = [
  [0.25, 'nm'],
  [0.25, 'nm'],
]

/** DataType, type of the numbers, bytes of a number, writer, depth. */
const kinds: [string, number, number, number, (bytes: Buffer, value: number, at: number) => void, number][] = [
  ['int16', 1, 2, 2, (bytes, value, at) => bytes.writeInt16LE(value - 50, at), 32],
  ['float', 2, 6, 4, (bytes, value, at) => bytes.writeFloatLE(value - 50, at), 32],
  ['uint8', 6, 10, 1, (bytes, value, at) => bytes.writeUInt8(value, at), 8],
  ['int32', 7, 3, 4, (bytes, value, at) => bytes.writeInt32LE(value - 50, at), 32],
  ['int8', 9, 9, 1, (bytes, value, at) => bytes.writeInt8(value - 50, at), 32],
  ['uint16', 10, 4, 2, (bytes, value, at) => bytes.writeUInt16LE(value * 600, at), 16],
  ['uint32', 11, 5, 4, (bytes, value, at) => bytes.writeUInt32LE(value, at), 32],
  ['double', 12, 7, 8, (bytes, value, at) => bytes.writeDoubleLE(value - 50, at), 32],
]

for (const version of [3, 4] as const)
  test(`DM${version}: the image beside the thumbnail, of every type of number, with its pixel size`, async () => {
    for (const [name, dataType, numbers, size, put, depth] of kinds) {
      const bytes = Buffer.alloc(count * size)
      values.forEach((value, i) => put(bytes, value, i * size))
      const path = await file(
        `${name}.dm${version}`,
        dmWith(version, dmImage({ sides: [width, height], dataType, numbers, bytes, scale: nm })),
      )
      const { image, pages, pixelSize, remarks } = await readMicrograph(path)
      assert.equal([image.width, image.height, image.channels, image.depth, pages], [width, height, 1, depth, 1], name)
      const signed = ['int16', 'float', 'int32', 'int8', 'double'].includes(name)
      const expected = values.map((value) => (signed ? value - 50 : name === 'uint16' ? value * 600 : value))
      assert.equal([...image.data], expected, name)
      assert.equal(pixelSize, { metres: 2.5e-10, from: `Gatan DM${version} file` })
      assert.equal(remarks, [])
      assert.equal((await readImage(path)).data, image.data)
    }
  })

const bytes = Buffer.from(values)
const plain = { sides: [width, height], dataType: 6, numbers: 10, bytes }

test('units: µm and Å in every spelling; diffraction and unknown units give no size, and a remark', async () => {
  const read = async (...scale: [number, string][]) => {
    const { pixelSize, remarks } = await readMicrograph(
      await file('units.dm4', dmWith(4, dmImage({ ...plain, scale }))),
    )
    return { metres: pixelSize?.metres, remark: remarks.join() }
  }
  for (const unit of ['µm', 'μm', 'um'])
    assert.ok(Math.abs((await read([0.5, unit], [0.5, unit])).metres! - 5e-7) < 1e-13, unit)
  assert.ok(Math.abs((await read([2, 'Å'], [2, 'Å'])).metres! - 2e-10) < 1e-16)
  assert.match(
    (await read([0.01, '1/nm'], [0.01, '1/nm'])).remark,
    /its axes are in 1\/nm, as those of a diffraction pattern are/,
  )
  assert.match((await read([1, 'furlong'], [1, 'furlong'])).remark, /"furlong" is not a length; it is not used/)
  assert.match((await read([1, 'nm'], [2, 'nm'])).remark, /not square/)
  for (const scale of [
    [
      [1, ''],
      [1, ''],
    ],
    [
      [0, 'nm'],
      [0, 'nm'],
    ],
    [],
  ] as [number, string][][])
    assert.equal(await read(...scale), { metres: undefined, remark: '' })
})

test('colours, binary images, stacks, and the largest of several images', async () => {
  const colours = Buffer.alloc(4 * count)
  for (let i = 0; i < count; i++) colours.set([3, 2, 1, 9], 4 * i)
  const colour = await readImage(
    await file('colour.dm3', dmWith(3, dmImage({ ...plain, dataType: 23, numbers: 5, bytes: colours }))),
  )
  assert.is(colour.channels, 3)
  assert.equal([...colour.data.subarray(0, 6)], [1, 2, 3, 1, 2, 3])
  const binary = Buffer.from(values.map((value) => value & 1))
  const black = await readImage(
    await file('binary.dm3', dmWith(3, dmImage({ ...plain, dataType: 14, numbers: 8, bytes: binary }))),
  )
  assert.equal(
    [...black.data],
    values.map((value) => 255 * (value & 1)),
  )

  const stack = await file(
    'stack.dm4',
    dmWith(4, dmImage({ ...plain, sides: [width, height, 2], bytes: Buffer.concat([bytes, bytes.map((x) => x + 1)]) })),
  )
  assert.is(await countPages(stack), 2)
  assert.equal([...(await readMicrograph(stack)).image.data], values)
  const second = await readMicrograph(stack, { page: 1 })
  assert.equal([[...second.image.data], second.pages], [values.map((value) => value + 1), 2])
  assert.match(await refusal(readMicrograph(stack, { page: 2 })), /it has 2 pages, there is no page 3/)

  const small = dmImage({ ...plain, sides: [2, 2], bytes: Buffer.alloc(4) })
  const several = await file('several.dm3', dmWith(3, small, dmImage(plain), small))
  assert.is((await readImage(several)).width, width)
})

test('what is no image is named: spectra, spectrum images, Fourier transforms; none at all', async () => {
  const read = (...images: Parameters<typeof dmWith>) =>
    file('other.dm4', dmWith(...images)).then((path) => refusal(readImage(path)))
  assert.match(
    await read(4, dmImage({ ...plain, sides: [count] })),
    /cannot read the image .*other.dm4: it holds a profile or spectrum of one dimension, and no image/,
  )
  const eV: [number, string][] = [...nm, [1, 'eV']]
  assert.match(await read(4, dmImage({ ...plain, sides: [5, 3, 1], bytes })), /^$/)
  assert.match(
    await read(4, dmImage({ ...plain, sides: [5, 3, 2], bytes: Buffer.alloc(30), scale: eV })),
    /it holds a spectrum image \(5 x 3 x 2\), and no image/,
  )
  assert.match(
    await read(4, dmImage({ ...plain, dataType: 3, numbers: 6, bytes: Buffer.alloc(8 * count) })),
    /a Fourier transform, of complex numbers/,
  )
  assert.match(
    await read(4, dmImage({ ...plain, sides: [5, 3, 2, 2], bytes: Buffer.alloc(60) })),
    /data of 4 dimensions \(5 x 3 x 2 x 2\)/,
  )
  assert.match(await refusal(readImage(await file('empty.dm3', dmFile(3, group())))), /it holds no image/)
  const path = await file('labels.dm3', dmWith(3, dmImage(plain)))
  assert.match(
    await refusal(readLabels(path)),
    /as a label map: it is the file of a microscope; save label maps as PNG or TIFF/,
  )
})

test('a folder of such files is found, whatever the case of their names', async () => {
  const folder = await mkdtemp(join(scratch, 'in-'))
  for (const name of ['a.dm3', 'b.DM4']) await writeFile(join(folder, name), dmWith(4, dmImage(plain)))
  assert.equal((await listInputs([folder])).map(({ name }) => name).sort(), ['a', 'b'])
})

test('hostile files are refused: truncated at every byte, absurd counts, deep nesting, many tags', async () => {
  const whole = dmWith(3, dmImage(plain))
  const step = Math.ceil(whole.length / 150)
  for (let end = 1; end < whole.length - 8; end += step) {
    const message = await refusal(readImage(await file('cut.dm3', whole.subarray(0, end))))
    assert.match(message, /^UserError: cannot read the image .*cut\.dm3: /, `${end}`)
  }
  const tree = (root: Parameters<typeof dmFile>[1], version: 3 | 4 = 4) =>
    file('hostile.dm4', dmFile(version, root)).then((path) => refusal(readImage(path)))
  let deep = group()
  for (let i = 0; i < 100; i++) deep = group(['x', deep])
  assert.match(await tree(deep, 3), /nested more than 64 deep/)
  assert.match(await tree(group(['Data', array(10, Buffer.alloc(0), 2 ** 50)])), /truncated/)
  assert.match(await tree(group(['Data', array(99, Buffer.alloc(0), 1)])), /unknown type 99/)
  assert.match(
    await tree(group(['x', { value: { info: [20, 15, 0, 900], bytes: Buffer.alloc(8) } }])),
    /structure is not described/,
  )
  assert.match(
    await tree(group(['x', { value: { info: [15, 0, 2 ** 40], bytes: Buffer.alloc(8) } }])),
    /structure is not described/,
  )
  const many = Buffer.concat([Buffer.from([1, 0]), Buffer.alloc(8, 127)])
  const manyTags = Buffer.concat([dmFile(4, group()).subarray(0, 16), many, Buffer.alloc(2 ** 21, 0)])
  assert.match(await refusal(readImage(await file('many.dm4', manyTags))), /beyond all sizes|holds no image/)
  const tags = Array.from({ length: 200_001 }, (): [string, ReturnType<typeof number>] => ['', number(5, 1)])
  assert.match(await tree({ group: tags }, 3), /more than 200000 tags/)
  // claims more pixels than it has, or more than can be read
  const claims = (sides: number[], data: Buffer) =>
    file(
      'claims.dm4',
      dmWith(
        4,
        group([
          'ImageData',
          group(
            ['Data', array(10, data, data.length)],
            ['DataType', number(5, 6)],
            ['Dimensions', group(...sides.map((side): [string, ReturnType<typeof number>] => ['', number(5, side)]))],
            ['Name', text('x')],
          ),
        ]),
      ),
    ).then((path) => refusal(readImage(path)))
  assert.match(await claims([1000, 1000], Buffer.alloc(999)), /needs 1000000 bytes, and has 999/)
  assert.match(await claims([4_000_000_000, 4_000_000_000], Buffer.alloc(9)), /million that can be read at once/)
})

test.run()
