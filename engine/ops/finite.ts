/** @file Whether values are finite, and how large: one count and one sum of squares over any number of tensors. */
import shader from '../../shaders/finite.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Workgroups a tensor is spread over, at most; each lane then takes several elements. */
const MOST_GROUPS = 512
const ELEMENTS_A_GROUP = 256 * 16

/**
 * (2): how many values of all the tensors together are NaN or infinite, and the sum of the squares of the others (which
 * may itself overflow). The same bits on every run. No gradient.
 */
export function finiteCheck(g: Graph, tensors: readonly Tensor[]): Tensor {
  if (!tensors.length) throw new Error('finiteCheck: no tensor was given')
  const groups = tensors.map(({ size }) => Math.min(MOST_GROUPS, Math.ceil(size / ELEMENTS_A_GROUP)))
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
