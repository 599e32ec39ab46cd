/** @file Masks from ImageJ's sets of regions (ROI Manager): NAME.zip or NAME_RoiSet.zip, beside the image NAME or with `--images`. */
import { readdir } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { stemOf } from '../../dataset/file-stems'
import { imagej } from '../../dataset/formats/imagej'
import { count } from '../../text/count'
import { messageOf, UserError } from '../../host/errors'
import { imageExtensions } from '../../images/sniff-image'
import { readMicrograph } from '../../images/micrograph'
import type { LabelledMask } from '../shape/pixel-runs'
import { tables } from './label-maps'
import { runsOfSegmentation } from './segmentation-runs'
import type { Masks, Source } from './source'

/** The image of one set of regions; regions are measured whole even where they overlap. */
export async function imagejRois(path: string, images: string | null, groupBy?: string): Promise<Source[]> {
  const folder = images ?? dirname(resolve(path))
  const { images: sets, problems } = await imagej
    .read(path, { images: folder, closeLines: false, suffix: '' })
    .catch((error: unknown) => {
      throw new UserError(`cannot read ${path}: ${messageOf(error, path)}`)
    })
  if (problems.length) throw new UserError(`${problems[0].where}: ${problems[0].reason}`)
  const names = sets.map(({ file }) => stemOf(file))
  const { groupOf, noteOf, pixelSizeOf } = await tables(folder, groupBy, names)
  const pictures = await readdir(folder)
  return sets.map((set): Source => {
    const name = stemOf(set.file)
    return {
      name,
      group: groupOf(name),
      read: async (): Promise<Masks> => {
        const file = pictures.find(
          (candidate) => stemOf(candidate) === name && imageExtensions.includes(extname(candidate).toLowerCase()),
        )
        if (!file) throw new UserError(`its image ${name} is not in ${folder}; name the folder with --images`)
        const { image, pixelSize, remarks } = await readMicrograph(join(folder, file), { crop: 'none' })
        const size = { width: image.width, height: image.height }
        const read = await set.read(size).catch((error: unknown) => {
          throw new UserError(messageOf(error))
        })
        if (!('shapes' in read)) throw new UserError('it holds no regions')
        const masks = read.shapes.flatMap(({ segmentation }, i): LabelledMask[] => {
          const runs = runsOfSegmentation(segmentation, size)
          return runs.length ? [{ id: i + 1, runs }] : []
        })
        const outside = read.shapes.length - masks.length
        return {
          ...{ size, masks, gray: image, pixelSize: pixelSizeOf(name) ?? pixelSize, from: 'ImageJ regions' },
          notes: [
            ...remarks,
            ...noteOf(name),
            ...(read.leftOut.length
              ? [
                  count(
                    read.leftOut.length,
                    'region is no area and is left out',
                    'regions are no areas and are left out',
                  ),
                ]
              : []),
            ...(outside
              ? [
                  count(
                    outside,
                    'region holds no pixel of the image and is left out',
                    'regions hold no pixel of the image and are left out',
                  ),
                ]
              : []),
          ],
        }
      },
    }
  })
}
