/**
 * @file Image embeddings kept from step to step. Where nothing in the encoder trains and images are taken as they are
 * (no augmentation), an image's embedding never changes: it is computed once, and a step costs the decoder alone.
 */
import { Graph } from '../../engine/graph/graph'
import type { Program } from '../../engine/graph/program'
import type { Tensor } from '../../engine/graph/tensor'
import type { SamModel } from '../../engine/sam/sam'
import type { LoraLayer } from '../../engine/train/lora'
import type { EmbeddedBatch } from '../../engine/train/step'
import type { Batch } from './batches'
import type { TrainConfig } from './config'

/** Bytes of embeddings kept, on the host; one is 1 MiB at 512 pixels, 4 MiB at 1024. What does not fit is encoded again. */
const MOST_BYTES = 2 ** 30

/** Embeddings by image, the least recently used given up first. Of one model at one input size. */
export class EmbeddingCache {
  private readonly kept = new Map<string, Float32Array>()
  private bytes = 0
  /** Images encoded so far. */
  encoded = 0

  constructor(private readonly most = MOST_BYTES) {}

  async get(id: string, encode: () => Promise<Float32Array>): Promise<Float32Array> {
    const known = this.kept.get(id)
    const embedding = known ?? (await encode())
    this.kept.delete(id)
    this.kept.set(id, embedding)
    if (!known) {
      this.encoded++
      this.bytes += embedding.byteLength
    }
    for (const [oldest, { byteLength }] of this.kept) {
      if (this.bytes <= this.most) break
      this.kept.delete(oldest)
      this.bytes -= byteLength
    }
    return embedding
  }
}

/** Whether embeddings can be kept: the rule above. */
export const embeddable = (layers: readonly LoraLayer[], { augment }: TrainConfig): boolean =>
  augment === false && layers.every(({ path }) => !path.startsWith('image_encoder.'))

/** Gives batches embeddings in the place of their images. */
export class Embedder {
  private constructor(
    private readonly program: Program,
    private readonly t: Record<'raw' | 'sizes' | 'embedding', Tensor>,
    private readonly cache: EmbeddingCache,
  ) {}

  static async create(model: SamModel, cache: EmbeddingCache): Promise<Embedder> {
    const { engine, inputSize: size } = model
    const g = new Graph(engine)
    const raw = g.input('raw images', [1, size, size, 3])
    const sizes = g.input('valid sizes', [1, 2])
    const embedding = g.keep(model.encode(g, raw, sizes))
    return new Embedder(await g.compile(), { raw, sizes, embedding }, cache)
  }

  /** Of memory that it holds besides the model's. */
  get bytes(): number {
    return this.program.bytes
  }

  async embed({ microBatches, ids }: Batch): Promise<EmbeddedBatch[]> {
    const embedded: EmbeddedBatch[] = []
    let next = 0
    for (const { images, sizes, ...prompts } of microBatches) {
      const count = sizes.length / 2
      const each = images.length / count
      const parts: Float32Array[] = []
      for (let i = 0; i < count; i++) {
        const encode = () => this.encode(images.subarray(i * each, (i + 1) * each), sizes.subarray(2 * i, 2 * (i + 1)))
        parts.push(await this.cache.get(ids[next++], encode))
      }
      const embedding = new Float32Array(count * parts[0].length)
      parts.forEach((part, i) => embedding.set(part, i * part.length))
      embedded.push({ ...prompts, embedding })
    }
    return embedded
  }

  private async encode(image: Float32Array, size: Uint32Array): Promise<Float32Array> {
    const { program, t } = this
    program.write(t.raw, image)
    program.write(t.sizes, size)
    program.run()
    return program.read(t.embedding)
  }

  destroy(): void {
    this.program.destroy()
  }
}
