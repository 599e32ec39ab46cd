/** @file Records the kernels of shaders/pointwise.wgsl, four elements at a time where all sizes allow it. */
import pointwise from '../../shaders/pointwise.wgsl'
import pointwise4 from '../../shaders/pointwise4.wgsl'
import type { Recorder } from './dispatch'
import { runsOf } from './lane-rounds'
import type { Tensor } from '../device/tensor'

export type ElementwiseSettings = Partial<Record<'accumulate' | 'activation' | 'repeat' | 'alpha' | 'beta', number>>

export function elementwise(
  g: Recorder,
  entry: string,
  tensors: Record<string, Tensor>,
  count: number,
  { accumulate = 0, activation, repeat = count, alpha = 1, beta = 1 }: ElementwiseSettings,
): void {
  const width = count % 4 || repeat % 4 ? 1 : 4
  const items = count / width
  const { rounds, grid } = runsOf(g.engine, items)
  const params = { count: items, rounds, repeat: repeat / width, alpha, beta }
  // only what an entry uses and what is not the default: each set of constants is a pipeline of its own
  const constants = { ...(accumulate && { accumulate }), ...(activation && { activation }) }
  const shader = width === 4 ? pointwise4 : pointwise
  g.dispatch(shader, entry, tensors, params, grid, constants)
}
