/**
 * @file Powers of two that fit the operands of a matrix product into the range of f16. They are found on the GPU, each time
 * the product is computed: one pass over an operand finds the largest magnitude, once for all products that read the same
 * values (an activation is read forward and for gradients), and a tiny one turns those of a product into its factors.
 */
import shader from '../../shaders/operand-scale.wgsl'
import type { Engine } from '../device/engine'
import type { Storage, Tensor } from '../device/tensor'
import type { Recorder } from '../graph/dispatch'

/** Elements of a tensor: `rows` x `columns` matrices of several heads and batches. Distances and the start are in elements. */
export interface Region {
  rows: number
  columns: number
  /** From row to row. */
  stride: number
  start: number
  heads: number
  head: number
  batches: number
  batch: number
}

/** All of a tensor. */
export const wholeOf = ({ size, columns }: Tensor): Region => ({
  rows: size / columns,
  columns,
  stride: columns,
  start: 0,
  batches: 1,
  batch: 0,
  heads: 1,
  head: 0,
})

/** Workgroups of a pass over an operand; few on a software adapter, which has few cores, and where lanes cost much. */
export const passWorkgroups = ({ software }: Engine): number => (software ? 16 : 256)

/** The results of passes that were recorded, by the operand's memory and region. */
const known = new WeakMap<Recorder, Map<Storage, Map<string, Tensor>>>()

const resultsFor = (g: Recorder, operand: Tensor): Map<string, Tensor> => {
  const passes = known.get(g) ?? new Map<Storage, Map<string, Tensor>>()
  known.set(g, passes)
  const ofOperand = passes.get(operand.storage) ?? new Map<string, Tensor>()
  passes.set(operand.storage, ofOperand)
  return ofOperand
}

/** Names a part of an operand's memory: all of it, however it is seen, has one name. */
const keyOf = ({ elementOffset, size }: Tensor, region: Region): string => {
  const { rows, columns, stride, start, heads, batches } = region
  const whole = stride === columns && !start && heads * batches === 1 && rows * columns === size
  return whole ? `${elementOffset} ${size}` : JSON.stringify([elementOffset, Object.values(region)])
}

/** True if products are computed on matrix units, so that it pays to note the magnitudes of what they read. */
export const usesScales = ({ matrixUnits, variants }: Engine): boolean =>
  matrixUnits !== null && Object.values(variants.matmul).some((variant) => variant.startsWith('matrix'))

/** Notes that the kernel which was recorded last stores the largest magnitudes of all of a tensor, so that no product needs to look. */
export function noteLargest(g: Recorder, operand: Tensor, largest: Tensor): void {
  resultsFor(g, operand).set(`${operand.elementOffset} ${operand.size}`, largest)
}

/** Records a pass that finds the largest magnitudes in ranges of an operand, unless they are known and still hold. */
export function largestOf(g: Recorder, operand: Tensor, region: Region): Tensor {
  const ofOperand = resultsFor(g, operand)
  const key = keyOf(operand, region)
  const before = ofOperand.get(key)
  if (before && stillHolds(g, before, operand)) return before
  // a word from each workgroup
  const words = passWorkgroups(g.engine)
  const largest = g.tensor(`${operand.label}: largest`, [words], 'statistic')
  g.dispatch(shader, 'find_largest', { x: operand, largest }, { ...region, ...NO_SCALES }, [words])
  ofOperand.set(key, largest)
  return largest
}

/** True if the pass that wrote `largest` is still recorded (unused ones are removed) and nothing has written the operand since. */
function stillHolds({ dispatches }: Recorder, largest: Tensor, operand: Tensor): boolean {
  for (let i = dispatches.length - 1; i >= 0; i--) {
    const written = dispatches[i].bindings.filter(({ writes }) => writes).map(({ tensor }) => tensor.storage)
    if (written.includes(largest.storage)) return true
    if (written.includes(operand.storage)) return false
  }
  return false
}

const NO_SCALES = { lora: 0, alpha: 1, ext_scale: 0, words_a: 0, words_b: 0, words_left: 0, words_right: 0 }
const NO_REGION = { rows: 0, columns: 0, stride: 0, start: 0, heads: 1, head: 0, batches: 1, batch: 0 }

interface ProductOperands {
  a: Tensor
  b: Tensor
  left: Tensor | null
  right: Tensor | null
}

/**
 * Records the factors of a product whose operands have these largest magnitudes, for an alpha, a scale of the LoRA term and a
 * bias: eight factors, then the bias. See operand-scale.wgsl.
 */
export function scalesOf(
  g: Recorder,
  { a, b, left, right }: ProductOperands,
  alpha: number,
  extScale: number,
  bias: Tensor | null,
): Tensor {
  const columns = bias?.size ?? 0
  const scales = g.tensor('factors of the operands', [8 + columns], 'statistic')
  g.dispatch(
    shader,
    'find_scales',
    { largest_a: a, largest_b: b, largest_left: left ?? a, largest_right: right ?? b, bias_values: bias, scales },
    {
      ...NO_REGION,
      columns,
      lora: left && right ? 1 : 0,
      alpha,
      ext_scale: extScale,
      words_a: a.size,
      words_b: b.size,
      words_left: left?.size ?? 0,
      words_right: right?.size ?? 0,
    },
    [1],
  )
  return scales
}
