/** @file Ends a run whose numbers are no longer numbers, or whose device has failed, and says how to go on. */
import type { StepReport } from '../../engine/train/step'
import { UserError } from '../errors'
import type { RunFolder } from './run-folder'

/** Updates in a row left out for gradients that are not finite, after which a run ends. */
const MOST_SKIPPED = 5

export class Guard {
  /** Updates left out in a row until now. */
  skipped = 0
  /** The step of the last checkpoint; below 0 where there is none. */
  saved = -1

  constructor(private readonly folder: RunFolder) {}

  restore({ skipped, step }: { skipped: number; step: number }): void {
    this.skipped = skipped
    this.saved = step
  }

  /** Runs a step. @throws UserError where the device fails, the loss is not finite, or too many updates were left out */
  async watch(step: number, run: () => Promise<StepReport>): Promise<StepReport> {
    let report: StepReport
    try {
      report = await run()
    } catch (error) {
      throw new UserError(`the GPU failed at step ${step}: ${(error as Error).message}\n${this.wayOn()}`)
    }
    const remedy = 'A lower --lr, a longer --warmup or a smaller --max-norm may help.'
    if (!Number.isFinite(report.loss))
      throw new UserError(`the loss of step ${step} is ${report.loss}. ${remedy}\n${this.wayOn()}`)
    this.skipped = report.skipped ? this.skipped + 1 : 0
    if (this.skipped >= MOST_SKIPPED)
      throw new UserError(
        `the gradients of ${MOST_SKIPPED} steps in a row, up to step ${step}, are not finite. ${remedy}\n${this.wayOn()}`,
      )
    return report
  }

  private wayOn(): string {
    const { root, last } = this.folder
    if (this.saved < 0) return 'No checkpoint has been written.'
    return `The checkpoint of step ${this.saved} in ${last} is good: \`wgsam train --resume ${root}\` goes on from it.`
  }
}
