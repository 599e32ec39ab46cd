/**
 * @file The uncertainty of sizes that comes from the model: how much its masks change with the threshold on its logits.
 *
 * A mask's stability score is its area at a threshold one step higher divided by that one step lower. The diameters at the two
 * thresholds differ by the factor sqrt(stability); half their difference divided by their mean is
 * (1 − sqrt(stability)) / (1 + sqrt(stability)). Any threshold between the two is as good as another, so that the standard
 * deviation is this divided by sqrt(3), that of a uniform distribution. The threshold is common to all masks: so is the error.
 */
import { quantile } from '../../statistics/quantile'

export interface ModelError {
  /** Relative standard deviation of all sizes, such as 0.02. */
  value: number
  /** 'given' by the user, found from the masks at two 'thresholds', or 'none': neither. */
  from: 'given' | 'thresholds' | 'none'
  /** The number of particles with masks at two thresholds. */
  particles: number
}

/** @param stabilities of the particles that count; null for a mask that no model made, or that a person changed */
export function modelError(given: number | null, stabilities: readonly (number | null)[]): ModelError {
  const errors = Float64Array.from(
    stabilities.flatMap((stability) => (stability === null || !(stability > 0) ? [] : [relativeError(stability)])),
  ).sort()
  const particles = errors.length
  if (given !== null) return { value: given, from: 'given', particles }
  return particles
    ? { value: quantile(errors, 0.5), from: 'thresholds', particles }
    : { value: 0, from: 'none', particles }
}

function relativeError(stability: number): number {
  const factor = Math.sqrt(Math.min(1, stability))
  return (1 - factor) / (1 + factor) / Math.sqrt(3)
}
