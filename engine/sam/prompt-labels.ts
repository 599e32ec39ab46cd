/** @file Labels of the entries of a prompt, with the reference implementation's values. */

/** The meaning of an entry of a prompt. */
export const promptLabel = {
  /** No entry: masked out in the decoder. Pads prompts of fewer entries, at their end. */
  absent: -2,
  /** The reference implementation's "not a point", which it appends to prompts without a box. */
  padding: -1,
  /** A point outside the object. */
  background: 0,
  /** A point of the object. */
  foreground: 1,
  /** Top left corner of a box. */
  boxStart: 2,
  /** Bottom right corner of a box. */
  boxEnd: 3,
} as const
