/** @file A folder under review: its images, the documents of those that are open, and their logs on the disk. */
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError } from '../errors'
import { projectFile, type ImageInfo } from '../generate/project'
import { type Counts, ReviewDocument } from './document'
import { findImages, type Found, imageSize } from './images'
import { takeLock } from './lock'
import { type LogContent, readLog, ReviewLog } from './log'
import type { Action, ActionRequest, DocumentReply, ImageSummary, LogEntry, LogHeader, ReviewMask } from './protocol'
import { Proposals, read } from './schema'

/** Documents kept open at once. */
const OPEN = 8

export interface ReviewedImage {
  info: ImageInfo
  document: ReviewDocument
  entries: LogEntry[]
  note: string | null
}

interface Open extends ReviewedImage {
  header: LogHeader
  log: ReviewLog | null
}

export type ActResult = { entry: LogEntry } | { conflict: LogEntry[] }

type Known = Omit<ImageSummary, 'encoded'>

/** What a log or else the proposals begin with, and the entries since. @throws UserError naming the file */
async function readBase(dir: string, { name, path }: Found): Promise<{ base: LogHeader; log: LogContent | null }> {
  const log = await readLog(projectFile.log(dir, name))
  return { base: log?.header ?? (await readProposed(dir, name)) ?? (await emptyBase(name, path!)), log }
}

/** A project's proposals as what a log begins with; null where there are none. @throws UserError naming the file */
export async function readProposed(dir: string, name: string): Promise<LogHeader | null> {
  const path = projectFile.proposals(dir, name)
  try {
    const { image, records } = read(Proposals, JSON.parse(await readFile(path, 'utf8')))
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
    throw new UserError(`cannot use ${path}: ${(error as Error).message}`)
  }
}

async function emptyBase(name: string, path: string): Promise<LogHeader> {
  const image = { name, ...(await imageSize(path)), source: basename(path), page: 0, croppedBottom: 0, pixelSize: null }
  return { version: 1, image, proposals: [] }
}

