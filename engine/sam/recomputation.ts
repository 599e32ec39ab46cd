/** @file Names of a model's checkpointed segments, and the choice of those that a training step recomputes. */
import type { MemoryOptions } from '../graph/graph'

/**
 * The segment of part i of the image encoder (see EncoderPart). The names of the decoder's segments start with
 * "decoder.".
 */
export const encoderSegment = (i: number): string => `encoder.${i}`

/**
 * What the backward pass recomputes instead of keeping it in memory (gradient checkpointing). The results are the same
 * bits.
 */
export interface Recomputation {
  /** All segments of the mask decoder. */
  decoder: boolean
  /** The number of the image encoder's parts that are recomputed, from the first. */
  blocks: number
}

/** Keeps all activations: the default. */
export const recomputeNothing: Recomputation = { decoder: false, blocks: 0 }

/**
 * Recomputes the first blocks rather than the last: backward reaches them when the later blocks' memory has been freed.
 */
export const recomputing =
  ({ decoder, blocks }: Recomputation): NonNullable<MemoryOptions['recompute']> =>
  (segment) => {
    const [part, index] = segment.split('.')
    return part === 'encoder' ? Number(index) < blocks : decoder
  }
