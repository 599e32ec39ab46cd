/** @file EMD files, written by h5wasm as Velox and NCEM lay them out; another program's files in the last test. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { builtFolder } from '../../../src/host/dist-folder'
import { countPages, readMicrograph } from '../../../src/images/micrograph'
import { readLabels } from '../../../src/images/read-labels'
import { listInputs } from '../../../src/project/input-images'
import { testNeeding } from '../../support/needs'

/** What the tests use of h5wasm to write files. */
interface WritableGroup {
  create_group(name: string): WritableGroup
  create_dataset(args: { name: string; data: unknown; shape?: number[]; dtype?: string }): WritableGroup
  create_attribute(name: string, value: unknown): void
}
type Library = { ready: Promise<unknown>; File: new (path: string, mode: 'w') => WritableGroup & { close(): void } }

const name = 'h5wasm/node'
const library: Library | null = await import(name).then(
  ({ default: all }) => all,
  () => null,
)
if (library) await library.ready
const missing = !library
  ? 'the optional package h5wasm is not installed'
  : builtFolder('emd-worker.js')
    ? null
    : 'dist/emd-worker.js is not built'
const testing = testNeeding('hdf5', missing)

const scratch = await mkdtemp(join(tmpdir(), 'wgsam-emd-'))
test.after(() => rm(scratch, { recursive: true }))
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => `${error.name}: ${error.message}`,
  )

function write(file: string, fill: (root: WritableGroup) => void): string {
  const path = join(scratch, file)
  const root = new library!.File(path, 'w')
  fill(root)
  root.close()
  return path
}

const [width, height, frames] = [6, 4, 3]
const valueAt = (x: number, y: number, frame: number) => 1000 * frame + 10 * y + x
const pixels = (frame: number) =>
  Array.from({ length: width * height }, (_, i) => valueAt(i % width, Math.floor(i / width), frame))

function velox(images: WritableGroup, id: string, metadata: unknown, side: [number, number] = [height, width]): void {
  const group = images.create_group(id)
  const data = new Uint16Array(side[0] * side[1] * frames)
  for (let i = 0; i < data.length; i++) {
    const at = Math.floor(i / frames)
    data[i] = valueAt(at % side[1], Math.floor(at / side[1]), i % frames)
  }
  group.create_dataset({ name: 'Data', data, shape: [...side, frames], dtype: '<H' })
  const text = Buffer.from(typeof metadata === 'string' ? metadata : JSON.stringify(metadata))
  const column = new Uint8Array(4096 * frames)
  for (let frame = 0; frame < frames; frame++) text.forEach((byte, i) => (column[i * frames + frame] = byte))
  group.create_dataset({ name: 'Metadata', data: column, shape: [4096, frames], dtype: '<B' })
}
const pixelOf = (size: string, unit = 'm') => ({
  BinaryResult: { PixelSize: { width: size, height: size }, PixelUnitX: unit, PixelUnitY: unit },
})
const inImages = (fill: (images: WritableGroup) => void) => (root: WritableGroup) =>
  fill(root.create_group('Data').create_group('Image'))

testing('Velox: frames are pages, the pixel size comes from the JSON text, the largest image is taken', async () => {
  const path = write(
    'velox.emd',
    inImages((images) => {
      velox(images, 'a', pixelOf('1e-9'), [2, 2])
      velox(images, 'b', pixelOf('2.5e-10'))
    }),
  )
  assert.is(await countPages(path), frames)
  for (const page of [0, 2]) {
    const { image, pixelSize, pages, remarks } = await readMicrograph(path, { page })
    assert.equal([image.width, image.height, image.channels, image.depth, pages], [width, height, 1, 16, frames])
    assert.equal([...image.data], pixels(page))
    assert.equal(pixelSize, { metres: 2.5e-10, from: 'Velox metadata' })
    assert.equal(remarks, [])
  }
  assert.match(await refusal(readMicrograph(path, { page: 3 })), /velox\.emd: it has 3 pages, there is no page 4/)
  assert.match(await refusal(readLabels(path)), /it is an HDF5 file, as ilastik and microscopes write it/)
  assert.equal(
    (await listInputs([scratch])).map(({ name }) => name),
    ['velox'],
  )
})

