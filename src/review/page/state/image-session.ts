/** @file The open image: its document, its masks as pixels, the selection, and the outbox for its edits. */
import { batch, signal } from '@preact/signals'
import { decodeMask } from '../../../../engine/masks/rle'
import { type Mask, maskArea, maskRegion } from '../../../../engine/masks/mask'
import type { ImageInfo } from '../../../project/file-schemas'
import { type MaskChange, ReviewDocument } from '../../../project/review/document'
import type { Marking, MaskMarks } from '../../../project/review/mask-marks'
import type {
  Action,
  EditKind,
  ImageState,
  LogEntry,
  ReviewHistory,
  ReviewMask,
} from '../../../project/review/review-records'
import { api } from '../api'
import { MaskColours, type Rgb } from '../image/mask-colours'
import { MaskLayer } from '../image/mask-layer'
import { DisplayImage } from '../image/display-image'
import { Viewport } from '../image/viewport'
import { dirtyRects, OwnerMap, type NumberedMask } from '../masks/owner'
import { type Region, regionsOverlap } from '../../../../engine/image/box'
import { type NewMask, recordsOf } from './reviewed'
import { Outbox, type Rejection, windowName } from './outbox'
import { classColour } from './classes'
import { coverage, opacity, stretch, style } from './prefs'

/** A mask with its record in the document. */
export interface MaskEntry extends NumberedMask {
  review: ReviewMask
}

/** What an image is opened from without the server. */
export interface KeptImage {
  history: ReviewHistory
  /** The image's file. */
  file: Blob
  outbox: Outbox
}

export class ImageSession {
  readonly masks = new Map<number, MaskEntry>()
  readonly owners: OwnerMap
  readonly layer: MaskLayer
  private readonly colours = new MaskColours()
  readonly viewport: Viewport
  /** Increases whenever masks, selection or appearance change, so that everything drawn from them is drawn again. */
  readonly version = signal(0)
  readonly selection = signal<ReadonlySet<number>>(new Set())
  /** The mask under the pointer, on the canvas or in the list; 0 for none. */
  readonly hover = signal(0)
  readonly state = signal<ImageState>('proposed')
  released = false
  /** Decoded masks, including removed ones, so that undo is immediate. */
  private readonly decoded = new WeakMap<ReviewMask, MaskEntry>()

  private constructor(
    readonly info: ImageInfo,
    readonly document: ReviewDocument,
    readonly picture: DisplayImage,
    /** The image's file. */
    readonly file: Blob,
    /** Every entry of this image so far, including those not yet sent to the log. */
    readonly entries: LogEntry[],
    readonly outbox: Outbox,
    /** Of its proposals, see ReviewHistory. */
    readonly revision: string | undefined,
  ) {
    this.owners = new OwnerMap(info.width, info.height)
    this.layer = new MaskLayer(this.owners, (id) => this.colourOf(id))
    this.viewport = new Viewport(info)
    for (const review of document.masks) this.insert(review)
    this.owners.change([], [...this.masks.values()])
    this.state.value = document.state
    if (stretch.peek()) picture.setLevels(picture.stretched())
    this.repaint()
  }

  /** Loads an image and its log. @throws Error if they cannot be loaded or do not match */
  static async open(
    name: string,
    abort: AbortSignal,
    saved: () => void,
    rejected: (rejection: Rejection) => void,
  ): Promise<ImageSession> {
    const [reply, file] = await Promise.all([api.document(name, abort), api.pixels(name, abort)])
    const document = replay(reply)
    const outbox = new Outbox(name, document.seq, saved, rejected, reply.revision)
    return ImageSession.make(reply, document, file, outbox)
  }

  /** Opens an image that this window has left, without the server. */
  static reopen({ history, file, outbox }: KeptImage): Promise<ImageSession> {
    return ImageSession.make(history, replay(history), file, outbox)
  }

  private static async make(
    { image, entries, revision }: ReviewHistory,
    document: ReviewDocument,
    file: Blob,
    outbox: Outbox,
  ): Promise<ImageSession> {
    const picture = await DisplayImage.decode(file)
    const { width, height } = image
    if (picture.width !== width || picture.height !== height)
      throw new Error(
        `the image has ${picture.width} x ${picture.height} pixels, but its masks have ${width} x ${height}`,
      )
    return new ImageSession(image, document, picture, file, entries, outbox, revision)
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
    this.masks.set(review.id, entry)
    this.colours.add(review.id, entry.mask)
  }

  /** By class where the project has classes; otherwise far from the neighbours' colours. */
  colourOf(id: number): Rgb {
    return classColour(this.document.marksOf(id).className) ?? this.colours.of(id)
  }

  marksOf(id: number): MaskMarks {
    return this.document.marksOf(id)
  }

  /** Changes class, lock or comment of masks, or the comment on the image. */
  mark(mark: Marking): void {
    this.act({ type: 'mark', mark })
  }

  /** The current masks, by id. */
  get list(): MaskEntry[] {
    return [...this.masks.values()].sort((a, b) => a.id - b.id)
  }

  /** The selected masks. */
  get chosen(): MaskEntry[] {
    return [...this.selection.value].flatMap((id) => this.masks.get(id) ?? [])
  }

