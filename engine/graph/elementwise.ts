/** @file Records the kernels of shaders/pointwise.wgsl, four elements a lane where all sizes allow it. */
import pointwise from '../../shaders/pointwise.wgsl'
import pointwise4 from '../../shaders/pointwise4.wgsl'
import type { Recorder } from './dispatch'
import { grid1d } from './grid'
import type { Tensor } from './tensor'

export type ElementwiseSettings = Partial<Record<'accumulate' | 'activation' | 'repeat' | 'alpha' | 'beta', number>>

export function elementwise(
  g: Recorder,
  entry: string,
  tensors: Record<string, Tensor>,
  count: number,
  settings: ElementwiseSettings,
): void {
  const all = { count, accumulate: 0, activation: 0, repeat: count, alpha: 1, beta: 1, ...settings }
  if (count % 4 || all.repeat % 4) return g.dispatch(pointwise, entry, tensors, all, grid1d(count))
  const fours = { ...all, count: count / 4, repeat: all.repeat / 4 }
  g.dispatch(pointwise4, entry, tensors, fours, grid1d(fours.count))
}
