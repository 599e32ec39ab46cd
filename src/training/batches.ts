/**
 * @file The run's images in their order, prepared ahead of the GPU. What is drawn depends on the order alone, never on
 * when it is ready: every image gets a seed of its own when the batch is dealt.
 */
import { Rng, type RngState } from '../../engine/train/rng'
import type { MicroBatch } from '../../engine/train/step'
import { loadItem, type DatasetItem } from '../data/dataset'
import type { Sample } from '../data/pixels'
import { EpochSampler, type SamplerState } from '../data/sampler'
import type { TrainConfig } from './config'
import { type Example, makeExample, toMicroBatches } from './examples'

/** Where a run stands in its data, after the batches that were trained on. Plain JSON. */
export interface DataState {
  sampler: SamplerState
  rng: RngState
}

export interface Batch {
  microBatches: MicroBatch[]
  /** Of its images, in their order. */
  ids: string[]
  /** The state after this batch: what a checkpoint written after its step keeps. */
  after: DataState
}

/** Batches dealt before the one in hand is done: one is ready while another is being prepared. */
const AHEAD = 2
/** Decoded images kept in memory, bytes. */
const CACHE_BYTES = 256 * 2 ** 20

export class Batches {
  private readonly sampler: EpochSampler
  private readonly rng: Rng
  private readonly queue: Promise<Batch>[] = []
  /** The preparation of a batch begins when the one before is ready: one image in hand at a time. */
  private last: Promise<unknown> = Promise.resolve()
  private readonly cache: SampleCache
  private closed = false

  constructor(
    private readonly items: readonly DatasetItem[],
    private readonly config: TrainConfig,
    private readonly microBatch: number,
    state?: DataState,
  ) {
    this.sampler = new EpochSampler(items.length, config.seed)
    this.rng = new Rng(config.seed, 0xda7a)
    this.cache = new SampleCache(CACHE_BYTES)
    if (state) {
      this.sampler.restore(state.sampler)
      this.rng.restore(state.rng)
    }
    this.state = this.now()
  }

  /** Where the run would go on if it ended before the first `next`. */
  readonly state: DataState

  /** The next batch, once it is ready; the ones after it are then being prepared. */
  next(): Promise<Batch> {
    while (this.queue.length <= AHEAD) this.queue.push(this.deal())
    return this.queue.shift()!
  }

  /** Ends the preparation of what nobody will take. */
  close(): void {
    this.closed = true
  }

  private now(): DataState {
    return { sampler: this.sampler.state(), rng: this.rng.state() }
  }

  private deal(): Promise<Batch> {
    const drawn = Array.from({ length: this.config.batch }, () => ({
      item: this.items[this.sampler.next()],
      seed: this.rng.uint32(),
    }))
    const after = this.now()
    const batch = this.last.then(async () => {
      const examples: Example[] = []
      for (const { item, seed } of drawn) {
        if (this.closed) throw new Error('no more batches are wanted')
        examples.push(makeExample(await this.cache.get(item), new Rng(seed), this.config))
        // lets the GPU's answers through between two images
        await new Promise((resolve) => setImmediate(resolve))
      }
      return { microBatches: toMicroBatches(examples, this.microBatch), ids: drawn.map(({ item }) => item.id), after }
    })
    // whoever takes the batch sees the error; until then it must not end the process
    this.last = batch.catch(() => {})
    return batch
  }
}

/** Decoded images, the least recently used given up first. */
class SampleCache {
  private readonly samples = new Map<string, Sample>()
  private bytes = 0

  constructor(private readonly most: number) {}

  async get(item: DatasetItem): Promise<Sample> {
    const known = this.samples.get(item.id)
    const sample = known ?? (await loadItem(item))
    this.samples.delete(item.id)
    this.samples.set(item.id, sample)
    if (!known) this.bytes += sizeOf(sample)
    for (const [id, oldest] of this.samples) {
      if (this.bytes <= this.most) break
      this.samples.delete(id)
      this.bytes -= sizeOf(oldest)
    }
    return sample
  }
}

const sizeOf = ({ rgb, labels }: Sample): number => rgb.byteLength + labels.byteLength
