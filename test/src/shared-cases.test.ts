/** @file The inputs that users of neighbouring tools reported, as small files beside the repository: each with the value that is right. */
import { readdirSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { test as uvu } from 'uvu'
import * as assert from 'uvu/assert'
import { checkDataset } from '../../src/dataset/check'
import { openDataset } from '../../src/dataset/dataset'
import { type FormatName, formats } from '../../src/dataset/formats'
import { importAnnotations } from '../../src/dataset/import-annotations'
import { countPages, readMicrograph } from '../../src/images/micrograph'
import { readImage } from '../../src/images/read-image'
import { readLabels } from '../../src/images/read-labels'
import { toRGB8 } from '../../src/images/rgb8'
import { openCheckpoint } from '../../src/weights/checkpoint'
import { fileSource } from '../../src/weights/open-file'
import { openPth } from '../../src/weights/pth'
import { readSafetensors } from '../../src/weights/safetensors'
import { readAdapter } from '../../src/weights/peft'
import { put, refusal, scratch } from '../support/files'
import { testNeedingShared } from '../support/needs'

const cases = '../shared/cases'
const test = testNeedingShared(cases)
const at = (...path: string[]) => join(cases, ...path)

async function imported(from: string, format: FormatName, images: string, splitPieces = false) {
  const out = join(scratch(), 'out')
  const run = { from, format: formats[format], images, out, classes: [], splitPieces, suffix: '', closeLines: false }
  const summary = await importAnnotations(run)
  const maps = await Promise.all(
    (summary.images ? readdirSync(join(out, 'masks')) : []).map((file) => readLabels(join(out, 'masks', file))),
  )
  const areas = maps.map(({ data }) => data.reduce((sum, value) => sum + (value ? 1 : 0), 0))
  return { ...summary, areas, maps, reasons: summary.problems.map(({ reason }) => reason).join('\n') }
}

test('COCO as CVAT, Label Studio, Roboflow, pandas and SA-1B write it', async () => {
  for (const [folder, area] of [
    ...['flat-polygon', 'width-null', 'nan-json', 'image-id-string', 'ls-backslash-path', 'empty-inner-polygon'].map(
      (name) => [name, 225] as const,
    ),
    ...(['bom', 'nfd-name'] as const).map((name) => [name, 225] as const),
    ['sa1b', 400] as const,
  ]) {
    const path = at(`coco-${folder}`)
    const { images, instances, areas, reasons } = await imported(join(path, 'a.json'), 'coco', join(path, 'images'))
    assert.equal([images, instances, areas, reasons], [1, 1, [area], ''], folder)
    const data = scratch()
    await cp(join(path, 'images'), join(data, 'images'), { recursive: true })
    const { items } = await openDataset(data, { coco: join(path, 'a.json') })
    assert.is(items[0].instances, 1, `${folder} with --coco`)
  }
  const list = at('coco-rle-as-list')
  assert.match(
    (await imported(join(list, 'a.json'), 'coco', join(list, 'images'))).reasons,
    /run lengths are inside a list/,
  )
  const crowds = at('coco-cvat-brush-iscrowd')
  const { instances, remarks } = await imported(join(crowds, 'annotations.json'), 'coco', join(crowds, 'images'))
  assert.is(instances, 71)
  assert.match(remarks[0], /37 masks are marked as crowds/)
  const { items, remarks: said } = await openDataset(crowds)
  assert.is(
    items.reduce((sum, item) => sum + item.instances, 0),
    71,
  )
  assert.is(said.length, 4)
})

test('labelme, and an image that EXIF turns', async () => {
  for (const folder of ['labelme-xany-rect4', 'labelme-only-imageData']) {
    const { instances, areas } = await imported(at(folder), 'labelme', at(folder))
    assert.equal([instances, areas], [1, [225]], folder)
  }
  const folder = at('exif-orientation')
  const upright = await sharp(at('exif-orientation', 'p.jpg')).rotate().toColourspace('b-w').raw().toBuffer()
  const image = await readImage(at('exif-orientation', 'p.jpg'))
  assert.is(image.orientation, 6)
  assert.equal(Buffer.from(image.data as Uint8Array), image.channels === 1 ? upright : Buffer.from(image.data))
  const { maps } = await imported(join(folder, 'a.json'), 'coco', folder)
  const [map] = maps
  const inside = (x: number, y: number) => x >= 5 && x < 20 && y >= 5 && y < 40
  assert.ok(map.data.every((value, i) => value === +inside(i % map.width, Math.floor(i / map.width))))
})

test('label maps: values as stored, and what is none', async () => {
  // the files hold the labels 1 to 19 (1 to 13 the third), whatever their README calls them
  for (const [folder, counts] of [
    ['labels-palette', [19, 19]],
    ['labels-int64', [19, 19]],
    ['labels-min-is-white', [19, 19, 13]],
  ] as const) {
    const { items } = await openDataset(at(folder))
    assert.equal(
      items.map(({ instances }) => instances),
      [...counts],
      folder,
    )
    for (const [i, file] of readdirSync(at(folder, 'masks')).sort().entries()) {
      const used = [...new Set((await readLabels(at(folder, 'masks', file))).data)].sort((a, b) => a - b)
      assert.equal(
        used,
        Array.from({ length: counts[i] + 1 }, (_, id) => id),
        `${folder}/${file}`,
      )
    }
  }
  const { findings } = await checkDataset(at('labels-jpeg-inside'))
  assert.is(
    findings.filter(({ level, message }) => level === 'error' && /changes pixel values/.test(message)).length,
    3,
  )
  const bool = at('bool-tiff-by-tifffile')
  const pieces = await imported(join(bool, 'masks'), 'labels', join(bool, 'images'), true)
  assert.equal([pieces.instances, pieces.areas], [10, [5 * 437, 5 * 437]])
  // one mask of all particles is said before a training, too
  const { remarks } = await openDataset(bool)
  assert.match(remarks[0].reason, /its only label, 1, has 5 connected components: this is one mask of all particles/)
})

test('pixels: planes, values without data, stacks, predictors, kinds that are not read', async () => {
  const [expected] = [await readImage(at('tiff-planar-gray', 'expected_plane_1.png'))]
  for (const file of ['two_planes_u16.tif', 'two_planes_u16_rps1.tif'])
    assert.equal((await readImage(at('tiff-planar-gray', file))).data, expected.data, file)
  const nodata = await readMicrograph(at('float-nodata', 'nd-9999.tif'), { crop: 'none' })
  assert.match(nodata.remarks.join(), /5\.0 % of its pixels hold -9999, which is no gray value/)
  const shown = toRGB8(nodata.image)
  const { data } = nodata.image
  for (let i = 0; i < data.length; i++) {
    const wanted = data[i] === -9999 ? 0 : 255 * data[i]
    assert.ok(Math.abs(shown[3 * i] - wanted) < 1.5, `value ${data[i]} is shown as ${shown[3 * i]}`)
  }
  const stack = at('imagej-stack-one-directory', 'stack.tif')
  assert.is(await countPages(stack), 5)
  const means = await Promise.all(
    [0, 1, 2, 3, 4].map(async (page) => {
      const { image } = await readMicrograph(stack, { page, crop: 'none' })
      return (image.data as Uint8Array).reduce((sum, value) => sum + value, 0) / image.data.length
    }),
  )
  assert.is(new Set(means).size, 5)
  const half = await readImage(at('tiff-refused', 'f16_predictor3.tif'))
  for (const file of ['f64_deflate.tif', 'f64_tiled.tif']) {
    const { data } = await readImage(at('tiff-refused', file))
    assert.ok(
      data.every((value, i) => Math.abs(value - half.data[i]) <= 2 ** -10 * Math.abs(value)),
      file,
    )
  }
  assert.match(await refusal(readImage(at('tiff-refused', 'zstd.tif'))), /compressed by ZSTD, which is not read/)
})

test('pixel sizes with a decimal comma', async () => {
  for (const [file, metres] of [
    ['decimal-comma-fei/fei.tif', 1.35e-9],
    ['decimal-comma-fei/zeiss.tif', 2.698e-9],
    ['decimal-comma-fei/hitachi.tif', 9.92e-9],
    ['jeol-comma-marker/a.png', 1.25e-8],
  ] as const) {
    const { pixelSize } = await readMicrograph(at(file))
    assert.ok(Math.abs(pixelSize!.metres / metres - 1) < 1e-12, `${file}: ${pixelSize?.metres}`)
  }
  const folder = scratch()
  await cp(at('labels-palette'), folder, { recursive: true })
  put(join(folder, 'groups.csv'), 'name;group\nscene-0001;A\nscene-0002;A\n')
  const { items } = await openDataset(folder, { groupBy: 'column:group' })
  assert.equal(
    items.map(({ group }) => group),
    ['A', 'A'],
  )
})

test('checkpoints and adapters hold the same numbers under every name', async () => {
  const toy = await openCheckpoint('golden/files/toy_vit.pth')
  for (const file of readdirSync(at('checkpoints')).filter((name) => /\.(pth|pt|ckpt)$/.test(name))) {
    const path = at('checkpoints', file)
    if (file.startsWith('18-')) assert.match(await refusal(openCheckpoint(path)), /SAM 2, which is another model/)
    else if (file.startsWith('29-')) assert.match(await refusal(openCheckpoint(path)), /pointer of Git LFS/)
    else {
      const opened = await openCheckpoint(path)
      const model = [...opened.tensors].filter(([name]) => !name.startsWith('pixel_'))
      assert.equal(model.map(([name]) => name).sort(), [...toy.tensors.keys()].sort(), file)
      for (const [name, tensor] of model)
        assert.equal(await tensor.read(), await toy.tensors.get(name)!.read(), `${file}: ${name}`)
      if (file.startsWith('15-')) assert.ok(opened.pixels, 'its pixel_mean and pixel_std are known')
      await opened.close()
    }
  }
  await toy.close()
  /** The change of each layer's weights, s·B·A; a fused layer has parts without a change. */
  const changes = ({ config, tensors: { targets } }: Awaited<ReturnType<typeof readAdapter>>) => {
    const found = new Map<string, number[]>()
    for (const [name, { A, B, r, inDim, outDim }] of targets) {
      const change = Array.from({ length: inDim * outDim }, (_, i) => {
        let sum = 0
        for (let k = 0; k < r; k++) sum += B[Math.floor(i / inDim) * r + k] * A[k * inDim + (i % inDim)]
        return (sum * config.lora_alpha) / config.r
      })
      if (change.some((value) => value)) found.set(name, change)
    }
    return found
  }
  const plain = changes(await readAdapter(at('adapters', '00-plain')))
  assert.ok(plain.size > 0)
  for (const folder of readdirSync(at('adapters'), { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const read = changes(await readAdapter(at('adapters', folder.name)))
    assert.equal([...read.keys()].sort(), [...plain.keys()].sort(), folder.name)
    for (const [name, change] of read)
      assert.ok(
        change.every((value, i) => Math.abs(value - plain.get(name)![i]) < 1e-6),
        `${folder.name}: ${name}`,
      )
  }
})

test('hostile files are refused with their names, before they take memory or time', async () => {
  for (const file of readdirSync(at('hostile'))) {
    const path = at('hostile', file)
    // pth-crc-zero.pth is sound: torch writes no checksum if it is told so
    if (/^(pickle|pth-zero|pth-partial)/.test(file)) {
      const open = fileSource(path)
        .then(openPth)
        .then(async (file) => {
          try {
            for (const tensor of file.tensors.values()) await tensor.read()
          } finally {
            await file.close()
          }
        })
      assert.match(await refusal(open), basename(path))
    }
    if (file.endsWith('.tif') || file.startsWith('tiff-'))
      await readMicrograph(path).catch(({ message }: Error) => assert.match(message, basename(path)))
    if (file.endsWith('.safetensors'))
      for (const { data } of (await readSafetensors(path)).values())
        assert.ok(data.every((value) => value === 0 || value === 1))
    if (file === 'hdr-newlines-100K.png') assert.is((await readMicrograph(path)).pixelSize, null)
  }
})

uvu.run()
