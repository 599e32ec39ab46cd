/**
 * @file Precision `high` without matrix units: operands are rounded as those units read them, and f32 kernels multiply them. It is
 * slower than f32, and shows on any adapter what the rounding does to results (`wgsam bench --precisions`).
 */
import shader from '../../shaders/operand-round.wgsl'
import type { Tensor } from '../device/tensor'
import type { Recorder } from '../graph/dispatch'
import { alignedThroughout, multiplesOf4 } from './gemm-dispatch'
import { operandRegions } from './gemm-matrix'
import type { Gemm, LoraTerm } from './gemm-types'
import { largestOf, passWorkgroups, type Region, wholeOf } from './operand-scale'

/**
 * A copy of an operand, rounded to f16 times the power of two that suits its largest magnitude in `region`; the operand itself where
 * variants.roundOperands is not set. The size must be a multiple of 4.
 */
export function roundedOperand(g: Recorder, operand: Tensor, region: Region = wholeOf(operand)): Tensor {
  if (!g.engine.variants.roundOperands) return operand
  const largest = largestOf(g, operand, region)
  const rounded = g.tensor(`${operand.label}: rounded`, operand.shape)
  const quads = operand.size / 4
  const grid = [Math.min(passWorkgroups(g.engine), Math.ceil(quads / 64))] as const
  g.dispatch(shader, 'round_operand', { x: operand, largest, rounded }, { quads, words: largest.size }, grid)
  return rounded
}

/** The product of the rounded operands. Matrix units need rows of multiples of 4, so other products stay as they are. */
export function withRoundedOperands(g: Recorder, o: Gemm): Gemm {
  const { a, b, lora } = o
  const tensors = [a.tensor, b.tensor, ...(lora ? [lora.left, lora.right] : [])]
  if (!multiplesOf4([...alignedThroughout(o), ...tensors.map(({ size }) => size)])) return o
  const regions = operandRegions(o)
  const term: LoraTerm | null | undefined = lora && {
    ...lora,
    left: roundedOperand(g, lora.left),
    right: roundedOperand(g, lora.right),
  }
  return {
    ...o,
    a: { ...a, tensor: roundedOperand(g, a.tensor, regions.a) },
    b: { ...b, tensor: roundedOperand(g, b.tensor, regions.b) },
    lora: term,
  }
}
