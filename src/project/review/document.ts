/**
 * @file The masks of one image under review, as proposals and a log of entries make them. Pure: the server, the page and
 * whoever reads a log replay the same entries to the same masks. An entry that does not fit is refused before anything
 * has changed.
 */
import { eachRun } from '../../../engine/masks/rle'
import type { Size } from '../../../engine/image/transforms'
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

/** An entry or a mask that does not fit the document: its message says why. */
export class InvalidEntryError extends Error {}

/** What an entry did to the masks: what a view has to redraw. */
export interface MaskChange {
  removed: ReviewMask[]
  added: ReviewMask[]
}

export interface MaskCounts {
  masks: number
  /** Proposals that are gone, and nothing that was made of them is there. */
  removed: number
  /** Proposals that are gone, but what was made of them (merged, split, brushed …) is there. */
  edited: number
  /** Masks that were made of no proposal. */
  added: number
}

/** Edits whose masks are not made of the masks that they take away. */
const unrelated: readonly EditKind[] = ['remove', 'refilter']

export class ReviewDocument {
  private readonly live = new Map<number, ReviewMask>()
  /** Of every mask that ever was: the proposals that it was made of. */
  private readonly roots = new Map<number, readonly number[]>()
  private readonly done: MaskChange[] = []
  private undone: MaskChange[] = []
  private lastSeq = 0
  private freeId: number
  private current: ImageState = 'proposed'

  /**
   * @param size of the image · @param proposals with the ids 1 to N
   * @throws InvalidEntryError where ids or masks are not what they must be
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

  /** The document of a ReviewHistory or of a log. @throws InvalidEntryError naming the entry that does not fit */
  static replay(base: { image: Size; proposals: readonly ReviewMask[]; entries: Iterable<LogEntry> }): ReviewDocument {
    const document = new ReviewDocument(base.image, base.proposals)
    for (const entry of base.entries) document.apply(entry)
    return document
  }

  /** The masks that are there, by id. */
  get masks(): ReviewMask[] {
    return [...this.live.values()].sort((a, b) => a.id - b.id)
  }

  mask(id: number): ReviewMask | undefined {
    return this.live.get(id)
  }

  /** The number of the last entry; 0 where there was none. */
  get seq(): number {
    return this.lastSeq
  }

  get state(): ImageState {
    return this.current
  }

  /** The id of the next mask: an edit's masks have this one and those that follow it. */
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

  /** @throws InvalidEntryError saying why the action cannot be taken now */
  check(action: Action): void {
    switch (action.type) {
      case 'edit':
        return this.checkEdit(action.edit)
      case 'undo':
        if (!this.canUndo) throw new InvalidEntryError('there is nothing to undo')
        return
      case 'redo':
        if (!this.canRedo) throw new InvalidEntryError('there is nothing to redo')
        return
      case 'state':
        if (!imageStates.includes(action.state))
          throw new InvalidEntryError(`"${action.state}" is no state of an image`)
        return
      default:
        throw new InvalidEntryError(`"${(action as { type: unknown }).type}" is no action`)
    }
  }

  /**
   * Takes an entry in. Whatever changes masks makes an image "in review", an accepted one too: what was accepted is not
   * what is there now.
   * @throws InvalidEntryError, with nothing changed, where the entry is not the next one or does not fit
   */
  apply(entry: LogEntry): MaskChange {
    if (entry.seq !== this.lastSeq + 1)
      throw new InvalidEntryError(
        `entry ${entry.seq} does not follow entry ${this.lastSeq}: one is missing or twice there`,
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
    this.current = 'in review'
    if (entry.type === 'edit') return this.edit(entry.edit)
    if (entry.type === 'undo') {
      const { removed, added } = this.done.pop()!
      this.undone.push({ removed, added })
      return this.exchange({ removed: added, added: removed })
    }
    const again = this.undone.pop()!
    this.done.push(again)
    return this.exchange(again)
  }

  private edit({ kind, remove, add }: Edit): MaskChange {
    const change = { removed: remove.map((id) => this.live.get(id)!), added: add }
    const from = unrelated.includes(kind) ? [] : [...new Set(remove.flatMap((id) => this.roots.get(id)!))]
    for (const { id } of add) this.roots.set(id, from)
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
    if (new Set(remove).size < remove.length) throw new InvalidEntryError(`this "${kind}" takes a mask away twice`)
    for (const id of remove) if (!this.live.has(id)) throw new InvalidEntryError(`there is no mask ${id} to take away`)
    add.forEach((mask, i) => {
      const id = this.freeId + i
      if (mask.id !== id) throw new InvalidEntryError(`a new mask has the id ${mask.id}, not the next free one, ${id}`)
      if (mask.origin !== kind)
        throw new InvalidEntryError(`mask ${id} of this "${kind}" has the origin "${mask.origin}"`)
      this.checkMask(mask)
    })
  }

  private checkMask({ id, segmentation, predictedIou, stability }: ReviewMask): void {
    const { width, height } = this.size
    const [rows, columns] = segmentation.size
    if (columns !== width || rows !== height)
      throw new InvalidEntryError(`mask ${id} is of ${columns} x ${rows} pixels, the image of ${width} x ${height}`)
    for (const value of [predictedIou, stability])
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
