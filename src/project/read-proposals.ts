/** @file Reads and checks a project's proposals and candidates; other programs may have edited these files. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenericSchema } from 'valibot'
import { messageOf, UserError } from '../host/errors'
import { naturalOrder } from '../text/natural-order'
import { type CandidateFile, candidateFileSchema, type ProposalFile, proposalFileSchema } from './file-schemas'
import { placementOf } from '../../engine/masks/rle'
import { maxPixels, tooLarge } from '../images/image'
import { checkValue } from '../text/check-value'
import { namesIn } from '../host/files'
import { projectFile } from './project'

/** @throws UserError naming the file: it is missing, damaged, or has masks of another size than the image */
export const readProposals = (dir: string, name: string): Promise<ProposalFile> =>
  readChecked(projectFile.proposals(dir, name), proposalFileSchema, ({ image, records }) => {
    const { width, height } = image
    if (checkMasks(image, records) > Math.max(MIN_COVER, MAX_COVER * width * height))
      throw new Error(`its masks are too many and too large: their boxes cover the image more than ${MAX_COVER} times`)
  })

/** @throws UserError as readProposals does, and if an overlap names a candidate that does not exist */
export const readCandidates = (dir: string, name: string): Promise<CandidateFile> =>
  readChecked(projectFile.candidates(dir, name), candidateFileSchema, ({ image, candidates, overlaps }) => {
    checkMasks(image, candidates)
    const wrong = overlaps.find(([a, b]) => !(a < b && b < candidates.length))
    if (wrong)
      throw new Error(`an overlap names the masks ${wrong[0]} and ${wrong[1]}, but there are ${candidates.length}`)
  })

/** The names of the images with proposals, in order. */
export async function proposedNames(dir: string): Promise<string[]> {
  const files = await namesIn(join(dir, 'proposals'))
  return files
    .filter((file) => file.endsWith('.json') && !file.startsWith('.'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort(naturalOrder)
}

async function readChecked<T>(path: string, schema: GenericSchema<unknown, T>, check: (file: T) => void): Promise<T> {
  try {
    const file = checkValue(schema, JSON.parse(await readFile(path, 'utf8')))
    check(file)
    return file
  } catch (error) {
    throw new UserError(`cannot use ${path}: ${messageOf(error, path)}`)
  }
}

/** Pixels of all masks' bounding boxes together, which are in memory at once: as multiples of the image, and at least. */
const MAX_COVER = 16
const MIN_COVER = 2 ** 30

/**
 * @returns pixels of all masks' bounding boxes together
 * @throws Error if a mask is of another size than the image, or its run lengths are damaged
 */
function checkMasks({ width, height }: ProposalFile['image'], records: ProposalFile['records']): number {
  if (width * height > maxPixels) throw new Error(tooLarge(width, height, maxPixels))
  let pixels = 0
  records.forEach(({ segmentation }, i) => {
    const { size } = segmentation
    if (size[0] !== height || size[1] !== width)
      throw new Error(`mask ${i + 1} is for an image of ${size[1]}x${size[0]}, not ${width}x${height}`)
    try {
      const place = placementOf(segmentation)
      if (place) pixels += place.width * place.height
    } catch (error) {
      throw new Error(`mask ${i + 1} is damaged: ${messageOf(error)}`)
    }
  })
  return pixels
}
