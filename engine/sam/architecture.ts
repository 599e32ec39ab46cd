/** @file What a checkpoint's shapes (or a small config) say of a model. */

export interface DecoderArchitecture {
  /** Width of tokens and embedding (256 in the public models). */
  dim: number
  /** Two-way layers. */
  depth: number
  heads: number
  mlpDim: number
}

export interface VitArchitecture {
  kind: 'vit'
  /** Input side the checkpoint was trained at, pixels. */
  imageSize: number
  patch: number
  dim: number
  depth: number
  heads: number
  mlpDim: number
  window: number
  /** Blocks whose attention is global. */
  globalBlocks: number[]
  /** Channels of the image embedding. */
  outChannels: number
  decoder: DecoderArchitecture
}

export interface TinyVitArchitecture {
  kind: 'tiny_vit'
  imageSize: number
  /** Stage 0 is convolutional; one entry a stage in each of these. */
  dims: number[]
  depths: number[]
  heads: number[]
  windows: number[]
  outChannels: number
  decoder: DecoderArchitecture
}

export type Architecture = VitArchitecture | TinyVitArchitecture

/** Side in input pixels of one cell of the image embedding. */
export const EMBEDDING_STRIDE = 16
/** Side in input pixels of one pixel of a mask: the decoder upscales the embedding by four. */
const MASK_STRIDE = EMBEDDING_STRIDE / 4

/** Side of the square image embedding, in cells, at an input size in pixels. */
export const embeddingSide = (inputSize: number): number => inputSize / EMBEDDING_STRIDE

/** Side of the square mask logits that the decoder returns, in pixels, at an input size in pixels. */
export const maskSide = (inputSize: number): number => inputSize / MASK_STRIDE

/** @throws Error if the model cannot run at this input size, in pixels */
export function checkInputSize(architecture: Architecture, size: number): void {
  const step = architecture.kind === 'vit' ? architecture.patch : EMBEDDING_STRIDE
  if (!Number.isInteger(size) || size < 2 * step || size % step)
    throw new Error(`input size ${size}: it must be a multiple of ${step}, from ${2 * step}`)
}
