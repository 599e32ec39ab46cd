/** @file Lengths as people and microscopes write them, and what counts as a pixel size. */
import { UserError } from '../../host/errors'

/** Metres a pixel, and where that was read. */
export interface PixelSize {
  metres: number
  from: string
}

// how many make a metre: dividing by a power of ten rounds once, so that 12nm is 1.2e-8
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
])

const smallest = 1e-12
const largest = 1e-3

/** How many of a unit make a metre: µ and Å in all their spellings; undefined where it is no length. */
function unitsPerMetre(unit: string): number | undefined {
  // in tags, which are taken for latin-1, some signs are UTF-8
  const signs = /[ÂÃ]/.test(unit) ? Buffer.from(unit, 'latin1').toString('utf8') : unit
  // ImageJ writes µ as an escape; NFKC makes one sign of the two for µ, and one of Å's
  const plain = signs
    .trim()
    .replace(/\\u00b5/i, 'u')
    .normalize('NFKC')
    .replace(/μ/g, 'u')
  return perMetre.get(plain.toLowerCase())
}

const length = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([^\s\d.,/]+)\s*(?:\/\s*(?:px|pixel))?\s*$/iu

/** Metres of a length such as '12nm' or '0.5 µm'; undefined where it is none. */
export function metresOf(text: string): number | undefined {
  const [, number, unit] = length.exec(text) ?? []
  return lengthOf(Number(number), unit ?? '')
}

/** Metres of a number of some unit; undefined where the unit is no length. */
export function lengthOf(value: number, unit: string): number | undefined {
  const count = unitsPerMetre(unit)
  return count === undefined ? undefined : value / count
}

/** Whether a length can be the side of a pixel: from 1 pm to 1 mm. */
export const plausible = (metres: number): boolean =>
  Number.isFinite(metres) && metres >= smallest * (1 - 1e-9) && metres <= largest * (1 + 1e-9)

/**
 * The pixel size that a person gives, such as '12nm', '0.5 um' or '3 Å'.
 * @param from the option it comes from, for messages and records
 * @throws UserError without a unit, or outside 1 pm to 1 mm
 */
export function parsePixelSize(text: string, from = '--pixel-size'): PixelSize {
  const metres = metresOf(text)
  if (metres === undefined)
    throw new UserError(`${from} takes a length with its unit, such as 12nm, 0.5um or 1.2Å, not '${text}'`)
  if (!plausible(metres)) throw new UserError(`${from} ${text.trim()}: a pixel's side lies between 1 pm and 1 mm`)
  return { metres, from }
}
