/**
 * @file A folder with images and masks becomes a project whose proposals are these masks, so that they are opened for review. Label
 * maps, COCO annotations and ROI sets of ImageJ are read as `wgsam measure` reads them; each mask keeps all of its pixels.
 */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { boxToRegion, regionToXYWH, wholeRegion } from '../../engine/image/box'
import { maskBox } from '../../engine/masks/mask'
import { encodeMask } from '../../engine/masks/rle'
import { messageOf, UserError } from '../host/errors'
import { areaOf, maskOfRuns } from '../measure/shape/pixel-runs'
import { findSources } from '../measure/sources'
import type { Masks } from '../measure/sources/source'
import type { ProposalFile } from '../project/file-schemas'
import { writeProposals } from '../project/outputs'
import { findImages } from '../project/review/image-list'

export interface Imported {
  images: number
  masks: number
  /** Images whose masks could not be read, and why; remarks on others. */
  notes: string[]
}

const ANNOTATIONS = ['annotations.json', 'coco.json']

/**
 * @returns null if the folder is a project already, holds no masks, or is none
 * @throws UserError if the masks cannot be listed
 */
export async function importMasks(dir: string): Promise<Imported | null> {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return null
  if (['proposals', 'review'].some((name) => existsSync(join(dir, name)))) return null
  const paths = masksIn(dir)
  if (!paths.length) return null
  const images = new Map((await findImages(dir)).map((image) => [image.name, image]))
  const pictures = existsSync(join(dir, 'images')) ? join(dir, 'images') : dir
  const sources = []
  for (const path of paths) {
    // annotations beside their images name them themselves
    const folder = path === dir ? null : pictures
    sources.push(...(await findSources([path], { images: folder, acceptedOnly: false })).sources)
  }
  const files: ProposalFile[] = []
  const notes: string[] = []
  for (const { name, read } of sources) {
    if (!images.has(name)) continue
    try {
      const found = await read()
      if ('leftOut' in found) notes.push(`${name} has no masks: ${found.leftOut}`)
      else files.push(fileOf(name, found))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      notes.push(`${name} has no masks: ${messageOf(error)}`)
    }
  }
  // all or nothing: an incomplete import would be taken for a project
  for (const file of files) await writeProposals(dir, file)
  const masks = files.reduce((sum, { records }) => sum + records.length, 0)
  return { images: files.length, masks, notes }
}

/** What holds the masks of a folder's images: the folder itself, annotations, or sets of regions beside the images. */
function masksIn(dir: string): string[] {
  const has = (name: string) => existsSync(join(dir, name))
  if (has('images') && (has('masks') || has('labels'))) return [dir]
  const coco = ANNOTATIONS.find(has)
  if (coco) return [join(dir, coco)]
  return ['.', 'images', 'rois']
    .map((name) => join(dir, name))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((path) => /\.(zip|roi)$/i.test(path))
    .sort()
}

function fileOf(name: string, { size, masks, pixelSize }: Masks): ProposalFile {
  return {
    version: 1,
    image: { name, width: size.width, height: size.height, source: name, page: 0, croppedBottom: 0, pixelSize },
    generator: { model: 'imported', adapter: null, size: null, options: {} },
    key: 'imported',
    seconds: 0,
    masks: masks.length,
    removed: {},
    records: masks.map(({ runs }) => {
      const mask = maskOfRuns(runs)
      return {
        segmentation: encodeMask(mask, size),
        area: areaOf(runs),
        bbox: regionToXYWH(boxToRegion(maskBox(mask))),
        predicted_iou: 0,
        stability_score: 0,
        point_coords: [],
        crop_box: regionToXYWH(wholeRegion(size)),
        origin: 'imported' as const,
      }
    }),
  }
}
