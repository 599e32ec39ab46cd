/**
 * @file A part of an image encoder. Its parts run in order after the stem, and a graph can be recorded from any of
 * them.
 */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** A transformer block, one of TinyViT's convolutional blocks or patch merges, or the neck. */
export interface EncoderPart {
  /** Path of its weights in the checkpoint, e.g. image_encoder.blocks.3. */
  path: string
  /** Tokens of one image in its input. */
  tokens: number
  /** Channels of its input. */
  channels: number
  /** Records the part: x (batch·tokens, channels) to the input of the next part or, from the neck, to the embedding. */
  record(g: Graph, x: Tensor, batch: number): Tensor
}
