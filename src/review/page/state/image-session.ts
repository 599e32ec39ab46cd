/** @file An image that is open: its document, its masks as pixels, what is selected, and the way of edits to the log. */
import { batch, signal } from '@preact/signals'
import { decodeMask, encodeMask } from '../../../../engine/masks/rle'
import type { Mask } from '../../../../engine/masks/mask'
import type { ImageInfo } from '../../../project/file-schemas'
import { type MaskChange, ReviewDocument } from '../../../project/review/document'
import type {
  Action,
  EditKind,
  ImageState,
  LogEntry,
  ReviewHistory,
  ReviewMask,
} from '../../../project/review/review-records'
import { api } from '../api'
import { MaskLayer } from '../image/mask-layer'
import { DisplayImage } from '../image/display-image'
import { Viewport } from '../image/viewport'
import { dirtyRects, OwnerMap, type NumberedMask } from '../masks/owner'
import { type Region, regionsOverlap } from '../../../../engine/image/box'
import { maskRegion } from '../../../../engine/masks/mask'
import { maskArea } from '../../../../engine/masks/mask'
import { Outbox, type Rejection, windowName } from './outbox'
import { coverage, opacity, stretch, style } from './prefs'

/** A mask that an edit adds. */
export interface NewMask {
  mask: Mask
  predictedIou?: number | null
  stability?: number | null
}

/** Masks as the index lists them. */
export interface Entry extends NumberedMask {
  review: ReviewMask
}

export class ImageSession {
  readonly shapes = new Map<number, Entry>()
  readonly owners: OwnerMap
  readonly layer: MaskLayer
  readonly viewport: Viewport
  readonly outbox: Outbox
  /** Counts up whenever masks, selection or looks change: what is drawn from them is drawn anew. */
  readonly version = signal(0)
  readonly selection = signal<ReadonlySet<number>>(new Set())
  /** The mask under the pointer, on the canvas or in the index; 0 for none. */
  readonly hover = signal(0)
  readonly state = signal<ImageState>('proposed')
  /** Every action of this image so far, as the log has it or will have it. */
  readonly entries: LogEntry[]
  released = false
  /** Of masks that were there once: undo brings them back at once. */
  private readonly decoded = new WeakMap<ReviewMask, Entry>()

  private constructor(
    readonly info: ImageInfo,
    readonly document: ReviewDocument,
    readonly picture: DisplayImage,
    entries: LogEntry[],
    saved: () => void,
    rejected: (rejection: Rejection) => void,
  ) {
    this.entries = entries
    this.owners = new OwnerMap(info.width, info.height)
    this.layer = new MaskLayer(this.owners)
    this.viewport = new Viewport(info)
    this.outbox = new Outbox(info.name, document.seq, saved, rejected)
    for (const review of document.masks) this.insert(review)
    this.owners.repaint(this.everything, this.shapes.values())
    this.state.value = document.state
    if (stretch.peek()) picture.setLevels(picture.stretched())
    this.repaint()
  }

  /** @throws Error where the image or its log cannot be had */
  static async open(
    name: string,
    abort: AbortSignal,
    saved: () => void,
    rejected: (rejection: Rejection) => void,
  ): Promise<ImageSession> {
    const [reply, picture] = await Promise.all([
      api.document(name, abort),
      api.pixels(name, abort).then(DisplayImage.decode),
    ])
    const { width, height } = reply.image
    if (picture.width !== width || picture.height !== height)
      throw new Error(
        `the picture has ${picture.width} x ${picture.height} pixels, its masks are of ${width} x ${height}`,
      )
    return new ImageSession(reply.image, replay(reply), picture, reply.entries, saved, rejected)
  }

  get name(): string {
    return this.info.name
  }

  private get everything(): Region {
    return { left: 0, top: 0, right: this.info.width, bottom: this.info.height }
  }

  private insert(review: ReviewMask): void {
    let entry = this.decoded.get(review)
    if (!entry) {
      const mask = decodeMask(review.segmentation)
      this.decoded.set(review, (entry = { id: review.id, mask, area: maskArea(mask), review }))
    }
    this.shapes.set(review.id, entry)
  }

  /** The masks there are, by id. */
  get list(): Entry[] {
    return [...this.shapes.values()].sort((a, b) => a.id - b.id)
  }

  /** The selected masks that are there. */
  get chosen(): Entry[] {
    return [...this.selection.value].flatMap((id) => this.shapes.get(id) ?? [])
  }

  /** Masks other than `except` that come near `mask`. */
  near(mask: Mask, except: readonly number[] = []): Entry[] {
    const rect = maskRegion(mask)
    return this.list.filter((entry) => !except.includes(entry.id) && regionsOverlap(rect, maskRegion(entry.mask)))
  }

