/** @file Counts non-finite values and sums the squares of the finite ones, over any number of tensors. */
import shader from '../../shaders/finite.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Maximum workgroups for one tensor; for larger tensors each lane processes more elements. */
const MAX_GROUPS = 512
const ELEMENTS_A_GROUP = 256 * 16

/**
 * (2): the number of NaN or infinite values in all tensors together, and the sum of squares of the others (which may itself
 * overflow). Repeatable to the bit. Not differentiable.
 */
export function finiteCheck(g: Graph, tensors: readonly Tensor[]): Tensor {
  if (!tensors.length) throw new Error('finiteCheck: no tensor was given')
  const groups = tensors.map(({ size }) => Math.min(MAX_GROUPS, Math.ceil(size / ELEMENTS_A_GROUP)))
  const count = groups.reduce((a, b) => a + b, 0)
  const parts = g.tensor('finite: partial sums', [count, 2], 'statistic')
  let first = 0
  tensors.forEach((bits, i) => {
    g.dispatch(shader, 'partials', { bits, sums: parts }, { count: bits.size, first }, [groups[i]])
    first += groups[i]
  })
  const sums = g.tensor('finite: non-finite values, sum of squares', [2])
  g.dispatch(shader, 'totals', { parts, sums }, { count, first: 0 }, [1])
  return sums
}
