/**
 * @file What the review server and its page say to each other, and what the log of edits holds. Both sides import this
 * file and src/project/review/document.ts, so that a replayed log, the server's memory and the page show the same masks.
 */
import type { CompressedRle } from '../../../engine/masks/rle'
import type { CandidateFile, ImageInfo } from '../project'

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

/**
 * The first line of review/NAME.jsonl: what the edits begin with. The log holds it all, so that proposals made anew or
 * deleted later change nothing of a review that has begun.
 */
export interface LogHeader {
  version: 1
  image: ImageInfo
  /** Ids 1 to N, in the order of the records of proposals/NAME.json. */
  proposals: ReviewMask[]
}

/** Every other line of it. */
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
  /** Why the image cannot be reviewed, for a damaged file. `info` may then hold zeros. */
  problem: string | null
  /** What a person should know of it all the same: a torn line was cut off, proposals were made anew. */
  note: string | null
}

/** All that a document is: `ReviewDocument.replay(reply)` gives masks, state, undo and redo as the server has them. */
export interface DocumentReply {
  image: ImageInfo
  proposals: ReviewMask[]
  entries: LogEntry[]
}

export interface SessionReply {
  /** The reviewed folder, as a person knows it. */
  folder: string
  version: string
  /** Null where the server was started with --no-model; its size is null where it is the adapter's or the model's own. */
  model: { name: string; adapter: string | null; size: number | null } | null
}

/**
 * All paths begin with /TOKEN/; NAME is encodeURIComponent'ed. Errors are { error: string } with a status of 400 to 503.
 * A POST has the content type application/json.
 *
 *   GET  api/session                    SessionReply
 *   GET  api/images                     ImageSummary[]
 *   GET  api/images/NAME/pixels         PNG, 8 bit
 *   GET  api/images/NAME/document       DocumentReply
 *   GET  api/images/NAME/candidates     CandidateFile, 404 where there is none
 *   GET  api/images/NAME/log?after=SEQ  LogEntry[]
 *   POST api/images/NAME/actions        ActionRequest -> ActionReply; 409 with ConflictReply where `base` is not the last entry
 *   POST api/images/NAME/encode         EncodeRequest -> EncodeReply; 503 where the server has no model
 *   POST api/images/NAME/prompt         PromptRequest -> PromptReply; 503 as above; 409 where a newer prompt of the same
 *                                       window took its place in the queue
 *   POST api/export                     {} -> ExportReply
 */
export interface ActionRequest {
  /** A random text of the window's own, at most 64 letters, digits, - and _. */
  window: string
  /** The last entry that the window has seen. */
  base: number
  action: Action
}

/** A request that is sent again after its answer was lost gets the entry that it made: nothing is done twice. */
export interface ActionReply {
  entry: LogEntry
}

/**
 * Another window was faster: here is what it did (nothing where the log is shorter than `base`: load the document anew).
 * Nothing of the request was taken over.
 */
export interface ConflictReply {
  error: string
  entries: LogEntry[]
}

export interface EncodeRequest {
  /** The image that a person will look at next: encoded after this one, without being waited for. */
  next?: string
}

export interface EncodeReply {
  encoded: true
  /** 0 where it was in memory. */
  ms: number
}

export interface PromptRequest {
  window: string
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
  /** Accepted images that are not in the dataset, and why; masks that lie wholly under smaller ones. */
  notes: string[]
}

export type { CandidateFile }
