/** @file Benchmark cases of single operations: how to record one as a graph, and its amount of work. */
import type { Engine } from '../engine/device/engine'
import { Graph } from '../engine/graph/graph'
import type { Precision } from '../engine/device/precision'
import { type Tensor, sizeOf } from '../engine/device/tensor'
import { Rng } from '../engine/rng'

/** The minimum work of an operation: its multiplications and additions, and each operand read or written once. */
export interface Work {
  flops: number
  bytes: number
}

export interface RecordedCase {
  /** The tensor from which the backward pass starts; null if there is no backward pass. */
  output: Tensor | null
  forward: Work
  backward?: Work
}

export interface MicroCase {
  /** The operation and its shape. With the direction it identifies a row in result files, so it must not change. */
  name: string
  /** Part of the small set for slow adapters. */
  quick: boolean
  /** The precision to measure; by default that of the engine. */
  precision?: Precision
  record(bench: Workbench): RecordedCase
}

/** The bytes of f32 arrays with the given numbers of elements. */
export const floats = (...counts: number[]): number => 4 * counts.reduce((sum, n) => sum + n, 0)

/** Random values repeat with this period: generating all values of a large tensor would take longer than its kernel. */
const PERIOD = 1 << 16

/** `size` values, uniformly distributed on ±scale; the same seed gives the same values. */
export function noise(size: number, scale = 1, seed = 1): Float32Array {
  const rng = new Rng(seed)
  const out = new Float32Array(size)
  const period = Math.min(size, PERIOD)
  for (let i = 0; i < period; i++) out[i] = rng.range(-scale, scale)
  for (let at = period; at < size; at += period) out.set(out.subarray(0, Math.min(period, size - at)), at)
  return out
}

/** A graph to measure, and the memory of its operands. */
export class Workbench {
  readonly g: Graph
  private readonly owned: (() => void)[] = []
  private readonly written: [Tensor, ArrayBufferView][] = []

  constructor(
    readonly engine: Engine,
    training = true,
  ) {
    this.g = new Graph(engine, training)
  }

  /** A tensor of random values that needs no gradient. */
  operand(label: string, ...shape: number[]): Tensor {
    return this.tensor(label, shape, noise(sizeOf(shape), 0.5, shape.length + sizeOf(shape)))
  }

  /** A tensor of random values that needs a gradient. */
  variable(label: string, ...shape: number[]): Tensor {
    const tensor = this.operand(label, ...shape)
    tensor.requiresGrad = true
    return tensor
  }

  /** A tensor with the given values. */
  tensor(label: string, shape: readonly number[], data: ArrayBufferView): Tensor {
    const tensor = this.engine.persistent('input', label, shape, data)
    this.owns(() => this.engine.release(tensor))
    return tensor
  }

  /** Sets the values of an input of the graph. They are written by `fill`, when the graph has been compiled. */
  writes(input: Tensor, data: ArrayBufferView): void {
    this.written.push([input, data])
  }

  fill(): void {
    for (const [tensor, data] of this.written) this.engine.write(tensor, data)
  }

  /** Registers a function that `release` calls. */
  owns(free: () => void): void {
    this.owned.push(free)
  }

  release(): void {
    for (const free of this.owned.splice(0)) free()
  }
}
