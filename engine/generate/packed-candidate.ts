/** @file Candidates while the generator works on them: in pixels of the image, their masks packed into bits. */
import { type Region, boxInImage } from '../image/box'
import type { Size } from '../image/size'
import { type PackedMask, movePacked, packMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import { maskArea, maskBox } from '../masks/mask'
import type { Candidate } from './candidate'
import type { DecodedMask } from './decoded-mask'
import type { GeneratorOptions } from './generator-options'
import type { Prompt } from './prompt'

export interface PackedCandidate extends Omit<Candidate, 'mask'> {
  bits: PackedMask
}

/** A mask that was decoded in a crop, in pixels of the image, with small regions removed as the options ask. */
export function packCandidate(
  mask: DecodedMask,
  crop: Region,
  { point, box: promptBox }: Prompt,
  size: Size,
  options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>,
): PackedCandidate {
  const { token, predictedIou, stability, area, logits } = mask
  const box = boxInImage(mask.box, crop)
  const bits = movePacked(mask.bits, crop.left, crop.top)
  const packed: PackedCandidate = { area, box, predictedIou, stability, crop, token, point, bits }
  if (promptBox) packed.promptBox = promptBox
  if (logits) packed.logits = logits
  return cleanCandidate(packed, size, options)
}

/** Fills small holes and drops small islands; the same object if there are none. */
export function cleanCandidate(
  packed: PackedCandidate,
  size: Size,
  options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>,
): PackedCandidate {
  if (!options.fillHoles && !options.dropIslands) return packed
  const before = unpackMask(packed.bits, packed.box)
  const after = dropIslands(fillHoles(before, size, options.fillHoles), options.dropIslands)
  if (after === before) return packed
  return { ...packed, area: maskArea(after), box: maskBox(after), bits: packMask(after) }
}

/** The candidate with a getter for its mask, which unpacks it at every access. A copy of the object holds it unpacked. */
export function unpackCandidate({ bits, ...measures }: PackedCandidate): Candidate {
  return {
    ...measures,
    get mask() {
      return unpackMask(bits, measures.box)
    },
  }
}

/** Bytes of memory that a packed candidate takes. */
export const packedBytes = ({ bits, logits }: PackedCandidate): number =>
  bits.words.byteLength + (logits?.data.byteLength ?? 0)
