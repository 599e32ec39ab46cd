/** @file A number with its noun, in the right grammatical number: in reports, on the page and on the terminal. */

/** `1 image`, `2 images`, `1,071 masks`; with a verb in both nouns `1 mask is`, `2 masks are`. */
export const count = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`
