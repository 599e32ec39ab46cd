/** @file A whole SAM on the GPU: its weights at one input size, and the recording of image encoder and mask decoder. */
import { SettingError } from '../setting-error'
import type { Engine } from '../device/engine'
import { Graph } from '../graph/graph'
import type { StorageType, Tensor } from '../device/tensor'
import type { Linear } from '../ops/linear'
import { normalizeImage } from '../ops/preprocess'
import { densePosition } from '../ops/prompt'
import type { AdapterProfile } from '../train/adapter-profile'
import { type Architecture, checkInputSize, embeddingSide, maskSide } from './architecture'
import type { EncoderPart } from './encoder-part'
import { type VitEncoder, loadVit, vitParts, vitStem } from './image-encoder'
import { type DecoderOutputs, type MaskDecoder, decodeMasks, loadMaskDecoder } from './mask-decoder'
import { PromptHead, hasPromptHead } from './prompt-head'
import { type PromptEncoder, encodeMasks, encodePoints, loadPromptEncoder } from './prompt-encoder'
import { ShapeCheck } from './shape-check'
import { type TinyVitEncoder, loadTinyVit, tinyVitParts, tinyVitStem } from './tiny-vit'
import { WeightLoader, type WeightSource } from './weights'

/** Mean of the public models' input: red, green, blue on 0..255. */
export const PIXEL_MEAN = [123.675, 116.28, 103.53] as const
/** Standard deviation of the same. */
export const PIXEL_STD = [58.395, 57.12, 57.375] as const

/** P prompts of N entries each. */
export interface PromptTensors {
  /** f32 (P, N, 2): x and y in input pixels. */
  coords: Tensor
  /** i32 (P, N), see `promptLabel`. */
  labels: Tensor
  /** u32 (P): index of each prompt's image. */
  imageIndex: Tensor
  /** u32 (P): the number of tokens that are present, the decoder's 5 output tokens included; null if none is absent. */
  counts: Tensor | null
  /** Logits of an earlier mask (P, maskSide, maskSide), or null. */
  masks?: Tensor | null
}

/** How a model is loaded: input size, storage, progress and abort. */
export interface LoadOptions {
  /**
   * Side of the square input in pixels. By default that at which the weights are best: the architecture's own or, if an adapter
   * was merged into them, that of its training. Tables that depend on it are resampled.
   */
  inputSize?: number
  /**
   * 'f16' stores the large matrices in half the memory, rounded to 11 significant bits; adapters cannot be merged into
   * them. 'f32' by default.
   */
  storage?: StorageType
  /** Aborts the load between two tensors. */
  signal?: AbortSignal
  /** Called with each tensor that was uploaded, and its bytes in the checkpoint as f32. */
  onTensor?(name: string, bytes: number): void
}

/**
 * A SAM on the GPU. Its weights are frozen; adapters and a prompt head are attached to it. `load` reads it, `release` frees its memory.
 * @example
 * const { weights, architecture, close } = await openWeights('https://example.org/model.safetensors')
 * const model = await SamModel.load(engine, weights, architecture, { inputSize: 512 })
 * await close()
 * const { masks } = await generate(model, image)
 * model.release()
 */
export class SamModel {
  /** The parts of the image encoder, in order. */
  readonly parts: readonly EncoderPart[]
  /** The checkpoint's own prompt head. */
  private readonly ownHead: PromptHead | null
  private released = false

  private constructor(
    readonly engine: Engine,
    readonly architecture: Architecture,
    /** Side of the square input, pixels. */
    readonly inputSize: number,
    private readonly loader: WeightLoader,
    readonly encoder: VitEncoder | TinyVitEncoder,
    readonly promptEncoder: PromptEncoder,
    readonly decoder: MaskDecoder,
    /** Position encoding of the embedding's grid (side², D). */
    readonly position: Tensor,
    /**
     * The prompt head that is used with the model, if there is one: the checkpoint's own, or that of the adapter that is
     * attached, which sets it.
     */
    public promptHead: PromptHead | null,
    /** What the weights know about themselves, if an adapter that knew it was merged into them; else {}. */
    readonly profile: AdapterProfile,
  ) {
    this.ownHead = promptHead
    this.parts = encoder.kind === 'vit' ? vitParts(encoder, inputSize) : tinyVitParts(encoder, inputSize)
  }

