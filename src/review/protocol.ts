/**
 * @file Requests and replies of the review page's server.
 *
 * All paths begin with /TOKEN/; NAME is passed through encodeURIComponent. Errors are { error: string } with a status of
 * 400 to 503. A POST has the content type application/json.
 *
 *   GET  api/session                    ServerInfo
 *   GET  api/images                     ImageSummary[]
 *   GET  api/classes                    MaskClass[]
 *   POST api/classes                    MaskClass[] -> MaskClass[]
 *   GET  api/accepted-sizes             AcceptedSizes[]
 *   GET  api/busy                       BusyReply
 *   GET  api/images/NAME/pixels         PNG, 8 bit
 *   GET  api/images/NAME/info-bar       PNG, 8 bit, of the rows that were cut off below the image; 404 if there are none
 *   GET  api/images/NAME/document       ReviewHistory
 *   GET  api/images/NAME/candidates     CandidateFile; 404 if there is none
 *   GET  api/images/NAME/log?after=SEQ  LogEntry[]
 *   POST api/images/NAME/actions        ActionRequest -> ActionReply; 409 with ConflictReply if `base` is not the last entry
 *   POST api/images/NAME/encode         EncodeRequest -> EncodeReply; 503 if the server has no model
 *   POST api/images/NAME/prompt         PromptRequest -> PromptReply; 503 as above; 409 if a newer prompt of the same
 *                                       window replaced this one in the queue
 *   POST api/pixel-size                 PixelSizeRequest -> {}
 *   POST api/images/NAME/similar        SimilarRequest -> SimilarReply; 503 as above
 *   POST api/images/NAME/similar-masks  SimilarMasksRequest -> SimilarMasksReply; 503 as above
 *   POST api/export                     {} -> ExportReply
 */
import type { SimilarPlace } from '../../engine/similar/feature-map'
import type { CompressedRle } from '../../engine/masks/rle'
import type { LogEntry, ReviewSummary } from '../project/review/review-records'

export interface ServerInfo {
  /** The reviewed folder, as it was typed. */
  folder: string
  version: string
  /** The second annotator whose review it is; null for the project's own. */
  annotator: string | null
  /** Null if the server was started with --no-model. `size` is null if it is the adapter's or the model's own. */
  model: { name: string; adapter: string | null; size: number | null } | null
  /** Whether the page is served by `wgsam start`, whose requests are then at ../api (src/start/protocol.ts). */
  home: boolean
}

export interface ImageSummary extends ReviewSummary {
  /** Whether the image's embedding is in memory; also true of an image whose tiles are encoded at their first prompts. */
  encoded: boolean
}

/** The sizes of the particles of an accepted image, for the histogram. */
export interface AcceptedSizes {
  name: string
  /** Metres per pixel; null if unknown. */
  metres: number | null
  /** Area in pixels, and the weight that corrects for particles at the edge: 0 for those. */
  particles: [area: number, weight: number][]
}

/** A repeated request, sent because the reply was lost, returns the entry that the first one created. */
export interface ActionReply {
  entry: LogEntry
}

/** Another window changed the image first; nothing of the request was applied. */
export interface ConflictReply {
  error: string
  /** The other window's entries. Empty if the log is shorter than `base`: then load the document again. */
  entries: LogEntry[]
}

export interface PixelSizeRequest {
  /** Names of images. */
  images: string[]
  /** Metres per pixel, and how that was measured; null forgets what was measured before. */
  size: { metres: number; from: string } | null
}

export interface EncodeRequest {
  /** The image that a person will probably open next: encoded after this one; the reply does not wait for it. */
  next?: string
}

export interface EncodeReply {
  encoded: true
  /** Encoding time in milliseconds; 0 if the embedding was in memory, or the image is seen in tiles. */
  ms: number
}

/** What a person who waits for the model waits for. */
export interface BusyReply {
  doing:
    'loading the model' | 'encoding this image' | 'encoding the next image' | 'looking for similar particles' | null
  /** Of a search in an image that is seen in tiles: those that were compared so far. */
  tiles?: { done: number; total: number }
}

export interface PromptRequest {
  window: string
  /**
   * 'hover': the mask under the pointer, decoded after all other requests and only if nothing has to be encoded for it.
   * 'take': the prompt is decoded even if a newer one of the same window waits. Without it the newest replaces the others.
   */
  purpose?: 'hover' | 'take'
  points: { x: number; y: number; foreground: boolean }[]
  /** Inclusive corners. */
  box: [number, number, number, number] | null
  /** The mask that the points correct, if there is one already: the model changes it where they say. */
  mask?: CompressedRle
}

export interface PromptReply {
  /** The best first; an unambiguous prompt has one. None for a 'hover' where an encoding would be needed. */
  masks: { segmentation: CompressedRle; predictedIou: number; stability: number }[]
  /** Time of the decoder in milliseconds. */
  ms: number
  /** Whether the image, or the tile with the prompt, had to be encoded first. */
  encodedNow: boolean
}

export interface SimilarRequest {
  /** Masks of the particles to look for, at most 32. */
  examples: CompressedRle[]
}

export interface SimilarReply {
  /** Places that look like them, the most similar first. */
  places: SimilarPlace[]
}

export interface SimilarMasksRequest extends SimilarRequest {
  /** At most 16. */
  points: { x: number; y: number }[]
}

export interface SimilarMasksReply {
  /** The mask at each point that looks most like the examples; null where none has their size. */
  masks: ({ segmentation: CompressedRle; predictedIou: number; stability: number; similarity: number } | null)[]
}

/** What an export wrote. */
export interface ExportedDataset {
  images: number
  masks: number
  folder: string
  /** Accepted images that are not in the dataset, and why; masks that smaller ones cover completely. */
  notes: string[]
}

export interface ExportReply extends ExportedDataset {
  /** The command that trains on it. */
  next: string
}
