/** @file What the playground keeps: images, documents, the model, the adapter, and a training that is not finished. */
import type { ImageInfo } from '../../project/file-schemas'
import type { LogEntry, ReviewMask } from '../../project/review/review-records'

/** An image with the masks with which its review began. */
export interface StoredImage {
  name: string
  /** As the file records it. */
  imported: ImageInfo
  /** With the pixel size that a person measured, if there is one. */
  info: ImageInfo
  proposals: ReviewMask[]
  /** Differs when masks were proposed again. */
  revision: string
}

/** An entry of an image's log. */
export interface StoredEntry {
  image: string
  entry: LogEntry
}

/** The model that is used, with the files or addresses that it is opened from. */
export interface StoredModel {
  name: string
  /** Side of the input in pixels; null: the model's own. */
  size: number | null
  files: { name: string; blob: Blob }[]
  /** Where the model is downloaded from, if it is no file; the download is kept in the browser's Cache API. */
  urls?: string[]
  /** Of each URL, if they are known. */
  sha256?: string[]
}

/** The stores with the values that each holds. */
export interface Stores {
  images: StoredImage
  /** PNG files, by the image's name. */
  pixels: Blob
  log: StoredEntry
  /** CandidateFile, by the image's name. */
  candidates: unknown
  /** Single values: 'model', 'classes', 'adapter' … */
  values: unknown
}
export type StoreName = keyof Stores

/** The key of an entry of the log is the image's name with the entry's number. */
export type Key = string | [image: string, seq: number]

/** A value to keep or to remove; of the log also all that is known of an image. */
export type Change =
  | { store: StoreName; key: Key; value: unknown }
  | { store: StoreName; remove: Key }
  | { store: 'log'; removeAllOf: string }

/** Where values are kept. */
export interface Database {
  /** Whether the values are there after a reload. */
  readonly keeps: boolean
  read(store: StoreName, key: Key): Promise<unknown>
  readAll(store: StoreName): Promise<unknown[]>
  /** Makes all changes, or none. @throws DOMException 'QuotaExceededError' if the browser gives no more room */
  write(changes: readonly Change[]): Promise<void>
}
