/**
 * @file The run's images in their order, prepared ahead of the GPU. What is drawn depends on the order alone, never on
 * when it is ready: every image gets a seed of its own when the batch is dealt.
 */
import { Rng, type RngState } from '../../engine/rng'
import type { MicroBatch } from '../../engine/train/training-step'
import type { DatasetItem } from '../dataset/dataset'
import { EpochSampler, type SamplerState } from '../dataset/epoch-sampler'
import type { TrainConfig } from './config'
import { toMicroBatches } from './examples'
import { InThread, type Preparation } from './preparation'

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

export class Batches {
  private readonly sampler: EpochSampler
  private readonly rng: Rng
  private readonly queue: Promise<Batch>[] = []
  /** A batch is begun when the one before it is ready. */
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(
    private readonly items: readonly DatasetItem[],
    private readonly config: TrainConfig,
    private readonly microBatch: number,
    state?: DataState,
    private readonly preparation: Preparation = new InThread(config),
  ) {
    this.sampler = new EpochSampler(items.length, config.seed)
    this.rng = new Rng(config.seed, 0xda7a)
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
      if (this.closed) throw new Error('no more batches are wanted')
      const examples = await Promise.all(drawn.map(({ item, seed }) => this.preparation.make(item, seed)))
      return { microBatches: toMicroBatches(examples, this.microBatch), ids: drawn.map(({ item }) => item.id), after }
    })
    // whoever takes the batch sees the error; until then it must not end the process
    this.last = batch.catch(() => {})
    return batch
  }
}
