/** @file The recorded programs of a predictor, its tensors on the GPU, and what is written into them for each pass. */
import type { Tensor } from '../device/tensor'
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import { foundTotal } from '../ops/finite'
import { FiniteGuard } from '../ops/finite-guard'
import { addScaled } from '../ops/pointwise'
import { byteImageShape, expandBytes } from '../ops/preprocess'
import { MASK_TOKENS } from './mask-decoder'
import { type PromptBatch, tokenCounts } from './prompt-batch'
import { promptLabel } from './prompt-labels'
import type { SamModel } from './sam-model'

/** How many images and prompts a predictor takes at once, which decides its memory. */
export interface PredictorOptions {
  /**
   * Prompts decoded in one forward pass, 16 by default; `predict` runs as many passes as its prompts need. The number
   * is lowered if a pass would exceed the largest buffer binding of the GPU adapter.
   */
  prompts?: number
  /** Entries (points and box corners) of a prompt, at most: 3 by default. */
  slots?: number
  /** Whether every prompt comes with the logits of an earlier mask. */
  masks?: boolean
  /** Images that are encoded at once by `setImages`: 1 by default. */
  images?: number
  /** Whether an image can be encoded while prompts are decoded on the one before: takes a second embedding. */
  ahead?: boolean
}

type TensorName =
  'raw' | 'sizes' | 'embedding' | 'coords' | 'labels' | 'imageIndex' | 'counts' | 'logits' | 'iou' | 'found' | 'place'

type PredictorTensors = Record<TensorName, Tensor> & {
  masks: Tensor | null
  /** The pixels of one image as bytes, a quarter of the numbers that the encoder reads; null for several images. */
  packed: Tensor | null
  /** Where the encoder writes: `embedding`, or a separate tensor that is copied there. */
  encoded: Tensor
}

/** A predictor's encoder and decoder, recorded for fixed numbers of images, prompts and entries. */
export class PredictorPrograms {
  private constructor(
    readonly model: SamModel,
    /** Images that are encoded at once. */
    readonly images: number,
    /** Prompts of a forward pass of the decoder. */
    readonly prompts: number,
    /** Entries of a prompt. */
    readonly slots: number,
    readonly encoder: Program,
    /** The encoder's last dispatches, which write and check the embedding. */
    readonly encoderTail: number,
    readonly decoder: Program,
    /** Makes the encoder's input of the bytes of one image; null for several images. */
    readonly expander: Program | null,
    readonly tensors: PredictorTensors,
    readonly guard: FiniteGuard,
    /** Whether encoder, expander and embedding are another's, which frees them. */
    private readonly shared = false,
  ) {}

  /** Records the model with the adapter that is attached to it now, if any (see AttachedAdapter). */
  static async record(model: SamModel, options: PredictorOptions): Promise<PredictorPrograms> {
    const { engine, inputSize: size, side } = model
    const { slots = 3, images = 1 } = options
    const dim = model.architecture.decoder.dim
    // the widest tensors of a prompt: the source tokens, the upscaled features and their four logits
    const bytes = 4 * side * side * Math.max(dim, 2 * dim, 16 * MASK_TOKENS)
    // each head of a prompt is a workgroup of its own along one dimension of some grids
    const workgroups = Math.floor(
      engine.device.limits.maxComputeWorkgroupsPerDimension / model.architecture.decoder.heads,
    )
    const prompts = Math.max(1, Math.min(options.prompts ?? 16, Math.floor(engine.maxBinding / bytes), workgroups))
    const embedding = engine.persistent('activation', 'image embedding', [images * side * side, dim])

    const encoded = options.ahead ? engine.persistent('activation', 'next embedding', embedding.shape) : embedding

    const guard = new FiniteGuard(engine, 3)
    const e = new Graph(engine)
    guard.clear(e)
    // always 0, because there is no batch of batches; no constant of the engine, which would outlive the predictor
    const place = engine.persistent('statistic', 'place of the batch', [1])
    const raw = e.input('raw images', [images, size, size, 3])
    const sizes = e.input('valid sizes', [images, 2])
    const output = model.encode(e, raw, sizes)
    const tail = e.dispatches.length
    addScaled(e, output, { tensor: encoded, accumulate: 0 })
    guard.inspect(e, encoded, place, 'activation', images, 'the embedding of image')
    const encoderTail = e.dispatches.length - tail

    const d = new Graph(engine)
    const decoded = recordDecoder(d, model, { embedding, place }, guard, { prompts, slots, masks: !!options.masks })
    const encoder = await e.compile()

    const x = images === 1 ? new Graph(engine) : null
    const packed = x && x.input('pixels as bytes', byteImageShape(1, size))
    if (x && packed) expandBytes(x, packed, raw)
    const tensors = {
      raw,
      packed,
      sizes,
      embedding,
      encoded,
      place,
      ...decoded,
    }
    const decoder = await d.compile()
    const expander = x && (await x.compile())
    return new PredictorPrograms(model, images, prompts, slots, encoder, encoderTail, decoder, expander, tensors, guard)
  }

