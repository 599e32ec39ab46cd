/** @file The playground's database where the browser keeps nothing: it lasts until the tab is closed. */
import type { Database, Key, StoreName } from './records'

export function memoryDatabase(): Database {
  const stores = new Map<StoreName, Map<string, unknown>>()
  const of = (store: StoreName) => stores.get(store) ?? stores.set(store, new Map()).get(store)!
  const text = (key: Key) => JSON.stringify(key)
  return {
    keeps: false,
    read: async (store, key) => of(store).get(text(key)),
    readAll: async (store) => [...of(store).values()],
    write: async (changes) => {
      for (const change of changes) {
        const values = of(change.store)
        if ('removeAllOf' in change) {
          const begin = `[${text(change.removeAllOf)},`
          for (const key of [...values.keys()]) if (key.startsWith(begin)) values.delete(key)
        } else if ('remove' in change) values.delete(text(change.remove))
        else values.set(text(change.key), change.value)
      }
    },
  }
}
