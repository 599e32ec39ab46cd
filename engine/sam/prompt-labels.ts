/** What an entry of a prompt means. */
export const promptLabel = {
  /** Not there: masked out, pads ragged prompts. */
  absent: -2,
  /** The reference's "not a point", appended where a prompt has no box. */
  padding: -1,
  background: 0,
  foreground: 1,
  boxStart: 2,
  boxEnd: 3,
} as const
