/** @file Reads an image under review from its files: proposals or nothing, and the log of what was done since. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { messageOf, UserError } from '../../host/errors'
import { type ImageInfo, parseAs } from '../file-schemas'
import { projectFile } from '../project'
import { ReviewDocument } from './document'
import { type ListedImage, imageSize } from './image-list'
import { type LogContent, readLog } from './edit-log'
import type { LogEntry, LogHeader, ReviewMask } from './review-records'
import { reviewedProposalsSchema } from './log-schema'

export interface ReviewedImage {
  info: ImageInfo
  document: ReviewDocument
  entries: LogEntry[]
  note: string | null
}

/** What a log or else the proposals begin with, and the entries since. @throws UserError naming the file */
async function readBase(
  dir: string,
  { name, path }: ListedImage,
): Promise<{ base: LogHeader; log: LogContent | null }> {
  const log = await readLog(projectFile.log(dir, name))
  return { base: log?.header ?? (await readProposed(dir, name)) ?? (await emptyBase(name, path!)), log }
}

/** A project's proposals as what a log begins with; null where there are none. @throws UserError naming the file */
export async function readProposed(dir: string, name: string): Promise<LogHeader | null> {
  const path = projectFile.proposals(dir, name)
  try {
    const { image, records } = parseAs(reviewedProposalsSchema, JSON.parse(await readFile(path, 'utf8')))
    const proposals = records.map(({ segmentation, predicted_iou, stability_score }, i): ReviewMask => ({
      id: i + 1,
      segmentation,
      origin: 'proposal',
      predictedIou: predicted_iou,
      stability: stability_score,
    }))
    return { version: 1, image: { ...image, name }, proposals }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new UserError(`cannot use ${path}: ${messageOf(error)}`)
  }
}

async function emptyBase(name: string, path: string): Promise<LogHeader> {
  const image = { name, ...(await imageSize(path)), source: basename(path), page: 0, croppedBottom: 0, pixelSize: null }
  return { version: 1, image, proposals: [] }
}

/** Reads an image's document without opening it for edits. @throws UserError where it cannot be reviewed */
export async function readReviewed(
  dir: string,
  found: ListedImage,
): Promise<ReviewedImage & { log: LogContent | null }> {
  if (found.problem) throw new UserError(found.problem)
  const { base, log } = await readBase(dir, found)
  const entries = log?.entries ?? []
  let document: ReviewDocument
  try {
    document = ReviewDocument.replay({ image: base.image, proposals: base.proposals, entries })
  } catch (error) {
    const path = (log ? projectFile.log : projectFile.proposals)(dir, found.name)
    throw new UserError(`cannot use ${path}: ${messageOf(error)}`)
  }
  const size = await imageSize(found.path!)
  if (size.width !== base.image.width || size.height !== base.image.height)
    throw new UserError(
      `${found.path} is of ${size.width} x ${size.height} pixels, its masks of ${base.image.width} x ${base.image.height}`,
    )
  return { info: base.image, document, entries, note: await noteOn(dir, found.name, log), log }
}

async function noteOn(dir: string, name: string, log: LogContent | null): Promise<string | null> {
  if (!log) return null
  if (log.torn) return 'the last edit was cut off in the middle of being written, and is not there'
  const now = await readProposed(dir, name).catch(() => null)
  if (!now || JSON.stringify(now.proposals) === JSON.stringify(log.header.proposals)) return null
  return (
    'its proposals were made anew after the review began, which goes on with the earlier ones; ' +
    `to begin with the new ones move review/${name}.jsonl away while no review runs`
  )
}
