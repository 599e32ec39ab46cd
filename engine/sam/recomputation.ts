/** @file Names of a model's segments, the parts that a training step may compute again in its backward pass. */
import type { MemoryOptions } from '../graph/graph'

/** Block i of the image encoder, TinyViT's convolutions and merges included. The decoder's segments begin with its name. */
export const encoderSegment = (i: number): string => `encoder.${i}`

/** What a step computes again: all of the mask decoder or nothing of it, and the encoder's first so many blocks. */
export interface Recomputation {
  decoder: boolean
  blocks: number
}

export const recomputeNothing: Recomputation = { decoder: false, blocks: 0 }

/** The first blocks and not the last: when they are computed again, what was kept of the last is free already. */
export const recomputing =
  ({ decoder, blocks }: Recomputation): NonNullable<MemoryOptions['recompute']> =>
  (segment) => {
    const [part, index] = segment.split('.')
    return part === 'encoder' ? Number(index) < blocks : decoder
  }
