/** @file Masks from COCO annotations: each is a separate particle, measured completely even if others overlap it. */
import { existsSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { decodeMask } from '../../../engine/masks/rle'
import { type CocoAnnotation, type CocoImage, readCoco } from '../../dataset/coco-file'
import { stemOf } from '../../dataset/file-stems'
import type { PixelSize } from '../../images/microscope/pixel-size'
import { maxPixels } from '../../images/image'
import { fillPolygon } from '../../dataset/fill-polygon'
import { messageOf, UserError } from '../../host/errors'
import { type LabelledMask, type PixelRuns, runsOfMask } from '../shape/pixel-runs'
import { tables } from './label-maps'
import { type Masks, readPicture, type Source } from './source'

/** The images of a COCO file; image files are searched in `images`, or else in images/ beside the COCO file and beside it. */
export async function cocoFile(path: string, images: string | null, groupBy?: string): Promise<Source[]> {
  const coco = await readCoco(path)
  if (!coco.images.length) throw new UserError(`${path} lists no images`)
  const folder = dirname(resolve(path))
  const names = namesOf(coco.images)
  const { groupOf, pixelSizeOf } = await tables(folder, groupBy)
  return coco.images.map((image, i): Source => ({
    name: names[i],
    group: groupOf(names[i]),
    read: async () => {
      const picture = findPicture(image.file_name, images === null ? [join(folder, 'images'), folder] : [images])
      const masks = await cocoMasks(image, coco.annotations.get(image.id)!, picture, pixelSizeOf(names[i]))
      const crowds = coco.crowds.get(image.id)
      if (crowds) masks.notes.push(`${crowds} crowd regions are left out: they are not single particles`)
      return masks
    },
  }))
}

/** Names without extension; the full file name and id if two would be equal. */
function namesOf(images: readonly CocoImage[]): string[] {
  const names = images.map(({ file_name }) => stemOf(file_name))
  const repeated = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  return names.map((name, i) => (repeated.has(name) ? `${images[i].file_name} (id ${images[i].id})` : name))
}

/** The file of an annotated image; null if there is none inside the folders. */
function findPicture(fileName: string, folders: readonly string[]): string | null {
  for (const folder of folders) {
    const path = resolve(folder, fileName)
    const inside = relative(resolve(folder), path)
    if (inside.startsWith('..') || isAbsolute(inside)) continue
    if (existsSync(path) && statSync(path).isFile()) return path
  }
  return null
}

/** The masks of one annotated image. @throws UserError naming the annotation that is damaged */
async function cocoMasks(
  image: CocoImage,
  annotations: readonly CocoAnnotation[],
  picturePath: string | null,
  known: PixelSize | null,
): Promise<Masks> {
  const { width, height } = image
  if (width * height > maxPixels) throw new UserError(`an image of ${width}x${height} pixels is too large`)
  const masks: LabelledMask[] = []
  let empty = 0
  annotations.forEach((annotation, i) => {
    let runs: PixelRuns
    try {
      runs = runsOfAnnotation(annotation, image)
    } catch (error) {
      throw new UserError(`annotation ${i + 1} of ${image.file_name}: ${messageOf(error)}`)
    }
    if (runs.length) masks.push({ id: i + 1, runs })
    else empty++
  })
  const picture = picturePath === null ? null : await readPicture(picturePath, image)
  return {
    size: { width, height },
    masks,
    gray: picture?.image ?? null,
    pixelSize: known ?? picture?.pixelSize ?? null,
    from: 'COCO annotations',
    notes: [...(empty ? [`${empty} annotations without a pixel are left out`] : []), ...(picture?.remarks ?? [])],
  }
}

function runsOfAnnotation({ segmentation }: CocoAnnotation, { width, height }: CocoImage): PixelRuns {
  if (!Array.isArray(segmentation)) {
    const [rows, columns] = segmentation.size
    if (rows !== height || columns !== width)
      throw new Error(`its mask is ${columns}x${rows}, the image ${width}x${height} (size is [height, width])`)
    return runsOfMask(decodeMask(segmentation))
  }
  // the union of the annotation's polygons
  const spans: [number, number, number][] = []
  for (const polygon of segmentation)
    fillPolygon(polygon, width, height, (y, x, length) => spans.push([y, x, x + length]))
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  const runs: number[] = []
  for (const [y, from, to] of spans) {
    const last = runs.length - 3
    if (runs[last] === y && from <= runs[last + 2]) runs[last + 2] = Math.max(runs[last + 2], to)
    else runs.push(y, from, to)
  }
  return Int32Array.from(runs)
}
