/**
 * @file The files of a project that show masks (label maps, overlays, tables) follow its review: they hold the masks as a person left
 * them, not the proposals from which the review began.
 */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeMask } from '../../../engine/masks/rle'
import { UserError } from '../../host/errors'
import { readImage } from '../../images/read-image'
import { toRGB8 } from '../../images/rgb8'
import { type OutputKind, outputPaths, writeCoco, writeCsv, writePictures } from '../outputs'
import { type OutputFile, recordOf } from '../output-texts'
import { projectFile } from '../project'
import { readProposals } from '../read-proposals'
import { findImages, type ListedImage } from './image-list'
import { labelsOf } from './labels-of'
import { readReviewed } from './reviewed-image'

/** The time of a file's last change; null if there is no such file. */
const changed = (path: string): number | null => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null

const isGenerated = (dir: string) => existsSync(join(dir, 'generate.json'))

/**
 * Writes the label maps and overlays of one image again if its review has changed since. Only kinds of files that exist are written.
 * A folder that `wgsam generate` has not made holds a person's own files, which are never changed.
 * @returns whether anything was written @throws UserError if the image cannot be reviewed
 */
export async function updatePictures(dir: string, image: ListedImage): Promise<boolean> {
  const edited = changed(projectFile.log(dir, image.name))
  if (edited === null || image.path === null || !isGenerated(dir)) return false
  const kinds = new Set<OutputKind>()
  for (const [kind, path] of outputPaths(dir, image.name)) {
    const written = changed(path)
    if (written !== null && written <= edited) kinds.add(kind)
  }
  if (!kinds.size) return false
  const { info, document } = await readReviewed(dir, image)
  const { labels } = labelsOf(document)
  const rgb = toRGB8(await readImage(image.path))
  const masks = document.masks.map(({ segmentation }) => decodeMask(segmentation))
  await writePictures(dir, info, kinds, { rgb, labels, masks })
  return true
}

/** The masks of all images of a project in their present state: those of the review where there is one, else the proposals. */
export async function currentFiles(dir: string): Promise<OutputFile[]> {
  const files: OutputFile[] = []
  for (const image of await findImages(dir)) {
    if (existsSync(projectFile.log(dir, image.name))) {
      const reviewed = await readReviewed(dir, image).catch((error: unknown) => {
        // an image that cannot be reviewed is listed as a problem there
        if (error instanceof UserError) return null
        throw error
      })
      if (reviewed) files.push({ image: reviewed.info, records: reviewed.document.masks.map(recordOf) })
    } else if (existsSync(projectFile.proposals(dir, image.name))) files.push(await readProposals(dir, image.name))
  }
  return files
}

/** Brings every file that shows masks up to date with the reviews. @returns the number of images that were written again */
export async function updateFiles(dir: string): Promise<number> {
  if (!isGenerated(dir)) return 0
  const images = await findImages(dir)
  let written = 0
  let last = -Infinity
  for (const image of images) {
    last = Math.max(last, changed(projectFile.log(dir, image.name)) ?? -Infinity)
    const did = await updatePictures(dir, image).catch((error: unknown) => {
      if (error instanceof UserError) return false
      throw error
    })
    if (did) written++
  }
  const old = (name: string) => (changed(join(dir, name)) ?? Infinity) <= last
  const [coco, csv] = [old('annotations.json'), old('particles.csv')]
  if (!coco && !csv) return written
  const files = await currentFiles(dir)
  if (coco) await writeCoco(dir, files)
  if (csv) await writeCsv(dir, files)
  return written
}
