/**
 * @file Looks for NaN and infinite values in tensors of a recorded program where they enter it and where they would show, and tells
 * where the first one was. Looking only at results would be too late: GPU drivers assume that there is no NaN, and min, max and
 * select may turn one into a number that looks right.
 */
import type { Engine } from '../device/engine'
import type { Tensor } from '../device/tensor'
import type { Graph } from '../graph/graph'
import { type FirstFound, FOUND_SIZE, MAX_GROUPS, groupsFor, inspect } from './finite'
import { fill } from './pointwise'

export interface Inspected {
  /** input: from the host; activation: computed. */
  kind: 'input' | 'activation'
  /** For people, for example "pixels of image 3 of the batch". */
  where: string
}

interface Source {
  kind: Inspected['kind']
  where: (index: number, microBatch: number) => string
}

/** The inspected tensors of one or more programs. Nothing is read back: what was found is added up in a tensor. */
export class FiniteGuard {
  private readonly parts: Tensor
  private readonly sources: Source[] = []
  private used = 0

  /** @param most tensors that will be inspected */
  constructor(
    private readonly engine: Engine,
    private readonly most: number,
  ) {
    this.parts = engine.persistent('optimizer', 'values that are not finite', [most * MAX_GROUPS, FOUND_SIZE])
  }

  /** What was found since it was last cleared, see `foundTotal`; null if no tensor was recorded until now. */
  get found(): Tensor | null {
    return this.used ? this.parts.slice(0, this.used) : null
  }

  /** Records forgetting what was found. */
  clear(g: Graph): void {
    fill(g, this.parts, 0)
  }

  /** Forgets what was found, before the next program runs. */
  clearNow(): void {
    this.engine.write(this.parts, new Float32Array(this.parts.size))
  }

  /**
   * Records looking at a tensor that has the same number of elements for each of `count` images or prompts.
   * @param microBatch (1, u32): the place of the micro-batch in the step
   * @param what names images or prompts without their number in the batch
   * @param part where these are a part of those of a micro-batch: the number of the first, and of all
   */
  inspect(
    g: Graph,
    x: Tensor,
    microBatch: Tensor,
    kind: Inspected['kind'],
    count: number,
    what: string,
    { first, all } = { first: 0, all: count },
  ): void {
    if (this.sources.length === this.most) throw new Error(`${x.label}: only ${this.most} tensors were to be inspected`)
    inspect(g, x, { parts: this.parts, first: this.used, source: this.sources.length, microBatch })
    this.used += groupsFor(x)
    const where = (index: number, before: number) =>
      `${what} ${before * all + first + Math.floor(index / (x.size / count)) + 1} of the batch`
    this.sources.push({ kind, where })
  }

  /** The inspected tensor of what was found, and the place in it. */
  inspected({ source, index, microBatch }: FirstFound & { kind: 'inspected' }): Inspected {
    const { kind, where } = this.sources[source]
    return { kind, where: where(index, microBatch) }
  }

  release(): void {
    this.engine.release(this.parts)
  }

  /** Bytes of GPU memory. */
  get bytes(): number {
    return this.parts.storage.bytes
  }
}
