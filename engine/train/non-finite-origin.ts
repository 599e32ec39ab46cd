/** @file Where the first value of a training step that is not finite was found. */
import type { FiniteGuard } from '../ops/finite-guard'
import type { OptimizerReport } from './adam'
import type { ParameterSet } from './parameters'

export interface NonFiniteOrigin {
  /** norm: all gradients are finite but the sum of their squares is not. */
  kind: 'parameter' | 'input' | 'activation' | 'loss' | 'gradient' | 'norm'
  /** For people, as the subject of "… are not finite numbers", for example "pixels of image 3 of the batch". */
  where: string
}

/** The origin in a step with these parameters and inspected tensors; null if its update was not skipped. */
export function nonFiniteOrigin(
  { first, skipped }: OptimizerReport,
  guard: FiniteGuard,
  parameters: ParameterSet,
): NonFiniteOrigin | null {
  if (!skipped) return null
  if (!first) return { kind: 'norm', where: 'the norm of the gradient and its square' }
  if (first.kind === 'inspected') return guard.inspected(first)
  if (first.kind === 'loss') return { kind: 'loss', where: 'the loss' }
  const name = parameters.nameAt(first.index)
  return first.kind === 'value'
    ? { kind: 'parameter', where: `values of the parameter ${name}` }
    : { kind: 'gradient', where: `the gradient of ${name}` }
}
