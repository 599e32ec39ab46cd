/** @file Which state of a training is the best. */

/** What a validation measures of a state. */
export interface Scored {
  /** Mean Dice by points and boxes, 0 to 1: comparable with that of a model without a prompt head. */
  score: number
  /** F1 of the particles that the prompt head finds, 0 to 1; absent if the model has none. */
  head?: number
}

/**
 * The value that is highest in the best state: the mean over the ways in which masks are asked for. Points and boxes count once
 * each and, where a prompt head trains, so do its prompts, which decide what the automatic generator finds.
 */
export const selectionOf = ({ score, head }: Scored): number => (head === undefined ? score : (2 * score + head) / 3)

/** The best of several, the first of equals; null of none. */
export const bestOf = <T extends Scored>(states: readonly T[]): T | null =>
  states.reduce<T | null>((best, one) => (best && selectionOf(best) >= selectionOf(one) ? best : one), null)
