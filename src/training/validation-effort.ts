/** @file How much of a run's time goes into measuring, as its configuration says; the engine has the arithmetic. */
import type { ValidationBounds } from '../../engine/finetune/measuring-effort'
import type { TrainConfig } from './config'

/** The number of sources of images that the strengths of an adapter are compared on. */
export const sourcesOf = ({ data, validation }: TrainConfig): number =>
  data.length + validation.foreign.length + (validation.synthetic ? 1 : 0)

/** What was bounded, as text; null if nothing was. */
export function describeBounds(
  given: TrainConfig,
  { images, instances }: ValidationBounds,
  val: number,
): string | null {
  if (given.validation.images !== 'auto' || images === null || images >= val) return null
  return (
    `validations measure ${images} of the ${val} validation images, chosen by the seed, and ${instances ?? 'all'} particles of each, so that on ` +
    'this software adapter they take about a tenth of the time; --val-images all --val-instances 64 measures all'
  )
}
