/** @file Parses lengths as people and microscopes write them, and checks whether they are plausible pixel sizes. */
import { UserError } from '../../host/errors'
import { MAX_NUMBER, numberOf } from './metadata'

/** The side of a pixel in metres, and where it was read. */
export interface PixelSize {
  metres: number
  from: string
}

// Units per metre: dividing by a power of ten rounds only once, so that 12nm is exactly 1.2e-8.
const perMetre = new Map([
  ['pm', 1e12],
  ['å', 1e10],
  ['angstrom', 1e10],
  ['nm', 1e9],
  ['um', 1e6],
  ['micron', 1e6],
  ['microns', 1e6],
  ['mm', 1e3],
  ['cm', 1e2],
  ['m', 1],
  // the same units written out, as scripts do
  ...[
    ['pico', 1e12],
    ['nano', 1e9],
    ['micro', 1e6],
    ['milli', 1e3],
    ['centi', 1e2],
  ].flatMap(([prefix, count]) =>
    ['meter', 'meters', 'metre', 'metres'].map((word): [string, number] => [`${prefix}${word}`, count as number]),
  ),
  ['angstroms', 1e10],
  ['ångström', 1e10],
])

/** Bounds of a plausible pixel size in metres: 1 pm to 1 mm. */
const MIN_METRES = 1e-12
const MAX_METRES = 1e-3
/** The bounds themselves are plausible in spite of rounding. */
const ROUNDING = 1e-9

/** How many of a unit make a metre, with every spelling of µ and Å; undefined if it is not a unit of length. */
function unitsPerMetre(unit: string): number | undefined {
  // Tags are decoded as latin-1, but some contain UTF-8.
  if (unit.length > MAX_NUMBER) return undefined
  const signs = /[ÂÃÎâ]/.test(unit) ? Buffer.from(unit, 'latin1').toString('utf8') : unit
  // ImageJ writes µ as an escape, XML as an entity; NFKC unifies the two code points of µ, and those of Å.
  const plain = signs
    .trim()
    .replace(/\\u00b5|\\u03bc|&#181;|&#xb5;|&#956;|&#x3bc;|&micro;/i, 'u')
    .replace(/\\u00c5|&#197;|&#xc5;/i, 'å')
    .normalize('NFKC')
    .replace(/μ/g, 'u')
  return perMetre.get(plain.toLowerCase())
}

const length =
  /^\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d+)?)\s*(&#x?[0-9a-f]{2,3};m|[^\s\d.,/]+)\s*(?:\/\s*(?:px|pixel))?\s*$/iu

/** A length such as '12nm', '0.5 µm' or '0,5 µm' in metres; undefined if it is not a length. */
export function metresOf(text: string): number | undefined {
  if (text.length > MAX_NUMBER) return undefined
  const [, number, unit] = length.exec(text) ?? []
  return lengthOf(numberOf(number) ?? NaN, unit ?? '')
}

/** A number of some unit in metres; undefined if it is not a unit of length. */
export function lengthOf(value: number, unit: string): number | undefined {
  const count = unitsPerMetre(unit)
  return count === undefined ? undefined : value / count
}

/** True if a length can be the side of a micrograph's pixel: from 1 pm to 1 mm. */
export const plausible = (metres: number): boolean =>
  Number.isFinite(metres) && metres >= MIN_METRES * (1 - ROUNDING) && metres <= MAX_METRES * (1 + ROUNDING)

/**
 * The pixel size that a user typed, such as '12nm', '0.5 um' or '3 Å'.
 * @param from the command-line option it comes from, for messages and records
 * @throws UserError without a unit, or outside 1 pm to 1 mm
 * @example
 * parsePixelSize('12 nm').metres // 1.2e-8
 */
export function parsePixelSize(text: string, from = '--pixel-size'): PixelSize {
  // what a person types is asked for again, rather than read as one thousand or as one
  const metres = text.includes(',') ? undefined : metresOf(text)
  if (metres === undefined)
    throw new UserError(
      `${from} takes a length with its unit, such as 12nm, 0.5um or 1.2Å, not '${text.slice(0, MAX_NUMBER)}'`,
    )
  if (!plausible(metres)) throw new UserError(`${from} ${text.trim()}: a pixel size is between 1 pm and 1 mm`)
  return { metres, from }
}
