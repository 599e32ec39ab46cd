/** @file The images under review in the page, with their documents in memory and every change in the database first. */
import type { CandidateFile, ImageInfo } from '../../project/file-schemas'
import { type ActResult, nextEntry } from '../../project/review/act'
import { ReviewDocument } from '../../project/review/document'
import { proposedMasks } from '../../project/review/proposed-masks'
import type { ActionRequest, LogEntry, ReviewHistory, ReviewSummary } from '../../project/review/review-records'
import { summaryOf } from '../../project/review/summary'
import type { Proposed, ReadImage } from '../calls'
import { logOf, read, readAll, type StoredImage, write } from './database'

interface OpenImage {
  stored: StoredImage
  document: ReviewDocument
  entries: LogEntry[]
}

const replayed = ({ imported, proposals }: StoredImage, entries: LogEntry[]): ReviewDocument =>
  ReviewDocument.replay({ image: imported, proposals, entries })

const freshRevision = (): string => crypto.getRandomValues(new Uint32Array(2)).join('-')

export class LocalReview {
  private readonly images = new Map<string, OpenImage>()
  private queue: Promise<unknown> = Promise.resolve()

  /** Opens what the database holds. */
  static async open(): Promise<LocalReview> {
    const review = new LocalReview()
    const entries = new Map<string, LogEntry[]>()
    for (const { image, entry } of await readAll('log')) entries.set(image, [...(entries.get(image) ?? []), entry])
    for (const stored of await readAll('images')) review.keep(stored, entries.get(stored.name) ?? [])
    return review
  }

  private keep(stored: StoredImage, entries: LogEntry[]): void {
    this.images.set(stored.name, { stored, document: replayed(stored, entries), entries })
  }

  get names(): string[] {
    return [...this.images.keys()].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  }

  has(name: string): boolean {
    return this.images.has(name)
  }

  /** @throws Error if there is no such image */
  private get(name: string): OpenImage {
    const image = this.images.get(name)
    if (!image) throw new Error(`there is no image named ${JSON.stringify(name)}`)
    return image
  }

  info(name: string): ImageInfo {
    return this.get(name).stored.info
  }

  document(name: string): ReviewDocument {
    return this.get(name).document
  }

  get summaries(): ReviewSummary[] {
    return this.names.map((name) => {
      const { stored, document } = this.get(name)
      return summaryOf(stored.info, document, stored.revision, null)
    })
  }

  history(name: string): ReviewHistory {
    const { stored, entries } = this.get(name)
    return { image: stored.info, proposals: stored.proposals, entries: [...entries], revision: stored.revision }
  }

  entriesAfter(name: string, seq: number): LogEntry[] {
    return this.get(name).entries.slice(seq)
  }

  async pixels(name: string): Promise<Blob> {
    const blob = await read('pixels', name)
    if (!blob) throw new Error(`the pixels of ${name} are gone: the browser has removed them. Add the image again`)
    return blob
  }

  candidates(name: string): Promise<CandidateFile | undefined> {
    return read('candidates', name) as Promise<CandidateFile | undefined>
  }

  /** Adds an image under a name that is free. @returns the name */
  add(wanted: string, { info, pixels }: ReadImage): Promise<string> {
    return this.queued(async () => {
      let name = wanted
      for (let n = 2; this.images.has(name); n++) name = `${wanted}-${n}`
      const named = { name, ...info }
      const stored: StoredImage = { name, imported: named, info: named, proposals: [], revision: freshRevision() }
      await write(['images', 'pixels'], (store) => {
        store('images').put(stored)
        store('pixels').put(pixels, name)
      })
      this.keep(stored, [])
      return name
    })
  }

  remove(name: string): Promise<void> {
    return this.queued(async () => {
      await write(['images', 'pixels', 'candidates', 'log'], (store) => {
        for (const one of ['images', 'pixels', 'candidates'] as const) store(one).delete(name)
        store('log').delete(logOf(name))
      })
      this.images.delete(name)
    })
  }

  /** Whether a person has changed an image's masks, or accepted it. */
  edited(name: string): boolean {
    return this.get(name).entries.length > 0
  }

  /** Puts proposals in the place of an image's masks. Its log is dropped: only for images that nobody edited, or on request. */
  propose(name: string, { records, candidates }: Proposed): Promise<void> {
    return this.queued(async () => {
      const stored = { ...this.get(name).stored, proposals: proposedMasks(records), revision: freshRevision() }
      await write(['images', 'candidates', 'log'], (store) => {
        store('images').put(stored)
        store('candidates').put({ ...candidates, image: stored.info }, name)
        store('log').delete(logOf(name))
      })
      this.keep(stored, [])
    })
  }

  /** Applies an action and stores it: it is in the database when the promise resolves. @throws InvalidEntryError */
  act(name: string, request: ActionRequest): Promise<ActResult> {
    return this.queued(async () => {
      const { stored, document, entries } = this.get(name)
      const found = nextEntry(request, document, entries, stored.revision)
      if ('answer' in found) return found.answer
      const entry = found.next
      await write(['log'], (store) => void store('log').put({ image: name, entry }))
      document.apply(entry)
      entries.push(entry)
      return { entry }
    })
  }

  setPixelSize(names: readonly string[], size: ImageInfo['pixelSize']): Promise<void> {
    return this.queued(async () => {
      const changed = names.map((name) => {
        const { stored } = this.get(name)
        return { ...stored, info: { ...stored.info, pixelSize: size ?? stored.imported.pixelSize } }
      })
      await write(['images'], (store) => {
        for (const stored of changed) store('images').put(stored)
      })
      for (const stored of changed) this.get(stored.name).stored = stored
    })
  }

  /** One change after the other. */
  private queued<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work, work)
    this.queue = result.catch(() => {})
    return result
  }
}
