/** @file The hyperparameters of a model, which a host infers from the shapes of its checkpoint. */

/** The hyperparameters of the mask decoder. */
export interface DecoderArchitecture {
  /** Channels of the tokens and of the image embedding (256 in the public models). */
  dim: number
  /** Number of two-way transformer layers. */
  depth: number
  /** Heads of every attention. */
  heads: number
  /** Hidden width of the MLPs. */
  mlpDim: number
}

/** How pixels are normalised: (x − mean) / std, red, green and blue on 0..255. */
export interface PixelNorm {
  mean: readonly [number, number, number]
  std: readonly [number, number, number]
}

interface CommonArchitecture {
  /** Undefined: as the public SAM models, see PIXEL_MEAN. */
  pixels?: PixelNorm
}

/** Sizes of the image encoder of SAM ViT-B, ViT-L and ViT-H. */
export interface VitArchitecture extends CommonArchitecture {
  kind: 'vit'
  /** Side of the square input that the checkpoint was trained at, pixels. */
  imageSize: number
  /** Side of a patch, pixels. */
  patch: number
  /** Channels of the tokens. */
  dim: number
  /** Number of blocks. */
  depth: number
  heads: number
  /** Hidden width of the MLPs. */
  mlpDim: number
  /** Side of an attention window, tokens. */
  window: number
  /** Indices of the blocks whose attention is global. */
  globalBlocks: number[]
  /** Channels of the image embedding. */
  outChannels: number
  decoder: DecoderArchitecture
}

/** Sizes of MobileSAM’s image encoder, stage by stage. */
export interface TinyVitArchitecture extends CommonArchitecture {
  kind: 'tiny_vit'
  /**
   * Stride of the two convolutions before the first stage: 2 by default, with kernels of 3x3 (MobileSAM); 1 with kernels of 1x1
   * (LiteMedSAM), whose embedding is four times as fine.
   */
  stemStride?: 1 | 2
  /** Side of the square input that the checkpoint was trained at, pixels. */
  imageSize: number
  /** Channels of each stage. Stage 0 is convolutional. */
  dims: number[]
  /** Blocks of each stage. */
  depths: number[]
  /** Attention heads of each stage. */
  heads: number[]
  /** Side of the attention windows of each stage, tokens. */
  windows: number[]
  /** Channels of the image embedding. */
  outChannels: number
  decoder: DecoderArchitecture
}

/** The sizes of a SAM: of its image encoder, ViT or TinyViT, and of its mask decoder. */
export type Architecture = VitArchitecture | TinyVitArchitecture

/** Side in input pixels of one cell of the image embedding, in SAM and MobileSAM. */
export const SAM_STRIDE = 16
/** The same of any model. */
const embeddingStride = (architecture: Architecture): number =>
  architecture.kind === 'tiny_vit' && architecture.stemStride === 1 ? 4 : SAM_STRIDE

/** Side in input pixels of one pixel of a mask: the decoder upscales the embedding by four. */
const maskStride = (architecture: Architecture): number => embeddingStride(architecture) / 4

/** Side of the square image embedding, in cells, at an input size in pixels. */
export const embeddingSide = (architecture: Architecture, inputSize: number): number =>
  inputSize / embeddingStride(architecture)

/** Side of the square mask logits that the decoder returns, in pixels, at an input size in pixels. */
export const maskSide = (architecture: Architecture, inputSize: number): number => inputSize / maskStride(architecture)

/** @throws Error if the model cannot run at this input size, in pixels */
export function checkInputSize(architecture: Architecture, size: number): void {
  const step = architecture.kind === 'vit' ? architecture.patch : embeddingStride(architecture)
  if (!Number.isInteger(size) || size < 2 * step || size % step)
    throw new Error(`input size ${size}: it must be a multiple of ${step}, from ${2 * step}`)
}
