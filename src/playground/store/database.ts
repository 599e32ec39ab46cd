/**
 * @file The playground's database in the browser: images, documents and the model, so that a reload loses nothing. The page writes;
 * the worker reads images and the model from it.
 */
import type { ImageInfo } from '../../project/file-schemas'
import type { LogEntry, ReviewMask } from '../../project/review/review-records'

const NAME = 'wgsam-playground'
const VERSION = 1

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
interface Stores {
  images: StoredImage
  /** PNG files, by the image's name. */
  pixels: Blob
  log: StoredEntry
  /** CandidateFile, by the image's name. */
  candidates: unknown
  /** Single values: 'model', 'classes', 'adapter' … */
  values: unknown
}
type StoreName = keyof Stores

let opened: Promise<IDBDatabase> | null = null

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION)
    request.onupgradeneeded = () => {
      const database = request.result
      database.createObjectStore('images', { keyPath: 'name' })
      database.createObjectStore('log', { keyPath: ['image', 'entry.seq'] })
      for (const name of ['pixels', 'candidates', 'values']) database.createObjectStore(name)
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
    request.onblocked = () => reject(new Error('another tab holds an earlier version of the database: close it'))
  })
}

/** The result of a request. */
const resultOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

/**
 * Writes to several stores at once: all of it, or nothing. Resolves when it is stored.
 * @throws DOMException 'QuotaExceededError' if the browser gives no more room
 */
export async function write(
  stores: StoreName[],
  work: (store: <S extends StoreName>(name: S) => IDBObjectStore) => void,
): Promise<void> {
  const transaction = (await (opened ??= open())).transaction(stores, 'readwrite', { durability: 'strict' })
  const done = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = transaction.onerror = () => reject(transaction.error)
  })
  work((name) => transaction.objectStore(name))
  return done
}

async function reading(store: StoreName): Promise<IDBObjectStore> {
  return (await (opened ??= open())).transaction(store, 'readonly').objectStore(store)
}

export const read = async <S extends StoreName>(store: S, key: string): Promise<Stores[S] | undefined> =>
  resultOf((await reading(store)).get(key)) as Promise<Stores[S] | undefined>

export const readAll = async <S extends StoreName>(store: S): Promise<Stores[S][]> =>
  resultOf((await reading(store)).getAll()) as Promise<Stores[S][]>

/** A single value of the store 'values'. */
export const setValue = (key: string, value: unknown): Promise<void> =>
  write(['values'], (store) => void store('values').put(value, key))

/** The keys of an image's log entries. */
export const logOf = (image: string): IDBKeyRange => IDBKeyRange.bound([image, 0], [image, Infinity])