  /**
   * Uploads the weights, one tensor at a time. A load that fails or is aborted frees what it had uploaded.
   * @throws Error if the model cannot run at the input size, a weight is missing, or the device has no memory for it · SettingError that
   * names the weight, if its shape is not that of the architecture · the signal's reason if it aborts
   */
  static async load(
    engine: Engine,
    source: WeightSource,
    architecture: Architecture,
    options: LoadOptions = {},
  ): Promise<SamModel> {
    if (!engine || !source || !architecture)
      throw new SettingError('SamModel.load takes an engine, weights and their architecture, as openWeights finds them')
    const { profile = {} } = source
    const { inputSize: size = profile.size ?? architecture.imageSize, storage, signal, onTensor } = options
    checkInputSize(architecture, size)
    const loader = new WeightLoader(engine, source, { storage, signal, onTensor, shapes: new ShapeCheck(architecture) })
    try {
      const encoder =
        architecture.kind === 'vit'
          ? await loadVit(loader, architecture, size)
          : await loadTinyVit(loader, architecture)
      const promptEncoder = await loadPromptEncoder(loader, architecture.decoder.dim)
      const decoder = await loadMaskDecoder(loader, architecture.decoder)
      const side = embeddingSide(architecture, size)
      const g = new Graph(engine)
      const encoding = g.keep(densePosition(g, { height: side, width: side, gaussian: promptEncoder.gaussian }))
      const program = await g.compile()
      program.run()
      const values = await program.read(encoding).finally(() => program.destroy())
      const position = loader.upload('dense position', [side * side, architecture.decoder.dim], values)
      const head = hasPromptHead(source) ? await PromptHead.load(engine, source) : null
      return new SamModel(engine, architecture, size, loader, encoder, promptEncoder, decoder, position, head, profile)
    } catch (error) {
      loader.release()
      throw error
    }
  }

  /** The linear layers and convolutions by their path in the checkpoint. */
  get linears(): ReadonlyMap<string, Linear> {
    return this.loader.linears
  }

  /** Side of the input at which the weights are best, pixels: `inputSize` unless another was asked for. */
  get ownSize(): number {
    return this.profile.size ?? this.architecture.imageSize
  }

  /** True while an adapter is attached. */
  get adapted(): boolean {
    return [...this.linears.values()].some(({ lora, tuned }) => lora || tuned)
  }

  /** Side of the square image embedding, in cells. */
  get side(): number {
    return embeddingSide(this.architecture, this.inputSize)
  }

  /** Side of the square mask logits, in pixels: four times `side`; a quarter of `inputSize` in the public SAM models. */
  get maskSide(): number {
    return maskSide(this.architecture, this.inputSize)
  }

  /**
   * Records the image encoder: raw (B, S, S, 3) f32 on 0..255, where S is `inputSize`, or its bytes (see byteImageShape), and
   * sizes (B, 2) u32, the valid height and width of each image, to the embedding (B·side², D). Pixels beyond the valid size
   * are ignored.
   */
  encode(g: Graph, raw: Tensor, sizes: Tensor): Tensor {
    return this.encodeFrom(g, this.encodeUpTo(g, raw, sizes, 0), 0)
  }

  /**
   * Records the stem and the first `end` parts: the inputs of `encode` to the input of part `end`, of
   * `featureShape(end, B)`.
   */
  encodeUpTo(g: Graph, raw: Tensor, sizes: Tensor, end: number): Tensor {
    this.checkLoaded()
    const { encoder, inputSize: size, parts } = this
    const batch = raw.shape[0]
    const { mean, std } = this.architecture.pixels ?? { mean: PIXEL_MEAN, std: PIXEL_STD }
    const images = normalizeImage(g, raw, sizes, mean, std)
    const stem =
      encoder.kind === 'vit' ? vitStem(g, encoder, images, size) : tinyVitStem(g, encoder, images, batch, size)
    return parts.slice(0, end).reduce((x, part) => part.record(g, x, batch), stem)
  }

  /**
   * Records the parts from `start`: the input of part `start`, of `featureShape(start, B)`, to the embedding (B·side²,
   * D).
   */
  encodeFrom(g: Graph, features: Tensor, start: number): Tensor {
    this.checkLoaded()
    const batch = features.rows / this.featureShape(start, 1)[0]
    return this.parts.slice(start).reduce((x, part) => part.record(g, x, batch), features)
  }

  /**
   * Shape (images·tokens, channels) of the input of part `start`; with `start` after the last part, of the embedding.
   */
  featureShape(start: number, images: number): [number, number] {
    const { tokens, channels } = this.parts[start] ?? {
      tokens: this.side ** 2,
      channels: this.architecture.outChannels,
    }
    return [images * tokens, channels]
  }

  /**
   * Records prompt encoder and mask decoder: embeddings (images·side², D) to logits (P, 4, maskSide²) and predicted IoU
   * (P, 4).
   */
  decode(g: Graph, embedding: Tensor, prompts: PromptTensors): DecoderOutputs {
    this.checkLoaded()
    const { side, maskSide, promptEncoder, position } = this
    const { coords, labels, imageIndex, counts, masks } = prompts
    const sparse = encodePoints(g, promptEncoder, coords, labels, this.inputSize)
    const dense = masks ? encodeMasks(g, promptEncoder, masks, coords.shape[0], maskSide) : promptEncoder.noMask
    const images = embedding.rows / (side * side)
    return decodeMasks(g, this.decoder, { embedding, imageIndex, sparse, dense, counts, position, images, side })
  }

  /** @throws SettingError if the model was released */
  private checkLoaded(): void {
    if (this.released) throw new SettingError('this model was released, and has no weights any more: load it again')
  }

  /** Frees the weights; nothing recorded with the model may run afterwards. */
  release(): void {
    this.released = true
    this.ownHead?.release()
    this.loader.release()
  }
}
