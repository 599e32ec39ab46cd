/** @file Notices shown to the user: nothing fails silently. */
import { signal } from '@preact/signals'

export interface Notice {
  id: number
  kind: 'error' | 'note'
  text: string
}

export const notices = signal<Notice[]>([])

let last = 0

/** Shows a notice until it is closed; a note closes after 6 s. A notice that is already visible is not repeated. */
export function notify(kind: Notice['kind'], text: string): void {
  if (notices.value.some((notice) => notice.text === text)) return
  const id = ++last
  notices.value = [...notices.value, { id, kind, text }].slice(-4)
  if (kind === 'note') setTimeout(() => dismiss(id), 6000)
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id)
}
