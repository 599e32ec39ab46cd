/** @file Records the elementwise kernels of shaders/pointwise.wgsl, in vec4 if all sizes are multiples of 4. */
import pointwise from '../../shaders/pointwise.wgsl'
import pointwise4 from '../../shaders/pointwise4.wgsl'
import type { Recorder } from './dispatch'
import { elementwiseGrid } from './lane-rounds'
import type { Tensor } from '../device/tensor'

export type ElementwiseSettings = Partial<Record<'accumulate' | 'activation' | 'repeat' | 'alpha' | 'beta', number>>

/** Records one kernel over `count` elements of f32; `repeat` is the size of the operand `b` if it is repeated. */
export function elementwise(
  g: Recorder,
  entry: string,
  tensors: Record<string, Tensor>,
  count: number,
  { accumulate = 0, activation, repeat = count, alpha = 1, beta = 1 }: ElementwiseSettings,
): void {
  const width = count % 4 || repeat % 4 ? 1 : 4
  const vectors = count / width
  const { rounds, grid } = elementwiseGrid(g.engine, vectors)
  const params = { count: vectors, rounds, repeat: repeat / width, alpha, beta }
  // constants that an entry does not use, or that have the default value, are omitted: each set compiles its own pipeline
  const constants = { ...(accumulate && { accumulate }), ...(activation && { activation }) }
  const shader = width === 4 ? pointwise4 : pointwise
  g.dispatch(shader, entry, tensors, params, grid, constants)
}
