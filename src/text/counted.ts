/** @file Counts in sentences. */

/** "1 mask", "2 masks"; `plural` where it is not the singular with an s. */
export const counted = (n: number, singular: string, plural = `${singular}s`): string =>
  `${n} ${n === 1 ? singular : plural}`
