/**
 * @file Caches the features of images (activations after the frozen first parts of the encoder). Without augmentation,
 * the output of the parts below the first trained one never changes: it is computed once per image, and training steps
 * start from it. If nothing in the encoder is trained, it is the embedding, and a step costs only the decoder.
 */
import { Graph } from '../graph/graph'
import type { Program } from '../graph/program'
import type { Tensor } from '../device/tensor'
import type { SamModel } from '../sam/sam-model'
import { byteImageShape } from '../ops/preprocess'
import { countFrozenParts } from '../train/frozen-parts'
import type { FeatureBatch } from '../train/training-step'
import type { Batch } from './batches'
import type { ExampleRecipe } from './recipe'

/**
 * Capacity of the cache in host memory, bytes. The embedding of an image takes 1 MiB at 512 pixels and 4 MiB at 1024; the
 * input of a block of ViT-B three times that. Features that do not fit are recomputed in every epoch.
 */
const MAX_BYTES = 2 ** 30

/**
 * Features by image and number of encoder parts, for one model (in one storage type) and one input size. Every epoch uses
 * each image once in a new order, so LRU eviction would evict what the next epoch needs; entries stay instead. Only
 * entries of another number of parts, left by another cell of an ablation, are evicted.
 */
export class FeatureCache {
  private readonly entries = new Map<string, { parts: number; features: Float32Array }>()
  private bytes = 0
  /** The number of images encoded so far. */
  encoded = 0

  constructor(private readonly maxBytes = MAX_BYTES) {}

  /** Returns the features of an image after `parts` encoder parts; `encode` computes them if they are not cached. */
  async get(id: string, parts: number, encode: () => Promise<Float32Array>): Promise<Float32Array> {
    const key = `${parts} ${id}`
    const known = this.entries.get(key)
    if (known) return known.features
    const features = await encode()
    this.encoded++
    if (this.makeRoom(features.byteLength, parts)) {
      this.entries.set(key, { parts, features })
      this.bytes += features.byteLength
    }
    return features
  }

  /** True if `bytes` fit into the cache, after evicting entries of another number of parts, the oldest first. */
  private makeRoom(bytes: number, parts: number): boolean {
    const fits = () => this.bytes + bytes <= this.maxBytes
    for (const [key, other] of this.entries) {
      if (fits()) break
      if (other.parts === parts) continue
      this.entries.delete(key)
      this.bytes -= other.features.byteLength
    }
    return fits()
  }
}

/** Runs the frozen first parts of the encoder: replaces the images of batches by their features. */
export class FrozenEncoder {
  private constructor(
    /** The number of frozen parts (blocks or the neck) that it runs. */
    readonly parts: number,
    private readonly program: Program,
    private readonly tensors: Record<'raw' | 'sizes' | 'features', Tensor>,
    private readonly cache: FeatureCache,
  ) {}

  /**
   * Opens the encoder of a model that already has its trained parameters attached. Null if steps must start from images:
   * if images are augmented, or the first part is trained.
   */
  static async open(
    model: SamModel,
    { augment }: Pick<ExampleRecipe, 'augment'>,
    cache: FeatureCache,
  ): Promise<FrozenEncoder | null> {
    const parts = augment === false ? countFrozenParts(model) : 0
    if (!parts) return null
    const { engine, inputSize: size } = model
    const g = new Graph(engine)
    const raw = g.input('images', byteImageShape(1, size))
    const sizes = g.input('valid sizes', [1, 2])
    const features = g.keep(model.encodeUpTo(g, raw, sizes, parts))
    return new FrozenEncoder(parts, await g.compile(), { raw, sizes, features }, cache)
  }

  /** Bytes of GPU memory that it uses besides the model's. */
  get bytes(): number {
    return this.program.bytes
  }

  /** Replaces the images of a batch by their features, from the cache where possible. */
  async encode({ microBatches, ids }: Batch): Promise<FeatureBatch[]> {
    const encoded: FeatureBatch[] = []
    let next = 0
    for (const { images, sizes, ...prompts } of microBatches) {
      const count = sizes.length / 2
      const each = images.length / count
      const found: Float32Array[] = []
      for (let i = 0; i < count; i++) {
        const make = () =>
          this.encodeImage(images.subarray(i * each, (i + 1) * each), sizes.subarray(2 * i, 2 * (i + 1)))
        found.push(await this.cache.get(ids[next++], this.parts, make))
      }
      const features = new Float32Array(count * found[0].length)
      found.forEach((part, i) => features.set(part, i * part.length))
      encoded.push({ ...prompts, features })
    }
    return encoded
  }

  private async encodeImage(image: Uint8Array, size: Uint32Array): Promise<Float32Array> {
    const { program, tensors } = this
    program.write(tensors.raw, image)
    program.write(tensors.sizes, size)
    program.run()
    return program.read(tensors.features)
  }

  destroy(): void {
    this.program.destroy()
  }
}
