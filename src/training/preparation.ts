/**
 * @file Who makes examples: this thread, or others while the GPU works. An example depends on its image and its seed alone,
 * so that a run's result is the same whoever makes them, and however many they are.
 */
import { Rng } from '../../engine/rng'
import type { DatasetItem } from '../dataset/dataset'
import type { TrainConfig } from './config'
import { type Example, makeExample } from './examples'
import { SampleCache } from './sample-cache'

/** Decoded images kept in memory, by all threads together, bytes. */
export const CACHE_BYTES = 256 * 2 ** 20

export interface Preparation {
  make(item: DatasetItem, seed: number): Promise<Example>
  close(): Promise<void>
}

/** One example after the other in this thread, with a breath between two for what the GPU answers. */
export class InThread implements Preparation {
  private readonly cache: SampleCache
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(
    private readonly config: TrainConfig,
    bytes = CACHE_BYTES,
  ) {
    this.cache = new SampleCache(bytes)
  }

  make(item: DatasetItem, seed: number): Promise<Example> {
    const example = this.last.then(async () => {
      if (this.closed) throw new Error('no more examples are wanted')
      const made = makeExample(await this.cache.get(item), new Rng(seed), this.config)
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
