/**
 * @file The masks of one image under review: the result of applying a log of edits to the proposals. Without side effects:
 * the server, the page and the export replay the same entries to the same masks. An invalid entry is rejected before
 * anything changes.
 */
import { eachRun } from '../../../engine/masks/rle'
import type { Size } from '../../../engine/image/size'
import { type Marking, type MaskMarks, Marks } from './mask-marks'
import {
  type Action,
  type Edit,
  type EditKind,
  type ImageState,
  imageStates,
  type LogEntry,
  type ReviewMask,
} from './review-records'
import { messageOf } from '../../host/errors'

/** An entry or a mask that is not valid for the document; the message says why. */
export class InvalidEntryError extends Error {}

/** The masks that an entry removed and added: a view has to redraw these. */
export interface MaskChange {
  removed: ReviewMask[]
  added: ReviewMask[]
  /** Ids of masks whose class, lock or comment changed. */
  marked?: number[]
}

export interface MaskCounts {
  masks: number
  /** Proposals that were removed, and no mask was made from them. */
  removed: number
  /** Proposals that were replaced by masks made from them (merged, split, painted …). */
  edited: number
  /** Masks that were not made from a proposal. */
  added: number
}

/** Edits whose new masks are not made from the masks that they remove. */
const unrelated: readonly EditKind[] = ['remove', 'refilter', 'paste']

/** An edit or a note that can be undone. */
type Step = MaskChange | { mark: Marking; takeBack: () => void }

export class ReviewDocument {
  private readonly live = new Map<number, ReviewMask>()
  /** For every mask so far, removed ones included: the proposals that it was made from. */
  private readonly roots = new Map<number, readonly number[]>()
  private readonly marks = new Marks()
  private readonly done: Step[] = []
  private undone: Step[] = []
  private lastSeq = 0
  private freeId: number
  private current: ImageState = 'proposed'

  /**
   * @param size of the image
   * @param proposals with the ids 1 to N
   * @throws InvalidEntryError if an id or a mask is not valid
   */
  constructor(
    readonly size: Size,
    readonly proposals: readonly ReviewMask[],
  ) {
    proposals.forEach((mask, i) => {
      if (mask.id !== i + 1) throw new InvalidEntryError(`proposal ${i + 1} has the id ${mask.id}`)
      if (mask.origin !== 'proposal') throw new InvalidEntryError(`proposal ${mask.id} has the origin "${mask.origin}"`)
      this.checkMask(mask)
      this.live.set(mask.id, mask)
      this.roots.set(mask.id, [mask.id])
    })
    this.freeId = proposals.length + 1
  }

  /** The document that a history or a log leads to. @throws InvalidEntryError naming the invalid entry */
  static replay(base: { image: Size; proposals: readonly ReviewMask[]; entries: Iterable<LogEntry> }): ReviewDocument {
    const document = new ReviewDocument(base.image, base.proposals)
    for (const entry of base.entries) document.apply(entry)
    return document
  }

  /** The current masks, by id. */
  get masks(): ReviewMask[] {
    return [...this.live.values()].sort((a, b) => a.id - b.id)
  }

  mask(id: number): ReviewMask | undefined {
    return this.live.get(id)
  }

  /** A mask's class, lock and comment. */
  marksOf(id: number): MaskMarks {
    return this.marks.of(id)
  }

  /** The comment on the whole image; '' if there is none. */
  get comment(): string {
    return this.marks.comment
  }

  /** The number of the last entry; 0 before the first. */
  get seq(): number {
    return this.lastSeq
  }

  get state(): ImageState {
    return this.current
  }

  /** The id of the next mask: an edit numbers its masks from this one. */
  get nextId(): number {
    return this.freeId
  }

  get canUndo(): boolean {
    return this.done.length > 0
  }

  get canRedo(): boolean {
    return this.undone.length > 0
  }

  get counts(): MaskCounts {
    const led = new Set<number>()
    let added = 0
    for (const id of this.live.keys()) {
      const roots = this.roots.get(id)!
      if (!roots.length) added++
      for (const root of roots) led.add(root)
    }
    let edited = 0
    for (const id of led) if (!this.live.has(id)) edited++
    return { masks: this.live.size, removed: this.proposals.length - led.size, edited, added }
  }

  /** @throws InvalidEntryError saying why the action is not possible now */
  check(action: Action): void {
    switch (action.type) {
      case 'edit':
        return this.checkEdit(action.edit)
      case 'mark': {
        const problem = Marks.problemOf(action.mark, (id) => this.live.has(id))
        if (problem) throw new InvalidEntryError(problem)
        return
      }
      case 'undo':
        if (!this.canUndo) throw new InvalidEntryError('there is nothing to undo')
        return
      case 'redo':
        if (!this.canRedo) throw new InvalidEntryError('there is nothing to redo')
        return
      case 'state':
        if (!imageStates.includes(action.state))
          throw new InvalidEntryError(`"${action.state}" is not a state of an image`)
        return
      default:
        throw new InvalidEntryError(`"${(action as { type: unknown }).type}" is not an action`)
    }
  }

