/**
 * @file Actions that a page had not sent when it was closed: kept in the browser's storage, separately for each window, and
 * sent by the next window that opens the image.
 */
import type { Action } from '../../../project/review/review-records'

/** Actions, and `seq` of the entry that they follow. */
export interface UnsentActions {
  base: number
  actions: Action[]
}

const prefix = (name: string) => `wgsam pending ${location.pathname} ${JSON.stringify(name)} `
const lockName = (window: string) => `wgsam window ${window}`

/** Stores a window's queue; an empty one is deleted. */
export function remember(name: string, window: string, leftover: UnsentActions): void {
  try {
    if (leftover.actions.length) localStorage.setItem(prefix(name) + window, JSON.stringify(leftover))
    else localStorage.removeItem(prefix(name) + window)
  } catch {
    // storage is full or not available: the queue in memory is still sent
  }
}

/** Holds a lock for as long as this window exists, so that other windows know that it does. */
export function announce(window: string): void {
  // refused where a site may keep nothing: then nothing is left by other windows either
  navigator.locks?.request(lockName(window), () => new Promise(() => {})).catch(() => {})
}

/** Removes and returns the unsent actions of closed windows for an image; open windows send their own. */
export async function takeUnsent(name: string): Promise<UnsentActions[]> {
  try {
    const { held = [] } = (await navigator.locks?.query()) ?? {}
    const alive = new Set(held.map((lock) => lock.name))
    const keys = Object.keys(localStorage).filter(
      (key) => key.startsWith(prefix(name)) && !alive.has(lockName(key.slice(prefix(name).length))),
    )
    const found = keys.map((key) => JSON.parse(localStorage.getItem(key)!) as UnsentActions)
    for (const key of keys) localStorage.removeItem(key)
    return found.filter(({ base, actions }) => Number.isInteger(base) && Array.isArray(actions))
  } catch {
    return []
  }
}
