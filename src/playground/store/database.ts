/** @file The playground's database: the browser's, or the tab's memory where the browser forbids that. Only the page uses it. */
import { messageOf } from '../../host/errors'
import { indexedDatabase } from './indexed-database'
import { memoryDatabase } from './memory-database'
import type { Change, Database, Key, StoreName, Stores } from './records'

let opened: Promise<{ database: Database; problem: string | null }> | null = null

const open = () =>
  (opened ??= indexedDatabase().then(
    (database) => ({ database, problem: null }),
    (error: unknown) => ({ database: memoryDatabase(), problem: messageOf(error) }),
  ))

/** Why the browser keeps nothing; null if it does. */
export const keepingProblem = async (): Promise<string | null> => (await open()).problem

/** Makes all changes, or none. @throws DOMException 'QuotaExceededError' if the browser gives no more room */
export const write = async (changes: readonly Change[]): Promise<void> => (await open()).database.write(changes)

export const read = async <S extends StoreName>(store: S, key: Key): Promise<Stores[S] | undefined> =>
  (await open()).database.read(store, key) as Promise<Stores[S] | undefined>

export const readAll = async <S extends StoreName>(store: S): Promise<Stores[S][]> =>
  (await open()).database.readAll(store) as Promise<Stores[S][]>

/** Keeps a single value of the store 'values'; undefined removes it. */
export const setValue = (key: string, value: unknown): Promise<void> =>
  write([value === undefined ? { store: 'values', remove: key } : { store: 'values', key, value }])
