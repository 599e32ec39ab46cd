/**
 * @file Looks for NaN and infinite values in a training step where they enter it and where they would show, so that the step is
 * skipped and says where they came from. Looking only at gradients would be too late: GPU drivers assume that there is no NaN, and
 * min, max and select may turn one into a number that looks right.
 */
import type { Engine } from '../device/engine'
import type { Tensor } from '../device/tensor'
import type { Graph } from '../graph/graph'
import { FOUND_SIZE, MAX_GROUPS, MAX_SOURCES, groupsFor, inspect } from '../ops/finite'
import { fill } from '../ops/pointwise'
import type { OptimizerReport } from './adam'
import type { ParameterSet } from './parameters'

/** Where the first value of a step that is not finite was found. */
export interface NonFiniteOrigin {
  /** norm: all gradients are finite but the sum of their squares is not. */
  kind: 'parameter' | 'input' | 'activation' | 'loss' | 'gradient' | 'norm'
  /** For people, as the subject of "… are not finite numbers", for example "pixels of image 3 of the batch". */
  where: string
}

interface Source {
  kind: 'input' | 'activation'
  where: (index: number, microBatch: number) => string
}

/** The inspected tensors of a training step. Nothing is read back: the optimiser decides on the GPU, and its report says why. */
export class FiniteGuard {
  private readonly parts: Tensor
  private readonly sources: Source[] = []
  private used = 0

  constructor(private readonly engine: Engine) {
    this.parts = engine.persistent('optimizer', 'values that are not finite', [MAX_SOURCES * MAX_GROUPS, FOUND_SIZE])
  }

  /** What was found in the micro-batches of a step, for recordOptimizerStep, once all tensors are recorded. */
  get found(): Tensor | null {
    return this.used ? this.parts.slice(0, this.used) : null
  }

  /** Records forgetting what was found; a step starts with it. */
  clear(g: Graph): void {
    fill(g, this.parts, 0)
  }

  /**
   * Records looking at a tensor of a micro-batch.
   * @param microBatch (1, u32): the place of the micro-batch in the step
   * @param where names the element `index` of the tensor in that micro-batch, see NonFiniteOrigin
   */
  inspect(g: Graph, x: Tensor, microBatch: Tensor, kind: Source['kind'], where: Source['where']): void {
    if (this.sources.length === MAX_SOURCES)
      throw new Error(`${x.label}: a step inspects at most ${MAX_SOURCES} tensors`)
    inspect(g, x, { parts: this.parts, first: this.used, source: this.sources.length, microBatch })
    this.used += groupsFor(x)
    this.sources.push({ kind, where })
  }

  /** Where a step's first value that is not finite was; null if the update was not skipped. */
  origin({ first, skipped }: OptimizerReport, parameters: ParameterSet): NonFiniteOrigin | null {
    if (!skipped) return null
    if (!first) return { kind: 'norm', where: 'the norm of the gradient and its square' }
    if (first.kind === 'inspected') {
      const { kind, where } = this.sources[first.source]
      return { kind, where: where(first.index, first.microBatch) }
    }
    if (first.kind === 'loss') return { kind: 'loss', where: 'the loss' }
    const name = parameters.nameAt(first.index)
    return first.kind === 'value'
      ? { kind: 'parameter', where: `values of the parameter ${name}` }
      : { kind: 'gradient', where: `the gradient of ${name}` }
  }

  release(): void {
    this.engine.release(this.parts)
  }
}
