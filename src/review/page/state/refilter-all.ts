/** @file Applies the filter's settings to all images that are not accepted, one edit in each. */
import type { FilterOptions } from '../../../../engine/generate/filter'
import type { Edit } from '../../../project/review/review-records'
import { api, ApiError } from '../api'
import { Candidates } from './refilter'
import { recordsOf, reviewedOf } from './reviewed'
import { windowName } from './outbox'

export interface RefilteredAll {
  /** The images that were changed, and the entry of each that did it. */
  changed: { name: string; seq: number }[]
  added: number
  removed: number
  /** The number of images without candidates. */
  without: number
  /** Images that could not be changed, and why. */
  failed: string[]
}

/** The edit that these settings make in an image that is not open; null if it would change nothing. */
async function editOf(name: string, options: FilterOptions): Promise<{ base: number; edit: Edit } | null> {
  const [history, file] = await Promise.all([api.document(name), api.candidates(name)])
  const reviewed = reviewedOf(history)
  const candidates = new Candidates(file)
  const { remove: unwanted, add } = candidates.compare(reviewed, options)
  const { document } = reviewed
  const remove = unwanted.filter((id) => !document.marksOf(id).locked)
  if (!remove.length && !add.length) return null
  const masks = add.map((i) => candidates.newMask(i))
  return {
    base: document.seq,
    edit: { kind: 'refilter', remove, add: recordsOf('refilter', document.nextId, masks, history.image) },
  }
}

/** @param onProgress is called before each image · @param stop looked at before each image */
export async function refilterAll(
  names: readonly string[],
  options: FilterOptions,
  onProgress: (done: number) => void,
  stop: AbortSignal,
): Promise<RefilteredAll> {
  const result: RefilteredAll = { changed: [], added: 0, removed: 0, without: 0, failed: [] }
  for (const [i, name] of names.entries()) {
    if (stop.aborted) break
    onProgress(i)
    try {
      const made = await editOf(name, options)
      if (!made) continue
      const { base, edit } = made
      const { entry } = await api.act(name, { window: windowName, base, action: { type: 'edit', edit } })
      result.changed.push({ name, seq: entry.seq })
      result.added += edit.add.length
      result.removed += edit.remove.length
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) result.without++
      else result.failed.push(`${name}: ${(error as Error).message}`)
    }
  }
  return result
}

/** Undoes the edits of `refilterAll` in the images that were not changed since. @returns the number of images undone */
export async function undoAll(changed: RefilteredAll['changed']): Promise<number> {
  let undone = 0
  for (const { name, seq } of changed) {
    const request = { window: windowName, base: seq, action: { type: 'undo' } } as const
    await api.act(name, request).then(
      () => undone++,
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error
      },
    )
  }
  return undone
}
