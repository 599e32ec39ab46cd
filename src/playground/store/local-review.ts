/** @file The images under review in the page, with their documents in memory and every change in the database first. */
import type { CandidateFile, ImageInfo } from '../../project/file-schemas'
import { type ActResult, nextEntry } from '../../project/review/act'
import { ReviewDocument } from '../../project/review/document'
import { proposedMasks } from '../../project/review/proposed-masks'
import type { ActionRequest, LogEntry, ReviewHistory, ReviewSummary } from '../../project/review/review-records'
import { summaryOf } from '../../project/review/summary'
import type { Picture, Proposed, ReadImage } from '../calls'
import { sizeOfMasks, typicalSize } from '../../project/review/mask-size'
import { type ParticleSize, statedSize } from '../../../engine/scale/particle-size'
import { read, readAll, write } from './database'
import type { Change, StoredImage } from './records'

interface OpenImage {
  /** See Picture. */
  id: string
  stored: StoredImage
  document: ReviewDocument
  entries: LogEntry[]
}

const replayed = ({ imported, proposals }: StoredImage, entries: LogEntry[]): ReviewDocument =>
  ReviewDocument.replay({ image: imported, proposals, entries })

const freshRevision = (): string => crypto.getRandomValues(new Uint32Array(2)).join('-')

export class LocalReview {
  private readonly images = new Map<string, OpenImage>()
  private readonly blobs = new Map<string, Blob>()
  private readonly sizes = new Map<string, ParticleSize>()
  private queue: Promise<unknown> = Promise.resolve()
  private added = 0

  /** Opens what the database holds. */
  static async open(): Promise<LocalReview> {
    const review = new LocalReview()
    const entries = new Map<string, LogEntry[]>()
    for (const { image, entry } of await readAll('log')) entries.set(image, [...(entries.get(image) ?? []), entry])
    for (const stored of await readAll('images')) review.keep(stored, entries.get(stored.name) ?? [])
    return review
  }

  private keep(stored: StoredImage, entries: LogEntry[]): void {
    const id = this.images.get(stored.name)?.id ?? `${++this.added} ${stored.name}`
    this.images.set(stored.name, { id, stored, document: replayed(stored, entries), entries })
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
    const blob = this.blobs.get(name) ?? (await read('pixels', name))
    if (!blob) throw new Error(`the pixels of ${name} are gone: the browser has removed them. Add the image again`)
    this.blobs.set(name, blob)
    return blob
  }

  /** See Picture. */
  id(name: string): string {
    return this.get(name).id
  }

  /** An image for the worker. @param diameter of its particles in pixels, if a person stated it */
  async picture(name: string, diameter: number | null): Promise<Picture> {
    const pixels = await this.pixels(name)
    const particles = diameter === null ? this.particleSize(name) : statedSize(diameter)
    return { id: this.id(name), info: this.info(name), pixels, particles }
  }

  /**
   * From an image's masks; with few of them, that of a typical image; null if no image has enough. It is kept from the moment that it is
   * known, so that edits do not make tiles useless that are encoded.
   */
  private particleSize(name: string): ParticleSize | null {
    const of = (one: string) => {
      const known = this.sizes.get(one) ?? sizeOfMasks(this.document(one).masks)
      if (known) this.sizes.set(one, known)
      return known
    }
    return of(name) ?? typicalSize(this.names.map(of).filter((size) => size !== null))
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
      await write([
        { store: 'images', key: name, value: stored },
        { store: 'pixels', key: name, value: pixels },
      ])
      this.blobs.set(name, pixels)
      this.keep(stored, [])
      return name
    })
  }

  remove(name: string): Promise<void> {
    return this.queued(async () => {
      const stores = ['images', 'pixels', 'candidates'] as const
      const changes = stores.map((store): Change => ({ store, remove: name }))
      await write([...changes, { store: 'log', removeAllOf: name }])
      this.blobs.delete(name)
      this.sizes.delete(name)
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
      await write([
        { store: 'images', key: name, value: stored },
        { store: 'candidates', key: name, value: { ...candidates, image: stored.info } },
        { store: 'log', removeAllOf: name },
      ])
      this.sizes.delete(name)
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
      await write([{ store: 'log', key: [name, entry.seq], value: { image: name, entry } }])
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
      await write(changed.map((stored): Change => ({ store: 'images', key: stored.name, value: stored })))
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
