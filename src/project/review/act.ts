/** @file How an action on a document is answered: by the server's folder, and by a page without a server. */
import type { ReviewDocument } from './document'
import { type ActionRequest, type LogEntry, sameAction } from './review-records'

export type ActResult = { entry: LogEntry } | { conflict: LogEntry[] }

/**
 * The entry that a request leads to, which the caller logs and applies; or the answer to one that adds nothing: a repeated request,
 * or one that does not follow the last entry.
 * @param revision of the proposals that the document is of
 * @throws InvalidEntryError if the action is not valid
 */
export function nextEntry(
  { window, base, revision: seen, action }: ActionRequest,
  document: ReviewDocument,
  entries: readonly LogEntry[],
  revision: string,
): { next: LogEntry } | { answer: ActResult } {
  if (seen !== undefined && seen !== revision) return { answer: { conflict: [] } }
  if (base !== document.seq) {
    const first = entries.at(base)
    const repeated = base < entries.length && first?.window === window && sameAction(first, action)
    return { answer: repeated ? { entry: first } : { conflict: entries.slice(base) } }
  }
  document.check(action)
  return { next: { seq: base + 1, time: new Date().toISOString(), window, ...action } }
}
