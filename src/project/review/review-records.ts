/**
 * @file The records of a review: masks, edits, and the entries of its log. The server, the page and the export share these
 * types and src/project/review/document.ts, so that all of them replay a log to the same masks.
 */
import type { CompressedRle } from '../../../engine/masks/rle'
import type { ImageInfo } from '../file-schemas'
import type { Marking } from './mask-marks'

export const imageStates = ['proposed', 'in review', 'accepted'] as const
export type ImageState = (typeof imageStates)[number]

export const editKinds = [
  'remove',
  'merge',
  'split',
  'brush',
  'erase',
  'fill holes',
  'redraw',
  'add',
  'prompt',
  'refilter',
  'paste',
  'similar',
] as const
export type EditKind = (typeof editKinds)[number]

/** A mask of an image under review. Ids count up from 1 in each image and are never reused. */
export interface ReviewMask {
  id: number
  segmentation: CompressedRle
  /** 'proposal' for an unchanged proposal, otherwise the edit that created the mask. */
  origin: 'proposal' | EditKind
  /** What made a proposal, if it was no model. */
  source?: 'watershed' | 'imported'
  /** The model's estimate of the mask's IoU; null if a person drew the mask, or a proposal is not a model's. */
  predictedIou: number | null
  /** What masks with this predicted IoU turned out to have on average; missing if that is not known. */
  calibratedIou?: number | null
  /** How little the mask changes with the threshold, 0 to 1; null if a person drew the mask. */
  stability: number | null
}

/** Every edit removes masks and adds others in their place, so that each can be undone and a log of them replayed. */
export interface Edit {
  kind: EditKind
  /** Ids. */
  remove: number[]
  add: ReviewMask[]
}

/**
 * The first line of review/NAME.jsonl: the state before the first edit. The log holds all of it, so that proposals which
 * are generated again or deleted later do not affect a review that has begun.
 */
export interface LogHeader {
  version: 1
  image: ImageInfo
  /** Ids 1 to N, in the order of the records of proposals/NAME.json. */
  proposals: ReviewMask[]
}

/** A change by a person: what a window sends to the server, which adds `seq` and `time`. */
export type Action =
  | { type: 'edit'; edit: Edit }
  | { type: 'mark'; mark: Marking }
  | { type: 'undo' }
  | { type: 'redo' }
  | { type: 'state'; state: ImageState }

/** Every further line of the log. */
export type LogEntry = Action & {
  /** 1, 2, 3 … in each image. */
  seq: number
  /** ISO 8601. */
  time: string
  /** The browser window that sent it: a random text. */
  window: string
}

export interface ActionRequest {
  /** The window's random name: at most 64 letters, digits, - and _. */
  window: string
  /** `seq` of the last entry that the window has seen. */
  base: number
  /** The revision of the proposals that it has seen, see ReviewHistory; the ids of an edit mean others' masks in others. */
  revision?: string
  action: Action
}

/** Everything that ReviewDocument.replay needs to rebuild masks, state, undo and redo. */
export interface ReviewHistory {
  image: ImageInfo
  proposals: ReviewMask[]
  entries: LogEntry[]
  /** Differs when the proposals were generated again. */
  revision?: string
}

/** An image's line in the list of images. */
export interface ReviewSummary {
  info: ImageInfo
  state: ImageState
  masks: number
  /** Proposals that were removed. */
  removed: number
  /** Proposals that were replaced by an edited version. */
  edited: number
  /** Masks that were not made from a proposal. */
  added: number
  /** The comment on the image; '' if there is none. */
  comment: string
  /** See uncertaintyOf. */
  uncertainty: number | null
  /** That of its history: a page that shows another one shows proposals that are gone. */
  revision: string
  /** The masks' areas together, as a fraction of the image, at most 1. */
  covered: number
  /** Why the image cannot be reviewed, e.g. a damaged file; `info` may then hold zeros. Null if it can be. */
  problem: string | null
  /** A warning about an image that can be reviewed: an incomplete line was cut off, proposals were generated again. */
  note: string | null
}

/** True if the log entry records this action. */
export function sameAction(entry: LogEntry | undefined, action: Action): boolean {
  if (!entry || entry.type !== action.type) return false
  if (entry.type === 'mark') return JSON.stringify(entry.mark) === JSON.stringify((action as typeof entry).mark)
  if (entry.type === 'edit') return JSON.stringify(entry.edit) === JSON.stringify((action as typeof entry).edit)
  return entry.type !== 'state' || entry.state === (action as typeof entry).state
}