  /** Masks other than `except` whose bounding box overlaps that of `mask`. */
  near(mask: Mask, except: readonly number[] = []): MaskEntry[] {
    const rect = maskRegion(mask)
    return this.list.filter((entry) => !except.includes(entry.id) && regionsOverlap(rect, maskRegion(entry.mask)))
  }

  /**
   * Replaces masks by new ones, and selects these. Locked masks are neither removed nor replaced.
   * @returns the new masks' ids
   */
  edit(kind: EditKind, removed: readonly number[], newMasks: readonly NewMask[] = []): number[] {
    const locked = removed.filter((id) => this.marksOf(id).locked)
    // what is selected or filtered together may contain locked masks, which then stay
    const partly = locked.length > 0 && (kind === 'remove' || kind === 'refilter')
    if (locked.length && !partly) throw new Error(`Mask ${locked[0]} is locked: T unlocks it.`)
    const remove = partly ? removed.filter((id) => !locked.includes(id)) : removed
    if (partly && !remove.length && !newMasks.length) throw new Error('These masks are locked: T unlocks them.')
    const add = recordsOf(kind, this.document.nextId, newMasks, this.info)
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

  /** Applies an action and queues it for the log. @throws InvalidEntryError if it is not valid */
  act(action: Action): void {
    const change = this.take({
      ...action,
      seq: this.document.seq + 1,
      time: new Date().toISOString(),
      window: windowName,
    })
    this.outbox.push(action)
    // select the new masks, which the next action is usually about
    if (action.type !== 'state' && !change.marked) this.select(change.added.map(({ id }) => id))
    if (action.type === 'undo' || action.type === 'redo') this.reveal([...change.removed, ...change.added])
  }

  /** Moves the view to the masks if none is visible, so that the effect of undo is seen. */
  private reveal(masks: readonly ReviewMask[]): void {
    const rects = masks.map((review) => maskRegion(this.decoded.get(review)!.mask))
    const seen = this.viewport.visible
    if (rects.length && !rects.some((rect) => regionsOverlap(rect, seen))) this.viewport.show(rects[0])
  }

  /** Applies entries of other windows that follow the last one. */
  receive(entries: readonly LogEntry[]): void {
    for (const entry of entries) if (entry.seq > this.document.seq) this.take(entry)
    this.outbox.follow(this.document.seq)
  }

  private take(entry: LogEntry): MaskChange {
    const change = this.document.apply(entry)
    this.entries.push(entry)
    const gone = change.removed.map(({ id }) => this.masks.get(id)!)
    for (const { id } of change.removed) {
      this.masks.delete(id)
      this.colours.remove(id)
    }
    for (const review of change.added) this.insert(review)
    const came = change.added.map(({ id }) => this.masks.get(id)!)
    this.owners.change(gone, came)
    const masks = [...gone, ...came].map(({ mask }) => mask)
    const rects = dirtyRects(masks, this.info.width, this.info.height)
    const marked = (change.marked ?? []).flatMap((id) => this.masks.get(id)?.mask ?? [])
    rects.push(...dirtyRects(marked, this.info.width, this.info.height))
    batch(() => {
      this.state.value = this.document.state
      const kept = [...this.selection.value].filter((id) => this.masks.has(id))
      if (kept.length < this.selection.value.size) this.selection.value = new Set(kept)
      if (!this.masks.has(this.hover.value)) this.hover.value = 0
      this.paint(rects)
      this.changed()
    })
    return change
  }

  select(ids: Iterable<number>): void {
    const next = new Set([...ids].filter((id) => this.masks.has(id)))
    const before = this.selection.value
    if (next.size === before.size && [...next].every((id) => before.has(id))) return
    const changed = [...next].filter((id) => !before.has(id)).concat([...before].filter((id) => !next.has(id)))
    const masks = changed.flatMap((id) => this.masks.get(id)?.mask ?? [])
    batch(() => {
      this.selection.value = next
      this.paint(dirtyRects(masks, this.info.width, this.info.height))
      this.changed()
    })
  }

  /** Triggers a redraw. Uses peek(), so that an effect that calls this does not subscribe to the counter. */
  private changed(): void {
    this.version.value = this.version.peek() + 1
  }

  /** Releases the bitmaps' memory. Nothing is drawn any more, but unsent actions are still sent. */
  release(): void {
    this.released = true
    this.picture.release()
    this.layer.canvas.width = this.layer.canvas.height = 0
  }

  /** Adds masks to the selection, or removes them if all are selected. */
  toggle(ids: readonly number[]): void {
    const next = new Set(this.selection.value)
    const all = ids.every((id) => next.has(id))
    for (const id of ids) all ? next.delete(id) : next.add(id)
    this.select(next)
  }

  private readonly look = () => ({
    fill: style.peek() === 'fill',
    opacity: opacity.peek(),
    coverage: coverage.peek(),
  })

  private paint(rects: readonly Region[]): void {
    this.layer.refresh(rects, this.look, () => this.selection.peek())
  }

  /** Paints masks that were left for later; called before each frame. @returns whether another frame is needed */
  catchUp(): boolean {
    return this.layer.catchUp(this.viewport.visible, this.look(), this.selection.peek())
  }

  /** Repaints all masks after a change of their appearance. */
  repaint(): void {
    this.paint([this.everything])
    this.changed()
  }
}

function replay({ image, proposals, entries }: ReviewHistory): ReviewDocument {
  return ReviewDocument.replay({ image, proposals, entries })
}
