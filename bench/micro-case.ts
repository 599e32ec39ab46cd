/** @file What a benchmark of one operation is: a graph to record, and how much work it is said to be. */
import type { Engine } from '../engine/device/engine'
import { Graph } from '../engine/graph/graph'
import { type Tensor, sizeOf } from '../engine/device/tensor'
import { Rng } from '../engine/rng'

/** The least an operation must do: its products and sums, and each operand moved once. */
export interface Work {
  flops: number
  bytes: number
}

export interface Recorded {
  /** What the backward begins from; null where there is none. */
  output: Tensor | null
  forward: Work
  backward?: Work
}

export interface MicroCase {
  /** The operation and its shape; with the direction it names a row for ever. */
  name: string
  /** Part of the small set for slow adapters. */
  quick: boolean
  record(bench: Workbench): Recorded
}

/** Bytes of so many f32. */
export const floats = (...counts: number[]): number => 4 * counts.reduce((sum, n) => sum + n, 0)

/** Random values that are repeated from here on: drawing a large tensor whole would take longer than its kernel. */
const DRAWN = 1 << 16

/** `size` values of a uniform distribution on ±scale, the same for the same seed. */
export function noise(size: number, scale = 1, seed = 1): Float32Array {
  const rng = new Rng(seed)
  const out = new Float32Array(size)
  const drawn = Math.min(size, DRAWN)
  for (let i = 0; i < drawn; i++) out[i] = rng.range(-scale, scale)
  for (let at = drawn; at < size; at += drawn) out.set(out.subarray(0, Math.min(drawn, size - at)), at)
  return out
}

/** A graph under measurement and the memory that its operands take. */
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

  /** An operand of random values that wants no gradient. */
  operand(label: string, ...shape: number[]): Tensor {
    return this.given(label, shape, noise(sizeOf(shape), 0.5, shape.length + sizeOf(shape)))
  }

  /** An operand that wants a gradient. */
  variable(label: string, ...shape: number[]): Tensor {
    const tensor = this.operand(label, ...shape)
    tensor.requiresGrad = true
    return tensor
  }

  given(label: string, shape: readonly number[], data: ArrayBufferView): Tensor {
    const tensor = this.engine.persistent('input', label, shape, data)
    this.owns(() => this.engine.release(tensor))
    return tensor
  }

  /** What an input of the graph holds while it is timed: written by `fill`, once the graph has memory. */
  writes(input: Tensor, data: ArrayBufferView): void {
    this.written.push([input, data])
  }

  fill(): void {
    for (const [tensor, data] of this.written) this.engine.write(tensor, data)
  }

  /** What is to be freed with the rest. */
  owns(free: () => void): void {
    this.owned.push(free)
  }

  release(): void {
    for (const free of this.owned.splice(0)) free()
  }
}