  /** Another decoder on the same embedding, whose prompts come with masks. It must be destroyed before this one. */
  async withMasks(): Promise<PredictorPrograms> {
    const { model, images, prompts, slots, encoder, encoderTail, expander, tensors } = this
    const guard = new FiniteGuard(model.engine, 2)
    guard.clearNow()
    const d = new Graph(model.engine)
    const decoded = recordDecoder(d, model, tensors, guard, { prompts, slots, masks: true })
    const own = { ...tensors, ...decoded }
    const decoder = await d.compile()
    return new PredictorPrograms(
      model,
      images,
      prompts,
      slots,
      encoder,
      encoderTail,
      decoder,
      expander,
      own,
      guard,
      true,
    )
  }

  /** Bytes of GPU memory, without the model's. */
  get bytes(): number {
    if (this.shared) return this.decoder.bytes + this.guard.bytes
    const { embedding, encoded } = this.tensors
    const ahead = encoded === embedding ? 0 : encoded.storage.bytes
    const expander = this.expander?.bytes ?? 0
    return this.encoder.bytes + this.decoder.bytes + expander + embedding.storage.bytes + ahead + this.guard.bytes
  }

  /** Submits a forward pass of the decoder for the n prompts from `start`. */
  decode(batch: PromptBatch, start: number, n: number): void {
    const { prompts, slots, tensors: t, decoder } = this
    const coords = new Float32Array(prompts * slots * 2)
    const labels = new Int32Array(prompts * slots).fill(promptLabel.absent)
    const imageIndex = new Uint32Array(prompts)
    coords.set(batch.coords.subarray(start * slots * 2, (start + n) * slots * 2))
    labels.set(batch.labels.subarray(start * slots, (start + n) * slots))
    if (batch.imageIndex) imageIndex.set(batch.imageIndex.subarray(start, start + n))
    decoder.write(t.coords, coords)
    decoder.write(t.labels, labels)
    decoder.write(t.imageIndex, imageIndex)
    decoder.write(t.counts, tokenCounts(labels, slots))
    if (t.masks) {
      const one = t.masks.size / prompts
      const masks = new Float32Array(t.masks.size)
      masks.set(batch.masks!.subarray(start * one, (start + n) * one))
      decoder.write(t.masks, masks)
    }
    decoder.run()
  }

  /** Copies the embedding that the encoder wrote to the one that the decoder reads, if they are two. */
  copyEncoded(): void {
    const { encoded, embedding } = this.tensors
    if (encoded === embedding) return
    const { device } = this.model.engine
    const encoder = device.createCommandEncoder()
    const [from, to] = [encoded.storage, embedding.storage]
    encoder.copyBufferToBuffer(from.buffer!, from.offset, to.buffer!, to.offset, 4 * embedding.size)
    device.queue.submit([encoder.finish()])
  }

  destroy(): void {
    this.decoder.destroy()
    if (this.shared) return this.guard.release()
    this.encoder.destroy()
    this.expander?.destroy()
    const { engine } = this.model
    const { embedding, encoded, place } = this.tensors
    engine.release(embedding)
    if (encoded !== embedding) engine.release(encoded)
    engine.release(place)
    this.guard.release()
  }
}

/** Records the mask decoder on an embedding, and looking at what it computes. */
function recordDecoder(
  d: Graph,
  model: SamModel,
  { embedding, place }: Record<'embedding' | 'place', Tensor>,
  guard: FiniteGuard,
  { prompts, slots, masks: masked }: { prompts: number; slots: number; masks: boolean },
) {
  const { maskSide } = model
  const coords = d.input('coords', [prompts, slots, 2])
  const labels = d.input('labels', [prompts, slots])
  const imageIndex = d.input('image index', [prompts])
  const counts = d.input('token counts', [prompts])
  const masks = masked ? d.input('mask prompts', [prompts, maskSide, maskSide]) : null
  const { logits, iou } = model.decode(d, embedding, { coords, labels, imageIndex, counts, masks })
  d.keep(logits)
  d.keep(iou)
  guard.inspect(d, logits, place, 'activation', prompts, 'the mask logits of prompt')
  guard.inspect(d, iou, place, 'activation', prompts, 'the predicted IoU of prompt')
  const found = d.keep(foundTotal(d, guard.found!))
  return { coords, labels, imageIndex, counts, masks, logits, iou, found }
}
