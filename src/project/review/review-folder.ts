/** @file A folder under review: its images, the documents of the open ones, and their logs on the disk. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ParticleSize } from '../../../engine/scale/particle-size'
import { messageOf, UserError } from '../../host/errors'
import { summaryOf } from './summary'
import type { ImageInfo } from '../file-schemas'
import { type MeasuredPixelSize, measurePixelSizes, withMeasured } from '../pixel-sizes'
import { projectFile, reviewFolder } from '../project'
import { removePartialFiles } from '../../host/files'
import { takeLock } from '../../host/folder-lock'
import { type ActResult, nextEntry } from './act'
import type { ReviewDocument } from './document'
import { updateFiles, updatePictures } from './current-files'
import { findImages, type ListedImage } from './image-list'
import { ReviewLog } from './edit-log'
import { sizeOfMasks, typicalSize } from './mask-size'
import {
  type ActionRequest,
  type LogEntry,
  type LogHeader,
  type ReviewHistory,
  type ReviewMask,
  type ReviewSummary,
} from './review-records'
import { type ReviewedImage, readReviewed } from './reviewed-image'

/** The number of documents kept open at once. */
const MAX_OPEN = 8

interface OpenDocument extends ReviewedImage {
  header: LogHeader
  log: ReviewLog | null
}

/** Short and different for other proposals. */
const revisionOf = (proposals: readonly ReviewMask[]): string =>
  createHash('sha256').update(JSON.stringify(proposals)).digest('hex').slice(0, 16)

const summarise = (info: ImageInfo, document: ReviewDocument, note: string | null) =>
  summaryOf(info, document, revisionOf(document.proposals), note)

const problemSummary = (name: string, problem: string): ReviewSummary => ({
  info: { name, width: 0, height: 0, source: '', page: 0, croppedBottom: 0, pixelSize: null },
  ...{ state: 'proposed', masks: 0, removed: 0, edited: 0, added: 0, covered: 0, problem, note: null },
  ...{ comment: '', uncertainty: null, revision: '' },
})

export class ReviewFolder {
  private readonly known = new Map<string, ReviewSummary>()
  /** When the proposals of each were written, for refresh. */
  private readonly stamps = new Map<string, number>()
  /** Of the images that have had enough masks at some time; it then stays. */
  private readonly sizes = new Map<string, ParticleSize>()
  /** The least recently used first. */
  private readonly open = new Map<string, OpenDocument>()
  private readonly queues = new Map<string, Promise<unknown>>()
  private writing: Promise<unknown> = Promise.resolve()

  private constructor(
    readonly dir: string,
    private found: ReadonlyMap<string, ListedImage>,
    private readonly unlock: () => Promise<void>,
    /** The second annotator whose review it is; undefined for that of the project. */
    readonly annotator?: string,
  ) {}

  /** Locks the folder and reads its images. @throws UserError if the folder is in use or holds no images */
  static async open(
    dir: string,
    onProgress: (done: number, total: number) => void = () => {},
    annotator?: string,
  ): Promise<ReviewFolder> {
    const found = await findImages(dir, annotator)
    const logs = reviewFolder(dir, annotator)
    const unlock = await takeLock(join(logs, 'lock'), 'wgsam review')
    await removePartialFiles([logs])
    const folder = new ReviewFolder(dir, new Map(found.map((image) => [image.name, image])), unlock, annotator)
    let done = 0
    for (const image of found) {
      await folder.summarise(image)
      onProgress(++done, found.length)
    }
    return folder
  }

  /**
   * Reads again what other programs have written: new images, and the proposals of images without a log. An image with a log keeps the
   * proposals that its log holds.
   */
  async refresh(): Promise<void> {
    const images = await findImages(this.dir, this.annotator)
    for (const image of images)
      await this.queued(image.name, async () => {
        const { name } = image
        const known = this.known.has(name)
        if (this.open.get(name)?.log || (known && existsSync(projectFile.log(this.dir, name, this.annotator)))) return
        if (known && this.stamps.get(name) === (await this.stampOf(name))) return
        this.open.delete(image.name)
        this.sizes.delete(image.name)
        await this.summarise(image)
      })
    this.found = new Map(images.map((image) => [image.name, image]))
  }

  /** Changes when the proposals are written again. */
  private async stampOf(name: string): Promise<number> {
    return (await stat(projectFile.proposals(this.dir, name)).catch(() => null))?.mtimeMs ?? 0
  }

  private async summarise(image: ListedImage): Promise<void> {
    this.stamps.set(image.name, await this.stampOf(image.name))
    const { info, document, note } = await readReviewed(this.dir, image).catch((error: Error) => {
      this.known.set(image.name, problemSummary(image.name, messageOf(error)))
      return {} as Partial<ReviewedImage>
    })
    if (!info || !document) return
    this.known.set(image.name, summarise(info, document, note ?? null))
    this.measure(image.name, document)
  }