  /**
   * Takes masks away and puts drafts in their place, and selects these.
   * @returns the new masks' ids
   */
  edit(kind: EditKind, remove: readonly number[], drafts: readonly NewMask[] = []): number[] {
    const first = this.document.nextId
    const add = drafts.map(({ mask, predictedIou = null, stability = null }, i): ReviewMask => ({
      id: first + i,
      segmentation: encodeMask(mask, this.info),
      origin: kind,
      predictedIou,
      stability,
    }))
    this.act({ type: 'edit', edit: { kind, remove: [...remove], add } })
    return add.map(({ id }) => id)
  }

  undo(): boolean {
    if (!this.document.canUndo) return false
    this.act({ type: 'undo' })
    return true
  }

  redo(): boolean {
    if (!this.document.canRedo) return false
    this.act({ type: 'redo' })
    return true
  }

  setState(state: ImageState): void {
    if (state !== this.document.state) this.act({ type: 'state', state })
  }

  /** Does it here and sends it. @throws Error where the document refuses it */
  act(action: Action): void {
    const change = this.take({
      ...action,
      seq: this.document.seq + 1,
      time: new Date().toISOString(),
      window: windowName,
    })
    this.outbox.push(action)
    // what came is what a person wants to see and go on with
    if (action.type !== 'state') this.select(change.added.map(({ id }) => id))
    if (action.type === 'undo' || action.type === 'redo') this.reveal([...change.removed, ...change.added])
  }

  /** Moves the view to masks that are all out of sight: what undo changes should be seen. */
  private reveal(masks: readonly ReviewMask[]): void {
    const rects = masks.map((review) => maskRegion(this.decoded.get(review)!.mask))
    const seen = this.viewport.visible
    if (rects.length && !rects.some((rect) => regionsOverlap(rect, seen))) this.viewport.show(rects[0])
  }

  /** What other windows did: entries that follow the last one. */
  receive(entries: readonly LogEntry[]): void {
    for (const entry of entries) if (entry.seq > this.document.seq) this.take(entry)
    this.outbox.follow(this.document.seq)
  }

  private take(entry: LogEntry): MaskChange {
    const change = this.document.apply(entry)
    this.entries.push(entry)
    const gone = change.removed.map(({ id }) => this.shapes.get(id)!.mask)
    for (const { id } of change.removed) this.shapes.delete(id)
    for (const review of change.added) this.insert(review)
    const masks = [...gone, ...change.added.map(({ id }) => this.shapes.get(id)!.mask)]
    const rects = dirtyRects(masks, this.info.width, this.info.height)
    for (const rect of rects) this.owners.repaint(rect, this.shapes.values())
    batch(() => {
      this.state.value = this.document.state
      const kept = [...this.selection.value].filter((id) => this.shapes.has(id))
      if (kept.length < this.selection.value.size) this.selection.value = new Set(kept)
      if (!this.shapes.has(this.hover.value)) this.hover.value = 0
      for (const rect of rects) this.paint(rect)
      this.changed()
    })
    return change
  }

  select(ids: Iterable<number>): void {
    const next = new Set([...ids].filter((id) => this.shapes.has(id)))
    const before = this.selection.value
    if (next.size === before.size && [...next].every((id) => before.has(id))) return
    const changed = [...next].filter((id) => !before.has(id)).concat([...before].filter((id) => !next.has(id)))
    const masks = changed.flatMap((id) => this.shapes.get(id)?.mask ?? [])
    batch(() => {
      this.selection.value = next
      for (const rect of dirtyRects(masks, this.info.width, this.info.height)) this.paint(rect)
      this.changed()
    })
  }

  /** What is drawn from the masks is drawn anew. Not `value++`: whoever calls this would then follow the count. */
  private changed(): void {
    this.version.value = this.version.peek() + 1
  }

  /** Gives the bitmaps' memory back; nothing is drawn from it any more, but what is unsent is still sent. */
  release(): void {
    this.released = true
    this.picture.release()
    this.layer.canvas.width = this.layer.canvas.height = 0
  }

  /** Adds to the selection, or takes out what is all in it. */
  toggle(ids: readonly number[]): void {
    const next = new Set(this.selection.value)
    const all = ids.every((id) => next.has(id))
    for (const id of ids) all ? next.delete(id) : next.add(id)
    this.select(next)
  }

  private paint(rect: Region): void {
    const look = { fill: style.peek() === 'fill', opacity: opacity.peek(), coverage: coverage.peek() }
    this.layer.paint(rect, look, this.selection.peek())
  }

  /** Paints all masks anew, when their look has changed. */
  repaint(): void {
    this.paint(this.everything)
    this.changed()
  }
}

function replay({ image, proposals, entries }: ReviewHistory): ReviewDocument {
  return ReviewDocument.replay({ image, proposals, entries })
}
