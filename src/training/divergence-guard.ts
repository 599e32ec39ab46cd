/** @file Ends a run whose numbers are no longer numbers, or whose device has failed, and says how to go on. */
import { type Engine, OUT_OF_MEMORY } from '../../engine/device/engine'
import type { StepReport } from '../../engine/train/training-step'
import { UserError } from '../host/errors'
import type { RunFolder } from './run-folder'

/** Updates in a row left out for gradients that are not finite, after which a run ends. */
const MOST_SKIPPED = 5
const MEMORY_ADVICE =
  'Give --memory with what is free on it (7GiB of a card’s 8, say): the run is then planned to take no more.'

/** The device's failure, where it has one, with `more` for people; any other error as it is. */
export function explainDevice(error: unknown, engine: Pick<Engine, 'check'>, more: string): unknown {
  try {
    engine.check()
    return error
  } catch (failure) {
    const { message } = failure as Error
    const lines = [message, ...(message.startsWith(OUT_OF_MEMORY) ? [MEMORY_ADVICE] : []), ...(more ? [more] : [])]
    return new UserError(lines.join('\n'))
  }
}

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

  /** Looks at a step's numbers. @throws UserError where the loss is not finite, or too many updates were left out */
  watch(step: number, { loss, skipped }: StepReport): void {
    const remedy = 'A lower --lr, a longer --warmup or a smaller --max-norm may help.'
    if (!Number.isFinite(loss)) throw new UserError(`the loss of step ${step} is ${loss}. ${remedy}\n${this.wayOn()}`)
    this.skipped = skipped ? this.skipped + 1 : 0
    if (this.skipped >= MOST_SKIPPED)
      throw new UserError(
        `the gradients of ${MOST_SKIPPED} steps in a row, up to step ${step}, are not finite. ${remedy}\n${this.wayOn()}`,
      )
  }

  /** The error as a person should read it, where it is the device's doing; any other as it is. */
  explain(error: unknown, engine: Pick<Engine, 'check'>): unknown {
    return explainDevice(error, engine, this.wayOn())
  }

  private wayOn(): string {
    const { root, last } = this.folder
    if (this.saved < 0) return 'No checkpoint has been written.'
    return `The checkpoint of step ${this.saved} in ${last} is good: \`wgsam train --resume ${root}\` goes on from it.`
  }
}
