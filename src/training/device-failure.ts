/** @file Explains a failure of the GPU device, or a training that diverged, to the user. */
import type { Engine } from '../../engine/device/engine'
import { GpuOutOfMemoryError } from '../../engine/device/gpu-errors'
import { DivergedError } from '../../engine/finetune/divergence-guard'
import { messageOf, systemProblem, UserError } from '../host/errors'

const MEMORY_ADVICE =
  'Set --memory to what is free on the GPU (7GiB on a card with 8, for example): the run is then planned to need no more.'

/**
 * Returns the device's failure as a UserError with `advice` added, if the device has failed; any other error unchanged.
 * A lost device makes unrelated calls fail first, so that the error caught is rarely the cause.
 */
export function explainDeviceFailure(error: unknown, engine: Pick<Engine, 'check'>, advice: string): unknown {
  try {
    engine.check()
    return error
  } catch (failure) {
    const memory = failure instanceof GpuOutOfMemoryError ? MEMORY_ADVICE : ''
    return new UserError([messageOf(failure), memory, advice].filter(Boolean).join('\n'))
  }
}

const DIVERGENCE_ADVICE = 'A lower --lr, a longer --warmup or a smaller --max-norm may help.'

/** A training that diverged as a UserError that says what may help, with `advice` added; any other error unchanged. */
export const explainDivergence = (error: unknown, advice: string): unknown =>
  error instanceof DivergedError ? new UserError(`${error.message}. ${DIVERGENCE_ADVICE}\n${advice}`) : error

/** An error that ends a job of several ranks, with `advice` added unless it has that already. */
export function addAdvice(error: unknown, advice: string): UserError {
  const text = error instanceof UserError ? error.message : (systemProblem(error) ?? messageOf(error))
  return new UserError(text.includes(advice) ? text : `${text}\n${advice}`)
}
