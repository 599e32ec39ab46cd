/**
 * @file Features of images kept from step to step. Where images are taken as they are (no augmentation), what comes out
 * of the encoder's parts below the first that trains never changes: it is computed once, and a step begins there. Where
 * nothing in the encoder trains, that is the embedding, and a step costs the decoder alone.
 */
import { Graph } from '../../engine/graph/graph'
import type { Program } from '../../engine/graph/program'
import type { Tensor } from '../../engine/device/tensor'
import type { SamModel } from '../../engine/sam/sam-model'
import { countFrozenParts } from '../../engine/train/frozen-parts'
import type { FeatureBatch } from '../../engine/train/training-step'
import type { Batch } from './batches'
import type { TrainConfig } from './config'

/**
 * Bytes of features kept, on the host. An image's embedding is 1 MiB at 512 pixels and 4 MiB at 1024; what goes into a block
 * of ViT-B is three times that. What does not fit is computed again.
 */
const MOST_BYTES = 2 ** 30

/**
 * Features by image and by the parts they come out of, of one model as it is stored and one input size. What is kept stays
 * while a run needs it: every epoch takes each image once in a new order, so that giving up the least recently used would find
 * little again. Room is made of what other parts left, in another cell of an ablation.
 */
export class FeatureCache {
  private readonly kept = new Map<string, { parts: number; features: Float32Array }>()
  private bytes = 0
  /** Images encoded so far. */
  encoded = 0

  constructor(private readonly most = MOST_BYTES) {}

  async get(id: string, parts: number, encode: () => Promise<Float32Array>): Promise<Float32Array> {
    const key = `${parts} ${id}`
    const known = this.kept.get(key)
    if (known) return known.features
    const features = await encode()
    this.encoded++
    if (this.makeRoom(features.byteLength, parts)) {
      this.kept.set(key, { parts, features })
      this.bytes += features.byteLength
    }
    return features
  }

  /** Whether so many bytes can be kept, once what came out of other parts has been given up for them, the oldest first. */
  private makeRoom(bytes: number, parts: number): boolean {
    const fits = () => this.bytes + bytes <= this.most
    for (const [key, other] of this.kept) {
      if (fits()) break
      if (other.parts === parts) continue
      this.kept.delete(key)
      this.bytes -= other.features.byteLength
    }
    return fits()
  }
}

/** The encoder's first parts, which do not train: gives batches features in the place of their images. */
export class FrozenEncoder {
  private constructor(
    /** How many parts. */
    readonly parts: number,
    private readonly program: Program,
    private readonly t: Record<'raw' | 'sizes' | 'features', Tensor>,
    private readonly cache: FeatureCache,
  ) {}

  /** Of a model with what trains attached to it; null where a step has to begin with the images, by the rule above. */
  static async open(model: SamModel, { augment }: TrainConfig, cache: FeatureCache): Promise<FrozenEncoder | null> {
    const parts = augment === false ? countFrozenParts(model) : 0
    if (!parts) return null
    const { engine, inputSize: size } = model
    const g = new Graph(engine)
    const raw = g.input('raw images', [1, size, size, 3])
    const sizes = g.input('valid sizes', [1, 2])
    const features = g.keep(model.encodeUpTo(g, raw, sizes, parts))
    return new FrozenEncoder(parts, await g.compile(), { raw, sizes, features }, cache)
  }

  /** Of memory that it holds besides the model's. */
  get bytes(): number {
    return this.program.bytes
  }

  async encode({ microBatches, ids }: Batch): Promise<FeatureBatch[]> {
    const encoded: FeatureBatch[] = []
    let next = 0
    for (const { images, sizes, ...prompts } of microBatches) {
      const count = sizes.length / 2
      const each = images.length / count
      const found: Float32Array[] = []
      for (let i = 0; i < count; i++) {
        const make = () => this.one(images.subarray(i * each, (i + 1) * each), sizes.subarray(2 * i, 2 * (i + 1)))
        found.push(await this.cache.get(ids[next++], this.parts, make))
      }
      const features = new Float32Array(count * found[0].length)
      found.forEach((part, i) => features.set(part, i * part.length))
      encoded.push({ ...prompts, features })
    }
    return encoded
  }

  private async one(image: Float32Array, size: Uint32Array): Promise<Float32Array> {
    const { program, t } = this
    program.write(t.raw, image)
    program.write(t.sizes, size)
    program.run()
    return program.read(t.features)
  }

  destroy(): void {
    this.program.destroy()
  }
}
