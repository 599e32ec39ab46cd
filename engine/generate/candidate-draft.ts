/** @file A mask on its way to a candidate: in pixels of the image, its mask as bits. */
import { type PackedMask, movePacked, packMask, unpackMask } from '../masks/bit-mask'
import { dropIslands, fillHoles } from '../masks/holes-islands'
import type { Size } from '../image/transforms'
import type { Box, Candidate } from './candidate'
import type { FoundMask } from './found-mask'
import type { GeneratorOptions } from './generator-options'
import type { Point } from './point-grid'

/** A candidate but for its pixels, which are packed. */
export interface Draft extends Omit<Candidate, 'mask'> {
  bits: PackedMask
}

/** A mask found in a crop (exclusive right and bottom) of an image, small regions mended where the options ask for it. */
export function draftOf(
  found: FoundMask,
  crop: Box,
  point: Point,
  size: Size,
  options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>,
): Draft {
  const { token, predictedIou, stability, area, logits } = found
  const [dx, dy] = crop
  const box: Box = [found.box[0] + dx, found.box[1] + dy, found.box[2] + dx, found.box[3] + dy]
  const draft: Draft = { area, box, predictedIou, stability, crop, token, point, bits: movePacked(found.bits, dx, dy) }
  if (logits) draft.logits = logits
  return mended(draft, size, options)
}

/** With small holes filled and small islands dropped. */
export function mended(draft: Draft, size: Size, options: Pick<GeneratorOptions, 'fillHoles' | 'dropIslands'>): Draft {
  if (!options.fillHoles && !options.dropIslands) return draft
  const mask = unpackMask(draft.bits, draft.box)
  const after = dropIslands(fillHoles(mask, size, options.fillHoles), options.dropIslands)
  if (after === mask) return draft
  const box: Box = [after.x0, after.y0, after.x0 + after.width - 1, after.y0 + after.height - 1]
  const area = after.data.reduce((sum, inside) => sum + inside, 0)
  return { ...draft, area, box, bits: packMask(after) }
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
