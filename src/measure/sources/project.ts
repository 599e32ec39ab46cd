/** @file Masks from a project of `wgsam generate` and `wgsam review`, including all edits so far. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMask } from '../../../engine/masks/rle'
import { readImage } from '../../images/read-image'
import { UserError } from '../../host/errors'
import { projectFile } from '../../project/project'
import { readReviewed } from '../../project/review/reviewed-image'
import { findImages, type ListedImage } from '../../project/review/image-list'
import { runsOfMask } from '../shape/pixel-runs'
import { tables } from './label-maps'
import type { Masks, Source } from './source'

export const isProject = (folder: string): boolean =>
  existsSync(join(folder, 'proposals')) || existsSync(join(folder, 'review'))

/** The images of a project. @param acceptedOnly leaves out images that no person has accepted */
export async function project(folder: string, acceptedOnly: boolean, groupBy?: string): Promise<Source[]> {
  const found = await findImages(folder)
  const { groupOf, noteOf, pixelSizeOf } = await tables(
    folder,
    groupBy,
    found.map(({ name }) => name),
  )
  return found.map((image): Source => ({
    name: image.name,
    group: groupOf(image.name),
    read: async () => {
      const masks = await readProjectImage(folder, image, acceptedOnly)
      if ('leftOut' in masks) return masks
      const notes = [...masks.notes, ...noteOf(image.name)]
      return { ...masks, notes, pixelSize: masks.pixelSize ?? pixelSizeOf(image.name) }
    },
  }))
}

async function readProjectImage(
  folder: string,
  found: ListedImage,
  acceptedOnly: boolean,
): Promise<Masks | { leftOut: string }> {
  const { info, document, log, note } = await readReviewed(folder, found)
  if (!log && !existsSync(projectFile.proposals(folder, found.name)))
    throw new UserError('it has neither proposals nor a review: `wgsam generate` makes proposals')
  if (acceptedOnly && document.state !== 'accepted') return { leftOut: `it is ${document.state}, not accepted` }
  const image = await readImage(found.path!)
  return {
    size: document.size,
    masks: document.masks.map(({ id, segmentation, stability }) => ({
      ...{ id, stability },
      runs: runsOfMask(decodeMask(segmentation)),
    })),
    gray: image,
    pixelSize: info.pixelSize,
    from: log ? `review, ${document.state}` : 'proposals',
    notes: note ? [note] : [],
  }
}
