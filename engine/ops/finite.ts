/**
 * @file Looks for values that are not finite, by their bits: a shader compiler may assume that there is no NaN, so what a kernel
 * computes from one may look finite. Sums the squares of gradients in the same pass.
 */
import shader from '../../shaders/finite.wgsl'
import type { Graph } from '../graph/graph'
import type { Tensor } from '../device/tensor'

/** Maximum workgroups for one tensor; for larger tensors each lane processes more elements. */
export const MAX_GROUPS = 512
const ELEMENTS_A_GROUP = 256 * 16

/** The first value that is not finite, in the order in which a step computes: parameters, inspected tensors, losses, gradients. */
export type FirstFound =
  | { kind: 'inspected'; microBatch: number; source: number; index: number }
  | { kind: 'value' | 'loss' | 'gradient'; index: number }

/** Sources of a micro-batch, at most; as in the shader. */
const MAX_SOURCES = 256
const [KEY_VALUES, KEY_INSPECTED, KEY_LOSSES, KEY_GRADIENTS] = [1, 2, 0xfffffffe, 0xffffffff]

/** Decodes the key and the index of the first non-finite value; null if there is none. */
export function firstFound(key: number, index: number): FirstFound | null {
  if (!key) return null
  if (key === KEY_VALUES) return { kind: 'value', index }
  if (key === KEY_LOSSES) return { kind: 'loss', index }
  if (key === KEY_GRADIENTS) return { kind: 'gradient', index }
  const place = key - KEY_INSPECTED
  return { kind: 'inspected', microBatch: Math.floor(place / MAX_SOURCES), source: place % MAX_SOURCES, index }
}

/** Elements of what the shaders found: the sum of squares, the number of non-finite values, and the key and index of the first. */
export const FOUND_SIZE = 4

/** The number of workgroups that look at a tensor, and of parts that `inspect` needs for it. */
export const groupsFor = ({ size }: Tensor): number => Math.min(MAX_GROUPS, Math.ceil(size / ELEMENTS_A_GROUP))
const noParams = { count: 0, first: 0, parts_count: 0, offset: 0, source: 0 }

/**
 * Adds the non-finite values of `x` to the parts (any number, FOUND_SIZE) from `first` on. The parts must have been zero before
 * the step's first micro-batch. `microBatch` (1, u32) is the place of the micro-batch in the step.
 * @param source which tensor it is, below MAX_SOURCES; of several with non-finite values the lowest counts as the first
 */
export function inspect(
  g: Graph,
  x: Tensor,
  { parts, first, source, microBatch }: { parts: Tensor; first: number; source: number; microBatch: Tensor },
): void {
  const bindings = { words: x.size < 4 ? null : x, rest: x, micro_batch: microBatch, found: parts }
  g.dispatch(shader, 'inspect', bindings, { ...noParams, count: x.size, first, source }, [groupsFor(x)])
}

/**
 * (FOUND_SIZE): what is not finite in gradients, in the values of their parameters and in the inspected tensors, and the sum of
 * squares of the gradients. Repeatable to the bit. Not differentiable.
 * @param chunks of a multiple of 4 elements
 * @param parts of `inspect`
 */
export function finiteCheck(
  g: Graph,
  chunks: readonly { gradients: Tensor; values: Tensor }[],
  parts: Tensor | null = null,
): Tensor {
  if (!chunks.length) throw new Error('finiteCheck: no tensor was given')
  const groups = chunks.map(({ gradients }) => groupsFor(gradients))
  const count = groups.reduce((a, b) => a + b, 0)
  const sums = g.tensor('finite: partial sums', [count, FOUND_SIZE], 'statistic')
  let [first, offset] = [0, 0]
  chunks.forEach(({ gradients: words, values }, i) => {
    if (words.size % 4 || words.size !== values.size)
      throw new Error(`finiteCheck: ${words.size} gradients of ${values.size} values: a multiple of 4, and alike`)
    g.dispatch(shader, 'gradients', { words, values, found: sums }, { ...noParams, count: words.size, first, offset }, [
      groups[i],
    ])
    first += groups[i]
    offset += words.size
  })
  return totals(g, sums, parts)
}

/** (FOUND_SIZE): the sum of the parts of `inspect`, see `decodeFound`. */
export const foundTotal = (g: Graph, parts: Tensor): Tensor => totals(g, null, parts)

function totals(g: Graph, sums: Tensor | null, parts: Tensor | null): Tensor {
  const total = g.tensor('finite: what was found', [FOUND_SIZE], 'statistic')
  const count = (x: Tensor | null) => (x ? x.size / FOUND_SIZE : 0)
  const params = { ...noParams, count: count(sums), parts_count: count(parts) }
  g.dispatch(shader, 'totals', { parts_in: parts, sums, found: total }, params, [1])
  return total
}

/** Decodes the tensors of `finiteCheck` and `foundTotal`: the number of non-finite values, and the first. */
export function decodeFound({ buffer, byteOffset }: Float32Array): { count: number; first: FirstFound | null } {
  const [, count, key, index] = new Uint32Array(buffer, byteOffset, FOUND_SIZE)
  return { count, first: firstFound(key, index) }
}
