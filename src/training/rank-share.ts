/** @file Which images of a step each rank of a training computes. */
import { UserError } from '../host/errors'
import type { TrainConfig } from './config'

interface Place {
  rank: number
  size: number
}

/** The places of the first of `count` images that a rank computes, and of the one after its last: consecutive, and as equal as can be. */
export const shareOf = (count: number, { rank, size }: Place): [number, number] => [
  Math.floor((rank * count) / size),
  Math.floor(((rank + 1) * count) / size),
]

/** The largest number of images that divides the share of every rank, so that all can have micro-batches of it. */
export function commonShare({ batch }: Pick<TrainConfig, 'batch'>, ranks: number): number {
  const least = Math.floor(batch / ranks)
  return batch % ranks ? greatestDivisor(least, least + 1) : least
}

export const greatestDivisor = (a: number, b: number): number => (b ? greatestDivisor(b, a % b) : a)

/** @throws UserError if a step has fewer images than there are ranks */
export function checkShares({ batch }: Pick<TrainConfig, 'batch'>, ranks: number): void {
  if (batch < ranks)
    throw new UserError(
      `a step of ${batch} ${batch === 1 ? 'image' : 'images'} cannot be divided among ${ranks} ranks, each of which needs one. ` +
        `Start fewer ranks, or begin the run with --batch ${ranks} or a multiple of it`,
    )
}

/** How the images of a step are divided, for people. */
export function describeShares({ batch }: Pick<TrainConfig, 'batch'>, ranks: number): string {
  const least = Math.floor(batch / ranks)
  const each = batch % ranks ? `${least} or ${least + 1}` : `${least}`
  const uneven = batch % ranks ? `; a --batch that is a multiple of ${ranks} would be faster` : ''
  return `${ranks} ranks train together, each on ${each} of the ${batch} images of a step${uneven}`
}

/** What another number of ranks changes in a run that is resumed. */
export const describeOtherRanks = (before: number, now: number): string =>
  `the run has used ${before === 1 ? 'one rank' : `${before} ranks`} so far, and now ${now === 1 ? 'one' : now}: images, prompts and learning ` +
  'rates are the same, but gradients are added in another order, so that the last bits of the result are others'
