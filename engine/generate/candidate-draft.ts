/** @file A mask on its way to a candidate: in pixels of the image, its mask as bits. */
import { type PackedMask, movePacked, packMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import { maskArea, maskBox } from '../masks/mask'
import type { Size } from '../image/size'
import { type Point, type Region, boxInImage } from '../image/box'
import type { Candidate } from './candidate'
import type { FoundMask } from './found-mask'
import type { GeneratorOptions } from './generator-options'

/** A candidate but for its pixels, which are packed. */
export interface Draft extends Omit<Candidate, 'mask'> {
  bits: PackedMask
}

/** A mask found in a crop of an image, small regions mended where the options ask for it. */
export function draftOf(
  found: FoundMask,
  crop: Region,
  point: Point,
  size: Size,
  options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>,
): Draft {
  const { token, predictedIou, stability, area, logits } = found
  const box = boxInImage(found.box, crop)
  const bits = movePacked(found.bits, crop.left, crop.top)
  const draft: Draft = { area, box, predictedIou, stability, crop, token, point, bits }
  if (logits) draft.logits = logits
  return mended(draft, size, options)
}

/** With small holes filled and small islands dropped. */
export function mended(draft: Draft, size: Size, options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>): Draft {
  if (!options.fillHoles && !options.dropIslands) return draft
  const mask = unpackMask(draft.bits, draft.box)
  const after = dropIslands(fillHoles(mask, size, options.fillHoles), options.dropIslands)
  if (after === mask) return draft
  return { ...draft, area: maskArea(after), box: maskBox(after), bits: packMask(after) }
}

/** The candidate of a draft. Its mask is unpacked at every access; a copy of the object holds it unpacked. */
export function candidateOf({ bits, ...scores }: Draft): Candidate {
  return {
    ...scores,
    get mask() {
      return unpackMask(bits, scores.box)
    },
  }
}

/** Bytes that a draft holds. */
export const bytesOf = ({ bits, logits }: Draft): number => bits.words.byteLength + (logits?.data.byteLength ?? 0)
