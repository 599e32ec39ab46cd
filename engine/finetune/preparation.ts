/**
 * @file Preparation of examples. An example depends only on its image and its seed, so that a run's result does not depend on where, or
 * in how many threads, examples are made.
 */
import type { SizeRange } from '../augment/auto-magnification'
import type { Sample } from '../image/sample'
import { Rng } from '../rng'
import { type Example, makeExample } from './examples'
import type { ExampleRecipe } from './recipe'

export interface Preparation<Item> {
  /** The example of an image, or of a synthetic scene if it is null. */
  make(item: Item | null, seed: number): Promise<Example>
  close(): Promise<void>
}

/** Makes one example after the other in this thread, yielding to the event loop in between so that GPU promises can settle. */
export class InThread<Item> implements Preparation<Item> {
  private last: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(
    private readonly recipe: ExampleRecipe,
    /** The usual particle sizes of the training images: see variantOf. */
    private readonly sizes: SizeRange | null,
    /** The pixels and labels of an item; of a synthetic scene of this seed if it is null. */
    private readonly load: (item: Item | null, seed: number) => Promise<Sample>,
  ) {}

  make(item: Item | null, seed: number): Promise<Example> {
    const example = this.last.then(async () => {
      if (this.closed) throw new Error('the preparation of examples is closed')
      // the particles of a synthetic scene have other sizes
      const made = makeExample(await this.load(item, seed), new Rng(seed), this.recipe, item && this.sizes)
      await new Promise<void>((resolve) => setTimeout(resolve))
      return made
    })
    this.last = example.catch(() => {})
    return example
  }

  async close(): Promise<void> {
    this.closed = true
  }
}
