/**
 * @file Finer tiles for objects that are small among larger ones. The view of an image is chosen by the median of its particles; those that
 * are much smaller would be smaller in it than the model knows.
 */
import type { Size } from '../image/size'
import type { View } from './view'

/**
 * Input pixels per pixel of the image, at most: a mask has one logit for each 4 x 4 pixels of the input, so at this magnification one for
 * each pixel of the image.
 */
const MAX_MAGNIFICATION = 4

/** How far tiles extend beyond their core, as a fraction of their side. */
const HALO = 1 / 4

/**
 * How often the tiles of a view must be halved for an object to be as large at the input as the smallest of the usual ones; 0 for one
 * that is large enough, or whose size is not known.
 * @param diameter of the object, in pixels of the image
 * @param low the smallest of the usual diameters, pixels of the input (DiameterBand)
 */
export function halvingsFor(
  diameter: number | null,
  { magnification }: Pick<View, 'magnification'>,
  low: number,
): number {
  if (diameter === null || !(diameter > 0)) return 0
  const wanted = Math.ceil(Math.log2(low / (diameter * magnification)))
  const most = Math.floor(Math.log2(MAX_MAGNIFICATION / magnification))
  return Math.max(0, Math.min(wanted, most))
}

/** The tiles of a view, halved. 0 halvings: those of the view itself. */
export function halvedTiles(
  image: Size,
  { tileSize, tileHalo }: Pick<View, 'tileSize' | 'tileHalo'>,
  halvings: number,
): Pick<View, 'tileSize' | 'tileHalo'> {
  if (!halvings) return { tileSize, tileHalo }
  const side = Math.ceil((tileSize || Math.max(image.width, image.height)) / 2 ** halvings)
  return { tileSize: side, tileHalo: Math.floor(HALO * side) }
}
