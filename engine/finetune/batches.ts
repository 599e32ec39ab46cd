/**
 * @file The batches of a run, prepared ahead of the GPU. The random variants of an image depend on its place in the order
 * only, never on when it is prepared: every image gets its own seed when its batch is queued.
 */
import { Rng, type RngState } from '../rng'
import type { MicroBatch } from '../train/training-step'
import { EpochSampler, type SamplerState } from './epoch-sampler'
import { toMicroBatches } from './examples'
import type { Preparation } from './preparation'
import type { BatchRecipe } from './recipe'

/** The state of the data sampling after a batch, from which it can continue. Plain JSON. */
export interface DataState {
  sampler: SamplerState
  rng: RngState
}

export interface Batch {
  microBatches: MicroBatch<Uint8Array>[]
  /** The images' ids, in their order. */
  ids: string[]
  /** The state after this batch, for a checkpoint written after its step. */
  after: DataState
}

/** Batches queued behind the current one: one is ready while another is being prepared. */
const AHEAD = 2

export class Batches<Item extends { id: string }> {
  private readonly sampler: EpochSampler
  private readonly rng: Rng
  private readonly queue: Promise<Batch>[] = []
  private closed = false

  constructor(
    private readonly items: readonly Item[],
    private readonly config: BatchRecipe,
    private readonly microBatch: number,
    private readonly preparation: Preparation<Item>,
    state?: DataState,
    /** The places in a batch of the first image that is made here, and of the one after the last: see shareOf. By default all. */
    private readonly part: readonly [number, number] = [0, config.batch],
  ) {
    this.sampler = new EpochSampler(items.length, config.seed)
    this.rng = new Rng(config.seed, 0xda7a)
    if (state) {
      this.sampler.restore(state.sampler)
      this.rng.restore(state.rng)
    }
    this.state = this.now()
  }

  /** The state before the first batch. */
  readonly state: DataState

  /** Resolves to the next batch when it is ready, and starts preparing those after it. */
  next(): Promise<Batch> {
    while (this.queue.length <= AHEAD) this.queue.push(this.prepare())
    return this.queue.shift()!
  }

  /** Stops preparing further batches. */
  close(): void {
    this.closed = true
  }

  private now(): DataState {
    return { sampler: this.sampler.state(), rng: this.rng.state() }
  }

  private prepare(): Promise<Batch> {
    const { batch: length, synthetic } = this.config
    const samples = Array.from({ length }, () => ({
      // without synthetic scenes no number is drawn for them
      item: synthetic && this.rng.next() < synthetic ? null : this.items[this.sampler.next()],
      seed: this.rng.uint32(),
    }))
    const after = this.now()
    // who computes only a part of each batch draws all of it, so that a run has the same samples however it is divided
    const own = samples.slice(...this.part)
    // all queued batches are given to the preparation at once, which makes their images in this order: where threads do, none of
    // them waits for the last image of a batch
    const examples = Promise.all(own.map(({ item, seed }) => this.preparation.make(item, seed)))
    const batch = examples.then((made) => {
      if (this.closed) throw new Error('the batches are closed')
      return {
        microBatches: toMicroBatches(made, this.microBatch),
        ids: own.map(({ item, seed }) => item?.id ?? `synthetic ${seed}`),
        after,
      }
    })
    // the error is reported to the caller of next(); until then it must not end the process as an unhandled rejection
    batch.catch(() => {})
    return batch
  }
}
