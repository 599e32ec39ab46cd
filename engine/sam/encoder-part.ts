/** @file What an image encoder is made of after its stem: its parts in order, so that it can be gone through from any of them. */
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** A block, TinyViT's convolutions and merges included, or the neck. */
export interface EncoderPart {
  /** Of its weights in the checkpoint, e.g. image_encoder.blocks.3. */
  path: string
  /** Tokens of an image, and their channels, that go into it. */
  tokens: number
  channels: number
  /** Records it: x (batch·tokens, channels) to what goes into the next part, or to the embedding. */
  record(g: Graph, x: Tensor, batch: number): Tensor
}
