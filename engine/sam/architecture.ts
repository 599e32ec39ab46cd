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

/** Input pixels a side of one cell of the image embedding. */
export const EMBEDDING_STRIDE = 16

export const embeddingSide = (inputSize: number): number => inputSize / EMBEDDING_STRIDE

/** Throws where a model cannot be run at this input size. */
export function checkInputSize(architecture: Architecture, size: number): void {
  const step = architecture.kind === 'vit' ? architecture.patch : EMBEDDING_STRIDE
  if (!Number.isInteger(size) || size < 2 * step || size % step)
    throw new Error(`input size ${size}: it must be a multiple of ${step}, from ${2 * step}`)
}
