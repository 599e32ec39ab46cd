/** @file What a person notes on masks without changing their pixels: a class, a lock, a comment. Shared by server and page. */

/** The notes on one mask. */
export interface MaskMarks {
  /** Null without a class. */
  className: string | null
  /** No edit removes a locked mask. */
  locked: boolean
  /** '' without a comment. */
  comment: string
}

const noMarks: MaskMarks = { className: null, locked: false, comment: '' }

/** A change of marks; fields that are missing stay as they are. Without ids it is the comment on the image. */
export interface Marking extends Partial<MaskMarks> {
  ids: number[]
}

/** Longest class name and longest comment, in characters. */
export const [maxClassName, maxComment] = [60, 2000]

/** The marks of all masks of an image, and the image's comment. */
export class Marks {
  private readonly byMask = new Map<number, MaskMarks>()
  /** On the whole image. */
  comment = ''

  of(id: number): MaskMarks {
    return this.byMask.get(id) ?? noMarks
  }

  /** Why this cannot be applied; null if it can. */
  static problemOf({ ids, className, locked, comment }: Marking, exists: (id: number) => boolean): string | null {
    if (className === undefined && locked === undefined && comment === undefined) return 'this note says nothing'
    if (!ids.length && (className !== undefined || locked !== undefined))
      return 'an image has a comment, but no class and no lock'
    if (new Set(ids).size < ids.length) return 'this note names a mask twice'
    const missing = ids.find((id) => !exists(id))
    return missing === undefined ? null : `there is no mask ${missing}`
  }

  /** Applies a change. @returns what takes it back */
  apply({ ids, ...change }: Marking): () => void {
    if (!ids.length) {
      const before = this.comment
      this.comment = change.comment!
      return () => void (this.comment = before)
    }
    const before = ids.map((id) => [id, this.of(id)] as const)
    for (const [id, marks] of before) this.set(id, { ...marks, ...change })
    return () => before.forEach(([id, marks]) => this.set(id, marks))
  }

  /** New masks have the class of the masks that they were made from, if these have only one. */
  inherit(from: readonly number[], to: readonly number[]): void {
    const classes = new Set(from.flatMap((id) => this.of(id).className ?? []))
    const comments = [...new Set(from.flatMap((id) => this.of(id).comment || []))]
    if (classes.size !== 1 && !comments.length) return
    const className = classes.size === 1 ? [...classes][0] : null
    for (const id of to) this.set(id, { className, locked: false, comment: comments.join('\n').slice(0, maxComment) })
  }

  private set(id: number, marks: MaskMarks): void {
    if (marks.className === null && !marks.locked && !marks.comment) this.byMask.delete(id)
    else this.byMask.set(id, marks)
  }
}
