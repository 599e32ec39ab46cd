/** @file Warns where an adapter is used at an input that it was not trained at. */
import { SAM_STRIDE } from '../../engine/sam/architecture'
import { type AnyAdapter, targetsOf } from '../weights/any-adapter'

/** The matrices of the mask decoder's attention layers. */
const DECODER_ATTENTION = /^mask_decoder\.transformer\./

/**
 * The warning for an adapter that changes the mask decoder's attention, at an input of another size than that of its training;
 * null if there is nothing to warn of. That attention is over all cells of the image, and what the adapter learned of it depends
 * on their number.
 * @param trained the side of the input in training; undefined if it is not known
 */
export function sizeWarning(
  path: string,
  adapter: AnyAdapter,
  trained: number | undefined,
  size: number,
): string | null {
  if (trained === undefined || trained === size) return null
  if (![...targetsOf(adapter).keys()].some((target) => DECODER_ATTENTION.test(target))) return null
  const cells = (side: number) => (side / SAM_STRIDE) ** 2
  return (
    `warning: ${path} was trained at an input of ${trained} pixels and changes the mask decoder's attention. At ${size} that is ` +
    `over ${cells(size)} cells of the image instead of ${cells(trained)}, and masks of points may be far worse. Without --size the adapter is ` +
    `used at ${trained}, and particles that are too small there are magnified by tiles`
  )
}
