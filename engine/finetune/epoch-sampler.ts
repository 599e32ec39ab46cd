/** @file Samples the images of a training set: every image once per epoch, in a new random order each time. */
import { Rng, type RngState } from '../rng'

/** The state from which a sampler continues exactly; plain JSON. */
export interface SamplerState {
  epoch: number
  position: number
  order: number[]
  rng: RngState
}

/** An endless sequence of indices below `length`: each index once per epoch, each epoch in a new random order. */
export class EpochSampler {
  private order: number[]
  private position = 0
  private rng: Rng
  /** The epoch of the next index, from 0. */
  epoch = 0

  constructor(
    readonly length: number,
    seed: number,
  ) {
    if (!Number.isInteger(length) || length < 1) throw new Error(`a sampler needs at least one item, not ${length}`)
    this.rng = new Rng(seed, 0x5a3)
    this.order = this.shuffled()
  }

  private shuffled(): number[] {
    return this.rng.shuffle(Array.from({ length: this.length }, (_, i) => i))
  }

  /** The next index. */
  next(): number {
    const index = this.order[this.position++]
    if (this.position === this.length) {
      this.order = this.shuffled()
      this.position = 0
      this.epoch++
    }
    return index
  }

  /** The number of items left in this epoch. */
  get left(): number {
    return this.length - this.position
  }

  state(): SamplerState {
    return { epoch: this.epoch, position: this.position, order: [...this.order], rng: this.rng.state() }
  }

  /** Continues from a saved state. @throws Error if it is for another number of items, or damaged */
  restore({ epoch, position, order, rng }: SamplerState): this {
    if (order.length !== this.length)
      throw new Error(`the saved sampler is for ${order.length} training images, now there are ${this.length}`)
    const whole =
      new Set(order).size === this.length && order.every((i) => Number.isInteger(i) && i >= 0 && i < this.length)
    if (!whole || !(Number.isInteger(position) && position >= 0 && position < this.length) || !(epoch >= 0))
      throw new Error('the saved state of the sampler is damaged')
    this.rng.restore(rng)
    Object.assign(this, { epoch, position })
    this.order = [...order]
    return this
  }
}
