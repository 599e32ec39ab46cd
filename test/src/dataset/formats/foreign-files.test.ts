/** @file Files of programs whose formats are not read, given to every command that reads files: each is named, with the way on. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { openDataset } from '../../../../src/dataset/dataset'
import { type FormatName, formats } from '../../../../src/dataset/formats'
import { importAnnotations } from '../../../../src/dataset/import-annotations'
import { readImage } from '../../../../src/images/read-image'
import { mapFolder } from '../../../../src/measure/sources/label-maps'
import { listInputs } from '../../../../src/project/input-images'
import { findImages } from '../../../../src/project/review/image-list'
import { put, refusal, scratch } from '../../../support/files'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const after = (bytes: number, text: string) => latin1('\0'.repeat(bytes) + text)

/** What an import of the file says: its error, or its problems. */
async function imported(from: string, format: FormatName): Promise<string> {
  const images = join(dirname(from), 'images')
  await mkdir(images, { recursive: true })
  await sharp({ create: { width: 8, height: 8, channels: 3, background: 'gray' } })
    .png()
    .toFile(join(images, 'p.png'))
  const run = { from, format: formats[format], images, out: join(scratch(), 'out'), classes: [], splitPieces: false }
  try {
    const { problems } = await importAnnotations({ ...run, suffix: '', closeLines: false })
    return problems.map(({ reason }) => reason).join('\n')
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

const polygon = '"geometry":{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,0]]]}'
const binary: [string, Uint8Array, RegExp][] = [
  ['a.czi', latin1('ZISRAWFILE\0\0'), /CZI file of Zeiss.*save it as TIFF/],
  ['a.lif', latin1('p\0\0\0\x64\0\0\0\x2a\0\0\0\0<\0L\0M\0S\0'), /LIF file of Leica.*save it as TIFF/],
  ['a.nd2', latin1('\xda\xce\xbe\x0a\0\0\0\0'), /ND2 file of Nikon.*save it as TIFF/],
  ['a.oib', latin1('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0'), /OIB of Olympus.*save it as TIFF/],
  ['a.sis', latin1('SIS0\0\0'), /file of Olympus.*save it as TIFF/],
  ['a.ser', latin1('II\x97\x01\x20\x02\0'), /SER file of TIA.*save it as TIFF/],
  ['a.mrc', after(208, 'MAP \0'), /MRC file.*save it as TIFF/],
  ['a.dcm', after(128, 'DICM\0'), /DICOM.*save it as TIFF/],
  ['a_seg.npy', latin1("\x93NUMPY\x01\0v\0{'descr': '|O', }"), /Cellpose.*save the masks in Cellpose as PNG or TIFF/],
  ['a.npy', latin1("\x93NUMPY\x01\0v\0{'descr': '<u2', }"), /array of NumPy.*tifffile\.imwrite/],
  ['a.npz', latin1(`PK\x03\x04${'\0'.repeat(26)}labels.npy`), /array of NumPy.*tifffile\.imwrite/],
  ['a.mat', latin1('MATLAB 5.0 MAT-file'), /MATLAB file.*imwrite/],
  ['a.h5', latin1('\x89HDF\r\n\x1a\n\0\0'), /HDF5.*ilastik/],
]

test('binary files of microscopes and programs, in place of annotations', async () => {
  const folder = scratch()
  for (const [name, content, expected] of binary) {
    const path = put(join(folder, name), content)
    for (const format of ['coco', 'labelme', 'cvat', 'via'] as const) {
      const message = await imported(path, format)
      // nothing in a file of Olympus's older kinds says what it is
      if (name === 'a.sis') continue
      assert.match(message, expected, `${name} as ${format}`)
    }
    if (name !== 'a.h5') assert.match(await imported(path, 'labels'), expected, `${name} as labels`)
  }
  assert.match(await imported(join(folder, 'a.czi'), 'imagej'), /a\.czi as an ROI set of ImageJ: .*CZI/)
})

test('JSON and XML of other annotation programs', async () => {
  const folder = scratch()
  const files: [string, string, RegExp][] = [
    ['q.geojson', `{"type":"FeatureCollection","features":[{"type":"Feature",${polygon}}]}`, /QuPath.*--format labels/],
    ['q.json', `[{"type":"Feature",${polygon}}]`, /QuPath.*--format labels/],
    ['s.json', '{"size":{"height":8,"width":8},"objects":[]}', /Supervisely: export the project as COCO/],
    ['d.json', '{"version":"2.0","item":{},"annotations":[]}', /Darwin.*COCO/],
    ['b.json', '[{"data_row":{"id":"x"},"projects":{}}]', /Labelbox.*COCO/],
    ['g.json', '{"dataset":{"samples":[]}}', /Segments\.ai.*COCO/],
    ['z.json', '{"zarr_format":3,"node_type":"group"}', /Zarr.*--format labels/],
  ]
  for (const [name, content, expected] of files) {
    const path = put(join(folder, name), content)
    for (const format of ['coco', 'via', 'labelme', 'label-studio'] as const)
      // a list of objects is a list of tasks
      if (!(format === 'label-studio' && content.startsWith('[')))
        assert.match(await imported(path, format), expected, `${name} as ${format}`)
    assert.match(await imported(path, 'cvat'), /no element <annotations>; it is/, name)
  }
  const own: [FormatName, string][] = [
    ['coco', '{"images":[],"annotations":[]}'],
    ['labelme', '{"shapes":[],"imagePath":"p.png"}'],
    ['via', '{"p.png1":{"filename":"p.png","regions":[]}}'],
    ['label-studio', '[{"data":{"image":"p.png"},"annotations":[]}]'],
  ]
  for (const [format, content] of own) {
    const path = put(join(folder, 'own.json'), content)
    for (const [other] of own)
      if (other !== format && !(other === 'label-studio' && content.startsWith('[')))
        assert.match(await imported(path, other), new RegExp(`--format ${format}$`, 'm'), `${format} as ${other}`)
  }
  const voc = put(join(folder, 'voc.xml'), '<annotation><filename>p.png</filename></annotation>')
  for (const format of ['cvat', 'coco'] as const)
    assert.match(await imported(voc, format), /Pascal VOC, which holds boxes/)
  const cvat = put(join(folder, 'cvat.xml'), '<?xml version="1.0"?>\n<annotations><version>1.1</version></annotations>')
  assert.match(await imported(cvat, 'coco'), /XML of CVAT.*--format cvat/)
})

test('folders of such files: what is in them, and the way on', async () => {
  const [raw, zarr, data] = [scratch(), join(scratch(), 'x.zarr'), scratch()]
  for (const name of ['b.czi', 'a.czi', 'notes.pdf']) put(join(raw, name), 'x')
  put(join(zarr, '.zgroup'), '{"zarr_format":2}')
  put(join(data, 'masks', 'p_seg.npy'), 'x')
  put(join(data, 'images', 'p.png'), 'x')
  const czi = /2 files such as [ab]\.czi: it is a CZI file of Zeiss, which is not read\. To use it, open it in .*Fiji/
  assert.match(await refusal(listInputs([raw])), czi)
  assert.match(await refusal(findImages(raw)), czi)
  assert.match(await refusal(mapFolder(raw, null, raw)), czi)
  assert.match(await refusal(openDataset(raw)), czi)
  for (const message of [refusal(listInputs([zarr])), refusal(findImages(zarr)), imported(zarr, 'labels')])
    assert.match(await message, /x\.zarr: it is Zarr, as OME-Zarr is.*as TIFF/)
  assert.match(await refusal(openDataset(data)), /no label map of this name .*p_seg\.npy: .*Cellpose.*save the masks/)
  assert.match(await refusal(openDataset(join(data, 'images', 'p.png'))), /is a file, not a folder/)
})

test('kinds of JPEG that are not read are no damaged files', async () => {
  const folder = scratch()
  const frame = (marker: number, bits: number) =>
    Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, marker, 0, 11, bits, 0, 8, 0, 8, 1, 1, 0x11, 0, 0xff, 0xd9])
  const kinds: [number, number, string][] = [
    [0xc1, 12, 'it is JPEG of 12 bits'],
    [0xc3, 16, 'it is lossless JPEG of 16 bits'],
    [0xf7, 8, 'it is JPEG-LS of 8 bits'],
  ]
  for (const [marker, bits, expected] of kinds) {
    const message = await refusal(readImage(put(join(folder, 'p.jpg'), frame(marker, bits))))
    assert.match(message, `${expected}, which is not read: save it as PNG or TIFF`)
  }
  assert.match(await refusal(readImage(put(join(folder, 'p.jpg'), frame(0xc0, 8)))), /damaged or truncated/)
})

test.run()
