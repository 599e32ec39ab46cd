/** @file Annotation files of other programs, and tables beside a dataset. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { zipOf } from '../../../src/host/zip-writer'
import { cocoLabels } from '../../../src/dataset/coco-file'
import { formats, type FormatName } from '../../../src/dataset/formats'
import { readGroups } from '../../../src/dataset/groups'
import { readPixelSizes } from '../../../src/measure/sources/pixel-size-column'
import { readReferenceCurve } from '../../../src/measure/sources/reference-curve'
import { part, type Reader } from '../reader'

const size = { width: 32, height: 24 }
const square = [1, 1, 9, 1, 9, 9, 1, 9]
const points = [
  [1, 1],
  [9, 1],
  [9, 9],
]

/** Reads annotations of a format, and the shapes of each image, as `wgsam dataset import` does. */
async function annotations(format: FormatName, path: string, folder: string): Promise<unknown> {
  const options = { images: join(folder, 'images'), closeLines: true, suffix: '' }
  const { images, problems } = await formats[format].read(path, options)
  const found: unknown[] = [problems]
  for (const image of images.slice(0, 20)) {
    const differs = image.size && (image.size.width !== size.width || image.size.height !== size.height)
    if (differs) continue
    found.push(
      await part(async () => {
        const read = await image.read(size)
        if ('data' in read) return read.data
        const bad: string[] = []
        const labels = cocoLabels(size, read.shapes, (_, reason) => bad.push(reason))
        return [labels.data, bad, read.leftOut, read.damaged]
      }),
    )
    if (image.embedded) found.push(await part(image.embedded))
  }
  return found
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const coco = {
  images: [{ id: 1, file_name: 'p.png', ...size }],
  categories: [{ id: 1, name: 'particle' }],
  annotations: [
    { id: 1, image_id: 1, category_id: 1, iscrowd: 0, segmentation: [square], bbox: [1, 1, 8, 8], area: 64 },
    { id: 2, image_id: 1, category_id: 1, iscrowd: 1, attributes: {}, segmentation: { size: [24, 32], counts: [0, 5, 763] } }, // prettier-ignore
    { id: 3, image_id: 1, category_id: 1, segmentation: { size: [24, 32], counts: '05cg0' } },
  ],
}
const via = {
  'p.png100': {
    filename: 'p.png',
    size: 100,
    regions: [
      { shape_attributes: { name: 'polygon', all_points_x: [1, 9, 9], all_points_y: [1, 1, 9] }, region_attributes: { type: 'a' } }, // prettier-ignore
      { shape_attributes: { name: 'ellipse', cx: 9, cy: 9, rx: 4, ry: 3, theta: 0.3 }, region_attributes: {} },
      { shape_attributes: { name: 'rect', x: 1, y: 2, width: 5, height: 6 }, region_attributes: {} },
    ],
  },
}
const labelme = async () => ({
  version: '5.0.1',
  imagePath: 'p.png',
  imageWidth: size.width,
  imageHeight: size.height,
  imageData: null,
  shapes: [
    { label: 'a', shape_type: 'polygon', points, group_id: null },
    { label: 'b', shape_type: 'circle', points: points.slice(0, 2), group_id: 1 },
    { label: 'c', shape_type: 'rectangle', points: points.slice(1), group_id: null },
    {
      ...{ label: 'd', shape_type: 'mask', points: [[2, 2], [5, 5]] }, // prettier-ignore
      mask: (
        await sharp(new Uint8Array(16).fill(255), { raw: { width: 4, height: 4, channels: 1 } })
          .toColourspace('b-w')
          .png()
          .toBuffer()
      ).toString('base64'),
    },
  ],
})
const cvat = `<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><image id="0" name="p.png" width="32" height="24">
<polygon label="a &amp; b" points="1,1;9,1;9,9" z_order="0"></polygon>
<mask label="g" rle="1, 4, 1" left="5" top="0" width="3" height="2"></mask>
<box label="g" xtl="0" ytl="4" xbr="2" ybr="6" rotation="30"/><ellipse label="g" cx="9" cy="9" rx="3" ry="2"/>
<polyline label="g" points="1,1;2,2;3,3"/></image></annotations>`
const labelStudio = [
  {
    id: 3,
    data: { image: '/data/upload/4/0123abcd-p.png' },
    annotations: [
      {
        id: 2,
        result: [
          {
            id: 'p',
            type: 'polygonlabels',
            original_width: 32,
            original_height: 24,
            image_rotation: 0,
            value: {
              points: [
                [0, 0],
                [25, 0],
                [25, 33],
              ],
              closed: true,
              polygonlabels: ['a'],
            },
          },
          {
            id: 'r',
            type: 'rectanglelabels',
            original_width: 32,
            original_height: 24,
            value: { x: 0, y: 60, width: 25, height: 30, rotation: 20, rectanglelabels: ['a'] },
          },
          {
            id: 'b',
            type: 'brushlabels',
            original_width: 32,
            original_height: 24,
            value: { format: 'rle', rle: [0, 0, 12, 0, 57, 27, 255], brushlabels: ['b'] },
          },
        ],
      },
    ],
  },
]
/** A region of ImageJ: type, then top, left, bottom, right; coordinates follow. */
function roi(type: number, box: number[], coordinates: number[] = []): Buffer {
  const file = Buffer.alloc(64 + 2 * coordinates.length)
  file.write('Iout')
  file.writeInt16BE(228, 4)
  file[6] = type
  box.forEach((value, i) => file.writeInt16BE(value, 8 + 2 * i))
  file.writeInt16BE(coordinates.length / 2, 16)
  coordinates.forEach((value, i) => file.writeInt16BE(value, 64 + 2 * i))
  return file
}
const rois = [roi(1, [0, 0, 5, 6]), roi(0, [0, 6, 8, 14], [0, 8, 8, 0, 0, 8]), roi(2, [3, 6, 9, 12])]

const images = async (folder: string) => {
  mkdirSync(join(folder, 'images'), { recursive: true })
  const { width, height } = size
  const data = new Uint8Array(width * height).fill(7)
  writeFileSync(
    join(folder, 'images', 'p.png'),
    await sharp(data, { raw: { width, height, channels: 1 } })
      .png()
      .toBuffer(),
  )
}
const format = (name: FormatName, file: string, seeds: Reader['seeds'], more: Partial<Reader> = {}): Reader => ({
  name,
  file,
  seeds,
  prepare: images,
  read: (path, folder) => annotations(name, path, folder),
  ...more,
})

export const annotationFiles: Reader[] = [
  format('coco', 'a.json', () => [
    json(coco),
    json({ image: { ...coco.images[0], image_id: 1 }, annotations: coco.annotations.slice(0, 1) }),
    // as SAM's own generator writes them: for the image with the file's name
    json(coco.annotations.slice(0, 1).map(({ image_id: _, ...record }) => record)),
  ]),
  format('via', 'a.json', () => [json(via), json({ _via_img_metadata: via })]),
  format('labelme', 'p.json', async () => [json(await labelme())]),
  format('cvat', 'annotations.xml', () => [Buffer.from(cvat)]),
  format('label-studio', 'a.json', () => [json(labelStudio)]),
  format('yolo', 'labels/p.txt', () => [Buffer.from('0 0.1 0.1 0.4 0.1 0.4 0.4\n1 0.5 0.5 0.2 0.2\n')], {
    prepare: async (folder) => {
      await images(folder)
      writeFileSync(join(folder, 'data.yaml'), 'names:\n  0: a\n  1: b\n')
    },
    read: (_, folder) => annotations('yolo', folder, folder),
  }),
  { ...format('imagej', 'p.roi', () => rois), name: 'imagej-roi' },
  {
    ...format('imagej', 'p.zip', () => rois),
    name: 'imagej-zip-member',
    wrap: (bytes) => zipOf([{ name: 'a.roi', bytes }]),
  },
  {
    ...format('imagej', 'p.zip', () => [zipOf(rois.map((bytes, i) => ({ name: `${i}.roi`, bytes })))]),
    name: 'imagej-zip',
  },
  {
    name: 'groups',
    file: 'groups.csv',
    seeds: () => ['name,group\na,1\nb,2\n', 'sep=;\nname;group\n"a;b";1\n'].map((one) => Buffer.from(one)),
    read: async (_, folder) => ['a', 'b', 'toString', '__proto__'].map(await readGroups(folder, 'column:group')),
  },
  {
    name: 'pixel-size-column',
    file: 'groups.csv',
    seeds: () => [Buffer.from('name,pixel_size\na,12nm\nb,0.5 um\n')],
    read: async (_, folder) => ['a', 'b', 'toString'].map(await readPixelSizes(folder)),
  },
  {
    name: 'reference-curve',
    file: 'laser.csv',
    seeds: () => [Buffer.from('size_um,percent_below\n5,10\n10,50\n20,90\n')],
    read: readReferenceCurve,
  },
]
