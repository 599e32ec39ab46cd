/** @file The order of names in lists: numbers in them by their value. */

const collator = new Intl.Collator('en', { numeric: true })

/** Compares two names, numbers in them as numbers: a2 before a10. */
export const naturalOrder = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0)
