/** @file Whether an image is to be accepted with far fewer or far more masks than the others: then probably something is missing. */

export interface MaskedImage {
  masks: number
  /** The number of pixels of the image. */
  pixels: number
  /** The fraction of them that masks cover, 0 to 1. */
  covered: number
}

/** The factor from which a count for the same area, or a covered fraction, is far from the others'. */
const FAR = 4

/** The number of other images that are needed for a comparison. */
const FEWEST = 2

const median = (values: number[]) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const percent = (fraction: number) => `${(100 * fraction).toFixed(fraction < 0.1 ? 1 : 0)} %`
const counted = (masks: number) => `${masks.toLocaleString('en')} mask${masks === 1 ? '' : 's'}`

/**
 * What is unusual about an image, in words; null if nothing is, or too few others are there to say so. Counts are compared for
 * the same area.
 * @param others accepted images, or all others while few are accepted
 */
export function unlikeOthers(own: MaskedImage, others: readonly MaskedImage[]): string | null {
  if (!own.masks) return 'This image has no masks. Without particles it is not part of the dataset.'
  if (others.length < FEWEST) return null
  const density = median(others.map(({ masks, pixels }) => masks / pixels))
  const covered = median(others.map((other) => other.covered))
  const usual = Math.round(density * own.pixels)
  const few = own.masks * FAR < usual || own.covered * FAR < covered
  const many = own.masks > FAR * Math.max(1, usual) || own.covered > FAR * covered
  if (!few && !many) return null
  const numbers =
    `This image has ${counted(own.masks)}, which cover ${percent(own.covered)} of it; in the other images about ` +
    `${counted(usual)} would be on the same area, and cover ${percent(covered)}.`
  return few
    ? `${numbers} Training learns particles without a mask as ground.`
    : `${numbers} Look for masks on the ground, and for two masks on one particle.`
}
