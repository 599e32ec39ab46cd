/** @file A recorded dispatch, and the interface through which operations record them. */
import type { Engine } from '../device/engine'
import type { Grid } from '../device/grid'
import type { Shader, UniformValues } from '../device/shader'
import type { Storage, StorageType, Tensor, TensorKind } from '../device/tensor'

export interface Dispatch {
  /** shader/entry */
  label: string
  shader: Shader
  entry: string
  /** Pipeline-overridable constants. */
  constants: Record<string, number>
  bindings: { binding: number; tensor: Tensor; writes: boolean }[]
  uniform: ArrayBuffer | null
  /** Workgroups along x, y and z. */
  groups: [number, number, number]
}

/** A recorded step, ready to be given memory and compiled. */
export interface Recording {
  dispatches: readonly Dispatch[]
  /** Storages that live through the whole step, because the host reads or writes them. */
  kept: ReadonlySet<Storage>
}

export interface Recorder {
  readonly engine: Engine
  /** What has been recorded so far. */
  readonly dispatches: readonly Dispatch[]
  tensor(label: string, shape: readonly number[], kind?: TensorKind, storage?: StorageType): Tensor
  dispatch(
    shader: Shader,
    entry: string,
    bindings: Record<string, Tensor | null>,
    params: UniformValues,
    grid: Grid,
    constants?: Record<string, number>,
  ): void
}