testing('Velox: a diffraction pattern, damaged metadata and other units give no size, and a remark', async () => {
  const read = async (metadata: unknown) => {
    const path = write(
      'velox-units.emd',
      inImages((images) => velox(images, 'a', metadata)),
    )
    const { pixelSize, remarks, image } = await readMicrograph(path)
    assert.equal([...image.data], pixels(0))
    return [pixelSize?.metres, remarks.join()]
  }
  assert.equal(await read(pixelOf('1e-9')), [1e-9, ''])
  const [none, remark] = await read(pixelOf('1e7', '1/m'))
  assert.is(none, undefined)
  assert.match(remark as string, /its axes are in 1\/m, as those of a diffraction pattern are/)
  assert.match((await read('{"BinaryResult": {'))[1] as string, /Velox metadata cannot be read/)
  assert.equal(await read({}), [undefined, ''])
  assert.match((await read(pixelOf('5')))[1] as string, /not plausible/)
})

function ncem(
  root: WritableGroup,
  data: Float32Array | Uint8Array | Int16Array,
  shape: number[],
  units: string[],
  steps: number[],
  first = 1,
) {
  const group = root.create_group('experiment').create_group('image')
  group.create_attribute('emd_group_type', 1)
  const dtype = data instanceof Float32Array ? '<f' : data instanceof Uint8Array ? '<B' : '<h'
  group.create_dataset({ name: 'data', data, shape, dtype })
  shape.forEach((side, i) => {
    const axis = group.create_dataset({
      name: `dim${i + first}`,
      data: Float64Array.from({ length: side }, (_, k) => 3 + k * steps[i]),
      shape: [side],
      dtype: '<d',
    })
    axis.create_attribute('units', units[i])
  })
}

testing(
  'NCEM: the axes give the pixel size; floats, signed integers and bytes; the first axis of three is a stack',
  async () => {
    const plain = new Float32Array(pixels(0)).map((x) => x / 8)
    const read = (...args: [Parameters<typeof ncem>[1], number[], string[], number[]]) =>
      readMicrograph(write('ncem.emd', (root) => ncem(root, ...args)))
    const float = await read(plain, [height, width], ['[n_m]', '[n_m]'], [0.5, 0.5])
    assert.equal([float.image.width, float.image.height, float.image.depth, float.pages], [width, height, 32, 1])
    assert.equal([...float.image.data], [...plain])
    assert.is(float.pixelSize!.from, 'EMD axes')
    assert.ok(Math.abs(float.pixelSize!.metres - 5e-10) < 1e-22)

    // emdfile counts the axes from 0
    const zero = write('emdfile.emd', (root) => ncem(root, plain, [height, width], ['nm', 'nm'], [0.25, 0.25], 0))
    assert.is((await readMicrograph(zero)).pixelSize?.metres, 2.5e-10)

    const stack = new Int16Array([...pixels(0), ...pixels(1).map((x) => -x)])
    const path = write('ncem-stack.emd', (root) =>
      ncem(root, stack, [2, height, width], ['', '[u_m]', '[u_m]'], [1, 0.01, 0.01]),
    )
    const second = await readMicrograph(path, { page: 1 })
    assert.equal([second.image.depth, second.pages], [32, 2])
    assert.equal(
      [...second.image.data],
      pixels(1).map((x) => -x),
    )
    assert.ok(Math.abs(second.pixelSize!.metres - 1e-8) < 1e-18)

    const bytes = await read(new Uint8Array(pixels(0)), [height, width], ['[n_m^-1]', '[n_m^-1]'], [1, 1])
    assert.equal([bytes.image.depth, [...bytes.image.data]], [8, pixels(0)])
    assert.is(bytes.pixelSize, null)
    assert.match(bytes.remarks.join(), /its axes are in nm\^-1, as those of a diffraction pattern are/)
    assert.match(
      (await read(new Uint8Array(pixels(0)), [height, width], ['nm', 'nm'], [1, 2])).remarks.join(),
      /not square/,
    )
  },
)