  /**
   * Applies an entry. An entry that changes masks, other than by notes on them, sets the image "in review", even an accepted one: the accepted masks
   * are not the current ones any more.
   * @throws InvalidEntryError, with nothing changed, if the entry is not the next one or not valid
   */
  apply(entry: LogEntry): MaskChange {
    if (entry.seq !== this.lastSeq + 1)
      throw new InvalidEntryError(
        `entry ${entry.seq} does not follow entry ${this.lastSeq}: one is missing or repeated`,
      )
    try {
      this.check(entry)
    } catch (error) {
      throw new InvalidEntryError(`entry ${entry.seq}: ${messageOf(error)}`)
    }
    this.lastSeq = entry.seq
    if (entry.type === 'state') {
      this.current = entry.state
      return { removed: [], added: [] }
    }
    if (entry.type === 'mark') {
      this.undone = []
      return this.mark(entry.mark)
    }
    if (entry.type === 'edit') {
      this.current = 'in review'
      return this.edit(entry.edit)
    }
    const step = (entry.type === 'undo' ? this.done : this.undone).pop()!
    if (entry.type === 'undo') this.undone.push(step)
    if ('mark' in step) {
      // the masks, and so what was accepted, are the same
      if (entry.type === 'redo') return this.mark(step.mark)
      step.takeBack()
      return { removed: [], added: [], marked: step.mark.ids }
    }
    this.current = 'in review'
    if (entry.type === 'undo') return this.exchange({ removed: step.added, added: step.removed })
    this.done.push(step)
    return this.exchange(step)
  }

  private mark(mark: Marking): MaskChange {
    this.done.push({ mark, takeBack: this.marks.apply(mark) })
    return { removed: [], added: [], marked: mark.ids }
  }

  private edit({ kind, remove, add }: Edit): MaskChange {
    const change = { removed: remove.map((id) => this.live.get(id)!), added: add }
    const from = unrelated.includes(kind) ? [] : [...new Set(remove.flatMap((id) => this.roots.get(id)!))]
    for (const { id } of add) this.roots.set(id, from)
    if (!unrelated.includes(kind))
      this.marks.inherit(
        remove,
        add.map(({ id }) => id),
      )
    this.freeId += add.length
    this.done.push(change)
    this.undone = []
    return this.exchange(change)
  }

  private exchange(change: MaskChange): MaskChange {
    for (const { id } of change.removed) this.live.delete(id)
    for (const mask of change.added) this.live.set(mask.id, mask)
    return change
  }

  private checkEdit({ kind, remove, add }: Edit): void {
    if (!remove.length && !add.length) throw new InvalidEntryError(`this "${kind}" changes nothing`)
    if (kind === 'remove' && add.length) throw new InvalidEntryError('"remove" adds no masks')
    if (new Set(remove).size < remove.length) throw new InvalidEntryError(`this "${kind}" removes a mask twice`)
    for (const id of remove) if (!this.live.has(id)) throw new InvalidEntryError(`there is no mask ${id} to remove`)
    const locked = remove.find((id) => this.marks.of(id).locked)
    if (locked !== undefined) throw new InvalidEntryError(`mask ${locked} is locked: unlock it first`)
    add.forEach((mask, i) => {
      const id = this.freeId + i
      if (mask.id !== id) throw new InvalidEntryError(`a new mask has the id ${mask.id}, not the next free one, ${id}`)
      if (mask.origin !== kind)
        throw new InvalidEntryError(`mask ${id} of this "${kind}" has the origin "${mask.origin}"`)
      this.checkMask(mask)
    })
  }

  private checkMask({ id, segmentation, predictedIou, calibratedIou = null, stability }: ReviewMask): void {
    const { width, height } = this.size
    const [rows, columns] = segmentation.size
    if (columns !== width || rows !== height)
      throw new InvalidEntryError(`mask ${id} has ${columns} x ${rows} pixels, but the image has ${width} x ${height}`)
    for (const value of [predictedIou, calibratedIou, stability])
      if (value !== null && !Number.isFinite(value))
        throw new InvalidEntryError(`a measure of mask ${id} is not a number`)
    let area = 0
    try {
      eachRun(segmentation, (_start, length) => (area += length))
    } catch (error) {
      throw new InvalidEntryError(`mask ${id} is damaged: ${messageOf(error)}`)
    }
    if (!area) throw new InvalidEntryError(`mask ${id} is empty`)
  }
}
