/** @file The playground's database in the browser's IndexedDB, so that a reload loses nothing. */
import type { Change, Database, Key, StoreName } from './records'

const NAME = 'wgsam-playground'
const VERSION = 1

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

function make(change: Change, store: IDBObjectStore): void {
  if ('removeAllOf' in change) store.delete(IDBKeyRange.bound([change.removeAllOf, 0], [change.removeAllOf, Infinity]))
  else if ('remove' in change) store.delete(change.remove)
  // images and entries of the log contain their keys
  else store.put(change.value, store.keyPath === null ? change.key : undefined)
}

/** @throws Error where the browser forbids it: in some private windows, and where a site may keep nothing */
export async function indexedDatabase(): Promise<Database> {
  const database = await open()
  const reading = (store: StoreName) => database.transaction(store, 'readonly').objectStore(store)
  return {
    keeps: true,
    read: (store: StoreName, key: Key) => resultOf(reading(store).get(key)),
    readAll: (store: StoreName) => resultOf(reading(store).getAll()),
    write: (changes) => {
      const stores = [...new Set(changes.map(({ store }) => store))]
      const transaction = database.transaction(stores, 'readwrite', { durability: 'strict' })
      return new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve()
        transaction.onabort = transaction.onerror = () => reject(transaction.error)
        for (const change of changes) make(change, transaction.objectStore(change.store))
      })
    },
  }
}