/** Reads an image's document without opening it for edits. @throws UserError where it cannot be reviewed */
export async function readReviewed(dir: string, found: Found): Promise<ReviewedImage & { log: LogContent | null }> {
  if (found.problem) throw new UserError(found.problem)
  const { base, log } = await readBase(dir, found)
  const entries = log?.entries ?? []
  let document: ReviewDocument
  try {
    document = ReviewDocument.replay({ image: base.image, proposals: base.proposals, entries })
  } catch (error) {
    const path = (log ? projectFile.log : projectFile.proposals)(dir, found.name)
    throw new UserError(`cannot use ${path}: ${(error as Error).message}`)
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

/** A summary of a document. */
const summarise = (info: ImageInfo, document: ReviewDocument, note: string | null): Known => {
  const { masks, removed, edited, added }: Counts = document.counts
  return { info, state: document.state, masks, removed, edited, added, problem: null, note }
}

const unusable = (name: string, problem: string): Known => ({
  info: { name, width: 0, height: 0, source: '', page: 0, croppedBottom: 0, pixelSize: null },
  ...{ state: 'proposed', masks: 0, removed: 0, edited: 0, added: 0, problem, note: null },
})

export class ReviewFolder {
  private readonly known = new Map<string, Known>()
  /** The least recently used first. */
  private readonly open = new Map<string, Open>()
  private readonly queues = new Map<string, Promise<unknown>>()

  private constructor(
    readonly dir: string,
    private readonly found: ReadonlyMap<string, Found>,
    private readonly unlock: () => Promise<void>,
  ) {}

  /** Takes the folder's lock and reads what its images are. @throws UserError where it is in use or holds no images */
  static async open(dir: string, onProgress: (done: number, total: number) => void = () => {}): Promise<ReviewFolder> {
    const found = await findImages(dir)
    const unlock = await takeLock(join(dir, 'review', 'lock'))
    const folder = new ReviewFolder(dir, new Map(found.map((image) => [image.name, image])), unlock)
    let done = 0
    for (const image of found) {
      const { info, document, note } = await readReviewed(dir, image).catch((error: Error) => {
        folder.known.set(image.name, unusable(image.name, error.message))
        return {} as Partial<ReviewedImage>
      })
      if (info && document) folder.known.set(image.name, summarise(info, document, note ?? null))
      onProgress(++done, found.length)
    }
    return folder
  }

  get names(): string[] {
    return [...this.found.keys()]
  }

  /** Of all images, in their order. */
  get summaries(): Known[] {
    return this.names.map((name) => this.known.get(name)!)
  }

  has(name: string): boolean {
    return this.found.has(name)
  }

  /** The path of an image's pixels. @throws UserError where it cannot be reviewed */
  imagePath(name: string): string {
    const { path } = this.found.get(name)!
    const { problem } = this.known.get(name)!
    if (path === null || problem) throw new UserError(problem ?? 'the image is missing')
    return path
  }

  info(name: string): ImageInfo {
    return this.known.get(name)!.info
  }

  /** The document with all that led to it. @throws UserError where it cannot be reviewed */
  reply(name: string): Promise<DocumentReply> {
    return this.queued(name, async () => {
      const { header, entries } = await this.load(name)
      return { image: header.image, proposals: header.proposals, entries: [...entries] }
    })
  }

  /** The entries after `seq`. */
  entriesAfter(name: string, seq: number): Promise<LogEntry[]> {
    return this.queued(name, async () => (await this.load(name)).entries.slice(seq))
  }

  /**
   * Takes an action in: it is on the disk when this resolves.
   * @returns the entry, or where `base` is not the last one those after it
   * @throws Error where the action does not fit, UserError where the disk does not take it
   */
  act(name: string, { window, base, action }: ActionRequest): Promise<ActResult> {
    return this.queued(name, async () => {
      const image = await this.load(name)
      const { document, entries } = image
      if (base !== document.seq) {
        const first = entries.at(base)
        if (base < entries.length && first?.window === window && sameAction(first, action)) return { entry: first }
        return { conflict: entries.slice(base) }
      }
      document.check(action)
      const entry: LogEntry = { seq: base + 1, time: new Date().toISOString(), window, ...action }
      image.log ??= await ReviewLog.begin(projectFile.log(this.dir, name), image.header)
      await image.log.append(entry)
      document.apply(entry)
      entries.push(entry)
      this.known.set(name, summarise(image.info, document, image.note))
      return { entry }
    })
  }

  /** Closes all logs and gives the lock back. */
  async close(): Promise<void> {
    await Promise.allSettled(this.queues.values())
    for (const { log } of this.open.values()) await log?.close()
    this.open.clear()
    await this.unlock()
  }

  /** Runs `work` when all earlier work on the image has ended. */
  private queued<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.queues.get(name) ?? Promise.resolve()
    const result = before.then(work, work)
    const settled = result
      .catch(() => {})
      .then(() => {
        if (this.queues.get(name) === settled) this.queues.delete(name)
      })
    this.queues.set(name, settled)
    return result
  }

  private async load(name: string): Promise<Open> {
    let image = this.open.get(name)
    if (image) this.open.delete(name)
    else {
      const { log, ...read } = await readReviewed(this.dir, this.found.get(name)!)
      const header: LogHeader = log?.header ?? {
        version: 1,
        image: read.info,
        proposals: [...read.document.proposals],
      }
      image = { ...read, header, log: log && (await ReviewLog.resume(projectFile.log(this.dir, name), log)) }
      this.known.set(name, summarise(read.info, read.document, read.note))
      for (const [other, { log }] of this.open) {
        if (this.open.size < OPEN) break
        if (this.queues.has(other)) continue
        this.open.delete(other)
        await log?.close()
      }
    }
    this.open.set(name, image)
    return image
  }
}

function sameAction(entry: LogEntry, action: Action): boolean {
  if (entry.type !== action.type) return false
  if (entry.type === 'edit') return JSON.stringify(entry.edit) === JSON.stringify((action as typeof entry).edit)
  return entry.type !== 'state' || entry.state === (action as typeof entry).state
}
