/** @file Ends a run whose parameters, loss or gradients are no longer finite. */
import type { StepReport } from '../train/training-step'

/** A run ends after this many consecutive updates were skipped because something was not finite. */
const MAX_SKIPPED = 5

/**
 * A training whose numbers are no longer finite. The message says which, and at which step.
 * @example
 * try {
 *   await train(model, samples, { optimizer: { learningRate: 0.1 } })
 * } catch (error) {
 *   if (!(error instanceof DivergedError)) throw error
 *   showNote(error.message)
 * }
 */
export class DivergedError extends Error {
  override name = 'DivergedError'
}

export class DivergenceGuard {
  /** `skipped` is the number of consecutive updates skipped so far. */
  constructor(private skipped = 0) {}

  /**
   * Checks the numbers of a step.
   * @returns the number of consecutive updates skipped, this one included
   * @throws DivergedError if the parameters or the loss are not finite, or too many consecutive updates were skipped
   */
  check(step: number, { loss, skipped, origin }: StepReport): number {
    // every later step would find the same, whatever the loss looks like
    if (origin?.kind === 'parameter') throw new DivergedError(`step ${step}: ${origin.where} are not finite numbers`)
    const from = origin && origin.kind !== 'loss' ? `, and before it ${origin.where}` : ''
    if (!Number.isFinite(loss)) throw new DivergedError(`the loss of step ${step} is ${loss}${from}`)
    this.skipped = skipped ? this.skipped + 1 : 0
    if (this.skipped >= MAX_SKIPPED)
      throw new DivergedError(
        `the numbers of ${MAX_SKIPPED} steps in a row, up to step ${step}, are not finite, in the last ${origin?.where}`,
      )
    return this.skipped
  }
}