  get names(): string[] {
    return [...this.found.keys()]
  }

  /** Summaries of all images, in their order. */
  get summaries(): ReviewSummary[] {
    return this.names.map((name) => this.known.get(name)!)
  }

  has(name: string): boolean {
    return this.found.has(name)
  }

  /** The path of the image file. @throws UserError if the image cannot be reviewed */
  imagePath(name: string): string {
    const { path } = this.found.get(name)!
    const { problem } = this.known.get(name)!
    if (path === null || problem) throw new UserError(problem ?? 'the image is missing')
    return path
  }

  info(name: string): ImageInfo {
    return this.known.get(name)!.info
  }

  /**
   * The size of an image's particles, in its pixels, from its own masks; with fewer than five, that of a typical image of the
   * folder; null if no image has five masks.
   */
  particleSize(name: string): ParticleSize | null {
    return this.sizes.get(name) ?? typicalSize([...this.sizes.values()])
  }

  private measure(name: string, { masks }: ReviewDocument): void {
    const size = this.sizes.has(name) ? null : sizeOfMasks(masks)
    if (size) this.sizes.set(name, size)
  }

  /** Proposals and all entries so far. @throws UserError if the image cannot be reviewed */
  history(name: string): Promise<ReviewHistory> {
    return this.queued(name, async () => {
      const { header, info, entries } = await this.load(name)
      const { revision } = this.known.get(name)!
      return { image: info, proposals: header.proposals, entries: [...entries], revision }
    })
  }

  /** The entries after `seq`. */
  entriesAfter(name: string, seq: number): Promise<LogEntry[]> {
    return this.queued(name, async () => (await this.load(name)).entries.slice(seq))
  }

  /**
   * Applies an action and logs it: it is on the disk when the promise resolves.
   * @returns the new entry; if `base` is not the last entry, the entries after it
   * @throws InvalidEntryError if the action is not valid
   * @throws UserError if the log cannot be written
   */
  act(name: string, request: ActionRequest): Promise<ActResult> {
    return this.queued(name, async () => {
      const image = await this.load(name)
      const { document, entries } = image
      const found = nextEntry(request, document, entries, this.known.get(name)!.revision)
      if ('answer' in found) return found.answer
      const { next: entry } = found
      image.log ??= await ReviewLog.begin(projectFile.log(this.dir, name, this.annotator), image.header)
      await image.log.append(entry)
      document.apply(entry)
      entries.push(entry)
      this.measure(name, document)
      this.known.set(name, summarise(image.info, document, image.note))
      if (entry.type === 'state' && document.state === 'accepted') this.followAccepted(name)
      return { entry }
    })
  }

  /**
   * Sets the pixel size of images; null forgets what a person measured, so that what the file records holds again.
   * @throws UserError if it cannot be written
   */
  async setPixelSize(names: readonly string[], size: MeasuredPixelSize | null): Promise<void> {
    const sizes = await measurePixelSizes(this.dir, names, size)
    for (const name of names) {
      const open = this.open.get(name)
      const { imported = null } = open ?? (await readReviewed(this.dir, this.found.get(name)!).catch(() => null)) ?? {}
      if (!imported) continue
      const info = withMeasured(imported, sizes)
      if (open) open.info = info
      this.known.set(name, { ...this.known.get(name)!, info })
    }
  }

  /** Writes an accepted image's label map and overlay. What fails is tried again when the folder is closed. */
  private followAccepted(name: string): void {
    // the project's files show the first review
    if (this.annotator !== undefined) return
    this.writing = this.writing.then(() => updatePictures(this.dir, this.found.get(name)!).catch(() => {}))
  }

  /** Closes all logs, brings the files that show masks up to date, and releases the lock. */
  async close(): Promise<void> {
    await Promise.allSettled(this.queues.values())
    for (const { log } of this.open.values()) await log?.close()
    this.open.clear()
    try {
      await this.writing
      if (this.annotator === undefined) await updateFiles(this.dir)
    } finally {
      await this.unlock()
    }
  }

  /** Runs `work` after all earlier work on the same image. */
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

  private async load(name: string): Promise<OpenDocument> {
    let image = this.open.get(name)
    if (image) this.open.delete(name)
    else {
      const { log, ...read } = await readReviewed(this.dir, this.found.get(name)!)
      const header: LogHeader = log?.header ?? {
        version: 1,
        image: read.imported,
        proposals: [...read.document.proposals],
      }
      image = {
        ...read,
        header,
        log: log && (await ReviewLog.resume(projectFile.log(this.dir, name, this.annotator), log)),
      }
      this.known.set(name, summarise(read.info, read.document, read.note))
      for (const [other, { log }] of this.open) {
        if (this.open.size < MAX_OPEN) break
        if (this.queues.has(other)) continue
        this.open.delete(other)
        await log?.close()
      }
    }
    this.open.set(name, image)
    return image
  }
}
