/**
 * @file What the review server and its page say to each other, and what the log of edits holds. Both sides import this
 * file and src/review/document.ts, so that a replayed log, the server's memory and the page show the same masks.
 */
import type { CompressedRle } from '../../engine/masks/rle'
import type { CandidateFile, ImageInfo } from '../generate/project'

export type ImageState = 'proposed' | 'in review' | 'accepted'

/** A mask of an image under review. Ids count up from 1 in each image and are never used again. */
export interface ReviewMask {
  id: number
  segmentation: CompressedRle
  /** 'proposal': as the generator gave it; otherwise the edit that made it. */
  origin: 'proposal' | EditKind
  /** What the model thinks of it; null where a person drew it. */
  predictedIou: number | null
  stability: number | null
}

export type EditKind =
  'remove' | 'merge' | 'split' | 'brush' | 'erase' | 'fill holes' | 'redraw' | 'add' | 'prompt' | 'refilter'

/** Every edit takes masks away and puts masks in their place: so each can be undone, and a log of them replayed. */
export interface Edit {
  kind: EditKind
  /** Ids. */
  remove: number[]
  add: ReviewMask[]
}

/** One line of review/NAME.jsonl. */
export type LogEntry = {
  /** 1, 2, 3 … in each image. */
  seq: number
  /** ISO 8601. */
  time: string
  /** The window that sent it: a random text of its own. */
  window: string
} & ({ type: 'edit'; edit: Edit } | { type: 'undo' } | { type: 'redo' } | { type: 'state'; state: ImageState })

/** What a window sends; the server adds seq and time. */
export type Action =
  { type: 'edit'; edit: Edit } | { type: 'undo' } | { type: 'redo' } | { type: 'state'; state: ImageState }

export interface ImageSummary {
  info: ImageInfo
  state: ImageState
  masks: number
  /** Of the proposals: taken away for good, and replaced by an edited form; and masks that no proposal led to. */
  removed: number
  edited: number
  added: number
  /** Whether the image's embedding is in memory. */
  encoded: boolean
  /** Why the image cannot be reviewed, for a damaged file. */
  problem: string | null
}

export interface DocumentReply {
  /** The last entry of the log; 0 where there is none. */
  seq: number
  state: ImageState
  masks: ReviewMask[]
  nextId: number
  canUndo: boolean
  canRedo: boolean
}

/**
 * All paths begin with /TOKEN/. Errors are { error: string } with a status of 400 to 503.
 *
 *   GET  api/images                     ImageSummary[]
 *   GET  api/images/NAME/pixels         PNG, 8 bit
 *   GET  api/images/NAME/document       DocumentReply
 *   GET  api/images/NAME/candidates     CandidateFile, 404 where there is none
 *   GET  api/images/NAME/log?after=SEQ  LogEntry[]
 *   POST api/images/NAME/actions        ActionRequest -> ActionReply; 409 with ConflictReply where `base` is not the last entry
 *   POST api/images/NAME/encode         {} -> { encoded: true, ms }; the next image's name may be given to encode ahead
 *   POST api/images/NAME/prompt         PromptRequest -> PromptReply; 503 where the server has no model
 *   POST api/export                     {} -> ExportReply
 */
export interface ActionRequest {
  window: string
  /** The last entry that the window has seen. */
  base: number
  action: Action
}

export interface ActionReply {
  entry: LogEntry
}

/** Another window was faster: here is what it did; nothing of the request was taken over. */
export interface ConflictReply {
  error: string
  entries: LogEntry[]
}

export interface PromptRequest {
  points: { x: number; y: number; foreground: boolean }[]
  /** Inclusive corners. */
  box: [number, number, number, number] | null
}

export interface PromptReply {
  /** The best first; a clear prompt has one. */
  masks: { segmentation: CompressedRle; predictedIou: number; stability: number }[]
  /** Of the decoder, and whether the image had to be encoded first. */
  ms: number
  encodedNow: boolean
}

export interface ExportReply {
  images: number
  masks: number
  folder: string
}

export type { CandidateFile }