testing(
  'other HDF5 files, truncated, damaged and deeply nested ones are refused, with nothing of the library’s own output',
  async () => {
    const { stderr } = process
    const written: unknown[] = []
    const before = stderr.write
    stderr.write = (chunk: unknown) => (written.push(chunk), true)
    try {
      const other = write('other.emd', (root) =>
        root.create_dataset({ name: 'table', data: new Float32Array(5), shape: [5] }),
      )
      assert.match(
        await refusal(readMicrograph(other)),
        /other\.emd: it is an HDF5 file without an image in the layout of Velox or of NCEM/,
      )
      const deep = write('deep.emd', (root) => {
        let group = root
        for (let i = 0; i < 40; i++) group = group.create_group('x')
      })
      assert.match(await refusal(readMicrograph(deep)), /without an image/)
      const whole = await readFile(
        write(
          'whole.emd',
          inImages((images) => velox(images, 'a', pixelOf('1e-9'))),
        ),
      )
      const path = join(scratch, 'hostile.emd')
      for (const end of [9, 100, 700, whole.length >> 1, whole.length - 1]) {
        await writeFile(path, whole.subarray(0, end))
        assert.match(
          await refusal(readMicrograph(path)),
          /^UserError: cannot read the image .*hostile\.emd: the HDF5 file is damaged or truncated: ./,
        )
      }
      // whatever a changed byte does: an image, or a refusal that names the file
      for (let at = 8; at < 2000; at += 199) {
        const damaged = Buffer.from(whole)
        for (let i = at; i < at + 4; i++) damaged[i] ^= 0xff
        await writeFile(path, damaged)
        const message = await refusal(readMicrograph(path))
        assert.ok(message === '' || /^UserError: cannot read the image .*hostile\.emd: /.test(message), message)
      }
    } finally {
      stderr.write = before
    }
    assert.equal(written, [])
  },
)

/** A file of NCEM's layout, changed at random by a fuzzer, that the HDF5 library does not finish; compressed by gzip. */
const ENDLESS =
  'H4sIAAAAAAACA+v0cHHj5ZLiYuLgYICB/1CwRwLCN4CK31/QIeDv4RLEpCDrw52NjCuYhJA1wgAXEwMjAwMbPwOQYklJLEk8DLPClYE6IO5iED' +
  'c5ThIAOYk1MzcxPTWMEWqWC3WcZFxxOAqHkwSA1iqyQJQZQpVDHASSyWNFleHRYWBgZuBn4GEAaknNTYlPL8ovLYgvqSxIZRAAxhbEIAUGJgaQ' +
  'Z1DC+SXMT8xgsp1BvxXsJEV0JzEwMqowMDAxMTJCLWdgh9LofGYRBkZBBXm4reIcDOL1IHVA9zNzcQADm5mRAZqGemBhsYBh0IP78+1P4gwbEW' +
  'DYMCLChpWEsOiBhoUIVI+oEEg5enLkMQfFERtQFVCyNC+zpJhBUpGRAZgawBgSjRzgKAZZvgBqKFg8nuZh822F0j1/Zw9v7FkJlt4ycw1ZIemM' +
  '4Yv26iWEApOdjIS1AFoSydAiMJnoE5hrNC4rgQITu9sRgWkUBC0heA/ZcjOMglFAc+BQ6cLg8NOF4YOVK5DtynBitivDh12uDBK3gPyfrgwmPG' +
  '4MJ6TdGGK03YBq3BhavNwYJKLcGNZkugHVuzFktbgxmPS4MfybDFQ3241h0mKg2tVuDGqbgep3uTHsOgTUc8qNwe8SUN8tN4ZHD4F6X7oxlH0E' +
  '6v/pxtDK4M6QxeIOcw0DQwMQHwBiBkd3Z38fcMYVgJZ8jGhlcXRefG4sLBdjEYeBA/yj8TwKRsEoGAX0B2l8o2EwCkbBKBgFo2AUjIJRMApIGa' +
  'JAHhRgYFAAYgdHAKnNprq9GAAA'

testing('a file that the HDF5 library does not finish is refused, with what to do', async () => {
  const path = join(scratch, 'endless.emd')
  await writeFile(path, gunzipSync(Buffer.from(ENDLESS, 'base64')))
  assert.match(
    await refusal(readMicrograph(path)),
    /endless\.emd: the HDF5 library did not read it within 5 seconds: .* Open it in the program that wrote it and export the image as TIFF$/,
  )
})

test.run()
