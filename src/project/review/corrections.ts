/** @file Counts a person's corrections of the proposals, for the dataset's corrections.json and the report. */
import type { ReviewDocument } from './document'
import type { EditKind, ImageState, LogEntry } from './review-records'

export interface CorrectionCounts {
  proposals: number
  masks: number
  /** Removed, edited, added: see MaskCounts in document.ts. */
  removed: number
  edited: number
  added: number
  /** Edits by kind, without those that were undone. */
  edits: Partial<Record<EditKind, number>>
}

export interface ImageCorrections extends CorrectionCounts {
  name: string
  state: ImageState
}

export interface Corrections {
  version: 1
  total: CorrectionCounts
  images: ImageCorrections[]
}

export function correctionsOf(name: string, document: ReviewDocument, entries: readonly LogEntry[]): ImageCorrections {
  const { counts, state, proposals } = document
  return { name, state, proposals: proposals.length, ...counts, edits: editsIn(entries) }
}

function editsIn(entries: readonly LogEntry[]): CorrectionCounts['edits'] {
  // notes on masks are undone like edits, but are none
  const done: (EditKind | null)[] = []
  let undone: (EditKind | null)[] = []
  for (const entry of entries)
    if (entry.type === 'edit' || entry.type === 'mark') {
      done.push(entry.type === 'edit' ? entry.edit.kind : null)
      undone = []
    } else if (entry.type === 'undo') undone.push(done.pop()!)
    else if (entry.type === 'redo') done.push(undone.pop()!)
  const edits: CorrectionCounts['edits'] = {}
  for (const kind of done) if (kind) edits[kind] = (edits[kind] ?? 0) + 1
  return edits
}

export function total(images: readonly CorrectionCounts[]): CorrectionCounts {
  const sum: CorrectionCounts = { proposals: 0, masks: 0, removed: 0, edited: 0, added: 0, edits: {} }
  for (const image of images) {
    for (const key of ['proposals', 'masks', 'removed', 'edited', 'added'] as const) sum[key] += image[key]
    for (const [kind, count] of Object.entries(image.edits) as [EditKind, number][])
      sum.edits[kind] = (sum.edits[kind] ?? 0) + count
  }
  return sum
}
