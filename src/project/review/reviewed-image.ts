/** @file Reads an image under review from its files: the proposals, if there are any, and the log of edits. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf, UserError } from '../../host/errors'
import { type ImageInfo } from '../file-schemas'
import { readMeasuredPixelSizes, withMeasured } from '../pixel-sizes'
import { projectFile } from '../project'
import { ReviewDocument } from './document'
import { type ListedImage, imageSize, linkOut } from './image-list'
import { proposedMasks } from './proposed-masks'
import { type LogContent, readLog } from './edit-log'
import type { LogEntry, LogHeader } from './review-records'
import { checkValue } from '../../text/check-value'
import { reviewedProposalsSchema } from './log-schema'

export interface ReviewedImage {
  /** With the pixel size that a person measured, if there is one. */
  info: ImageInfo
  /** As the image was imported. */
  imported: ImageInfo
  document: ReviewDocument
  entries: LogEntry[]
  note: string | null
}

/** The start of a review (from the log, otherwise from the proposals), and the log. @throws UserError naming the file */
async function readBase(
  dir: string,
  { name, path, annotator }: ListedImage,
): Promise<{ base: LogHeader; log: LogContent | null }> {
  const log = await readLog(projectFile.log(dir, name, annotator))
  return { base: log?.header ?? (await readProposed(dir, name)) ?? (await emptyBase(name, path!)), log }
}

/** A project's proposals as a log header; null if there are none. @throws UserError naming the file */
export async function readProposed(dir: string, name: string): Promise<LogHeader | null> {
  const path = projectFile.proposals(dir, name)
  try {
    const { image, records } = checkValue(reviewedProposalsSchema, JSON.parse(await readFile(path, 'utf8')))
    return { version: 1, image: { ...image, name }, proposals: proposedMasks(records) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new UserError(`cannot use ${path}: ${messageOf(error, path)}`)
  }
}

async function emptyBase(name: string, path: string): Promise<LogHeader> {
  const image = { name, ...(await imageSize(path)), source: basename(path), page: 0, croppedBottom: 0, pixelSize: null }
  return { version: 1, image, proposals: [] }
}

/** Reads an image's document without opening it for edits. @throws UserError if it cannot be reviewed */
export async function readReviewed(
  dir: string,
  found: ListedImage,
): Promise<ReviewedImage & { log: LogContent | null }> {
  // a link may have replaced a file since the folder was listed
  const problem = found.problem ?? (await linkOut(dir, found))
  if (problem) throw new UserError(problem)
  const { base, log } = await readBase(dir, found)
  const entries = log?.entries ?? []
  let document: ReviewDocument
  try {
    document = ReviewDocument.replay({ image: base.image, proposals: base.proposals, entries })
  } catch (error) {
    const path = log ? projectFile.log(dir, found.name, found.annotator) : projectFile.proposals(dir, found.name)
    throw new UserError(`cannot use ${path}: ${messageOf(error, path)}`)
  }
  const size = await imageSize(found.path!)
  if (size.width !== base.image.width || size.height !== base.image.height)
    throw new UserError(
      `${found.path} has ${size.width} x ${size.height} pixels, but its masks have ${base.image.width} x ${base.image.height}`,
    )
  const info = withMeasured(base.image, await readMeasuredPixelSizes(dir))
  return { info, imported: base.image, document, entries, note: await noteOn(dir, found.name, log), log }
}

async function noteOn(dir: string, name: string, log: LogContent | null): Promise<string | null> {
  if (!log) return null
  if (log.torn) return 'the last edit was only partly written and is lost'
  const now = await readProposed(dir, name).catch(() => null)
  if (!now || JSON.stringify(now.proposals) === JSON.stringify(log.header.proposals)) return null
  return (
    'its proposals were generated again after the review began; the review continues with the earlier ones. ' +
    `To start from the new ones, stop the review and move review/${name}.jsonl away`
  )
}
