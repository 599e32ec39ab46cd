/**
 * @file Preparation of examples, in this thread or in worker threads while the GPU works. An example depends only on its
 * image and its seed, so that a run's result does not depend on where, or in how many threads, examples are made.
 */
import { Rng } from '../../engine/rng'
import type { SizeRange } from '../dataset/augment/auto-magnification'
import type { DatasetItem } from '../dataset/dataset'
import type { Sample } from '../dataset/sample'
import { variedScene } from '../synth/varied-scene'
import { inputSize, type TrainConfig } from './config'
import { type Example, makeExample } from './examples'
import { SampleCache } from './sample-cache'

/** Maximum bytes of decoded images kept in memory, in all threads together. */
export const CACHE_BYTES = 256 * 2 ** 20

export interface Preparation {
  /** The example of an image, or of a synthetic scene if it is null. */
  make(item: DatasetItem | null, seed: number): Promise<Example>
  close(): Promise<void>
}

/** Makes one example after the other in this thread, yielding to the event loop in between so that GPU promises can settle. */
export class InThread implements Preparation {
  private readonly cache: SampleCache
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(
    private readonly config: TrainConfig,
    /** The usual particle sizes of the training images: see variantOf. */
    private readonly sizes: SizeRange | null = null,
    bytes = CACHE_BYTES,
  ) {
    this.cache = new SampleCache(bytes)
  }

  make(item: DatasetItem | null, seed: number): Promise<Example> {
    const example = this.last.then(async () => {
      if (this.closed) throw new Error('the preparation of examples is closed')
      const sample = item ? await this.cache.get(item) : syntheticSample(seed, inputSize(this.config))
      // a synthetic scene has sizes of its own
      const made = makeExample(sample, new Rng(seed), this.config, item && this.sizes)
      await new Promise((resolve) => setImmediate(resolve))
      return made
    })
    this.last = example.catch(() => {})
    return example
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

/** A synthetic scene of at most the model's input size. */
function syntheticSample(seed: number, size: number): Sample {
  const { width, height, image, labels } = variedScene(seed, size)
  const rgb = new Uint8Array(3 * image.length)
  for (let i = 0, at = 0; i < image.length; i++, at += 3) rgb[at] = rgb[at + 1] = rgb[at + 2] = image[i]
  return { width, height, rgb, labels }
}
