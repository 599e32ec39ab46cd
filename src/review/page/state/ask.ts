/** @file A question to the user that has to be answered before something happens. */
import { signal } from '@preact/signals'

export interface Question {
  title: string
  text: string
  /** The first is what Enter answers; Escape answers none. */
  answers: readonly string[]
  resolve(answer: string | null): void
}

export const question = signal<Question | null>(null)

/** Asks, and resolves to one of the answers; null if the question was closed. */
export function ask(title: string, text: string, answers: readonly string[]): Promise<string | null> {
  question.peek()?.resolve(null)
  return new Promise((resolve) => {
    question.value = {
      ...{ title, text, answers },
      resolve(answer) {
        question.value = null
        resolve(answer)
      },
    }
  })
}
