/** @file What is recorded: dispatches, and what an operation needs of the graph to record them. */
import type { Engine } from '../device/engine'
import type { Shader, UniformValues } from '../device/shader'
import type { Storage, Tensor, TensorKind } from '../device/tensor'

export interface Dispatch {
  label: string
  shader: Shader
  entry: string
  constants: Record<string, number>
  bindings: { binding: number; tensor: Tensor; writes: boolean }[]
  uniform: ArrayBuffer | null
  groups: [number, number, number]
}

/** A recorded step, ready to be placed and compiled. */
export interface Recording {
  dispatches: readonly Dispatch[]
  /** Storages that live through the whole step: what the host reads or writes. */
  kept: ReadonlySet<Storage>
}

export interface Recorder {
  readonly engine: Engine
  tensor(label: string, shape: readonly number[], kind?: TensorKind): Tensor
  dispatch(
    shader: Shader,
    entry: string,
    bindings: Record<string, Tensor | null>,
    params: UniformValues,
    groups: readonly [number, number?, number?],
    constants?: Record<string, number>,
  ): void
}
