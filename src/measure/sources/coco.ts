/** @file Masks from COCO annotations: each is a separate particle, measured completely even if others overlap it. */
import { existsSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, posix, relative, resolve } from 'node:path'
import { type CocoImage, type CocoPicture, readCoco } from '../../dataset/coco-json'
import { describeDamaged } from '../../dataset/dataset'
import { readImage } from '../../images/read-image'
import type { Size } from '../../../engine/image/size'
import { stemOf } from '../../dataset/file-stems'
import type { PixelSize } from '../../images/microscope/pixel-size'
import { maxPixels } from '../../images/image'
import { count } from '../../text/count'
import { messageOf, UserError } from '../../host/errors'
import type { LabelledMask } from '../shape/pixel-runs'
import { tables } from './label-maps'
import { runsOfSegmentation } from './segmentation-runs'
import { type Masks, readPicture, type Source } from './source'

/** The images of a COCO file; image files are searched in `images`, or else in images/ beside the COCO file and beside it. */
export async function cocoFile(path: string, images: string | null, groupBy?: string): Promise<Source[]> {
  const coco = await readCoco(path)
  const [problem] = coco.problems
  if (problem) throw new UserError(`cannot use ${path} as COCO annotations: ${problem.where}: ${problem.reason}`)
  if (!coco.pictures.length) throw new UserError(`${path} lists no images`)
  const folder = dirname(resolve(path))
  const names = namesOf(coco.pictures.map(({ image }) => image))
  const { groupOf, noteOf, pixelSizeOf } = await tables(folder, groupBy, names)
  return coco.pictures.map((entry, i): Source => ({
    name: names[i],
    group: groupOf(names[i]),
    read: async () => {
      const found = findPicture(entry.image.file_name, images === null ? [join(folder, 'images'), folder] : [images])
      const masks = await cocoMasks(entry, found, pixelSizeOf(names[i]))
      const { unclear, marked } = entry
      masks.notes.push(...noteOf(names[i]))
      if (found === null)
        masks.notes.push(
          `there is no image ${entry.image.file_name}: its gray values and pixel size are unknown (--images names its folder)`,
        )
      if (unclear)
        masks.notes.push(
          count(
            unclear,
            'crowd region is left out: it is no single particle',
            'crowd regions are left out: they are not single particles',
          ),
        )
      if (marked)
        masks.notes.push(
          count(
            marked,
            'mask marked as a crowd is taken as a particle, as CVAT writes masks',
            'masks marked as crowds are taken as particles, as CVAT writes masks',
          ),
        )
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
  const local = fileName.replaceAll('\\', '/')
  // paths of other machines: the name alone counts
  for (const name of [local, posix.basename(local)])
    for (const folder of folders) {
      const path = resolve(folder, name)
      const inside = relative(resolve(folder), path)
      if (inside.startsWith('..') || isAbsolute(inside)) continue
      if (existsSync(path) && statSync(path).isFile()) return path
    }
  return null
}

/** The masks of one annotated image. @throws UserError if more annotations are damaged than sound */
async function cocoMasks(
  { image, annotations, damaged: unreadable }: CocoPicture,
  picturePath: string | null,
  known: PixelSize | null,
): Promise<Masks> {
  const size = await sizeOf(image, picturePath)
  const { width, height } = size
  if (width * height > maxPixels) throw new UserError(`an image of ${width}x${height} pixels is too large`)
  const masks: LabelledMask[] = []
  const damaged = [...unreadable]
  let empty = 0
  annotations.forEach((annotation, i) => {
    try {
      const runs = runsOfSegmentation(annotation.segmentation, size)
      if (runs.length) masks.push({ id: i + 1, runs })
      else empty++
    } catch (error) {
      damaged.push(`${annotation.where}: ${messageOf(error)}`)
    }
  })
  const sound = masks.length + empty
  if (damaged.length > sound) throw new UserError(describeDamaged(damaged, sound))
  const picture = picturePath === null ? null : await readPicture(picturePath, size)
  return {
    size: { width, height },
    masks,
    gray: picture?.image ?? null,
    pixelSize: known ?? picture?.pixelSize ?? null,
    from: 'COCO annotations',
    notes: [
      ...(damaged.length ? [describeDamaged(damaged, sound)] : []),
      ...(empty
        ? [count(empty, 'annotation without a pixel is left out', 'annotations without a pixel are left out')]
        : []),
      ...(picture?.remarks ?? []),
    ],
  }
}

/** The size of an annotated image, from the COCO file or else from the image. @throws UserError if neither says it */
async function sizeOf({ width, height, file_name }: CocoImage, picturePath: string | null): Promise<Size> {
  if (width !== undefined && height !== undefined) return { width, height }
  if (picturePath !== null) return readImage(picturePath)
  throw new UserError(`the COCO file does not say the size of ${file_name}, and there is no such image`)
}
