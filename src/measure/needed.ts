/** @file How many particles are needed, and how many there are, for the statistics that a report states (ISO 13322-1). */
import type { Distribution, Estimate } from './statistics/distribution'
import { neededByInterval, particlesNeeded, type SampledStatistic } from './statistics/particles-needed'

export interface Needed {
  /** The statistic, such as 'D50 by number'. */
  name: string
  /** Its value and interval in the unit of the run. */
  estimate: Estimate
  /** Half the width of the interval divided by the value; null without an interval. */
  relativeError: number | null
  /** Particles needed for the wanted error by the interval that was found; null without one. */
  byInterval: number | null
  /** Particles needed if sizes are log-normal with the fitted GSD and drawn independently; null without a fit. */
  ifLogNormal: number | null
}

/** @param error wanted relative error, such as 0.05 @param level probability of the error, such as 0.95 */
export function neededParticles(of: Distribution, { error, level }: { error: number; level: number }): Needed[] {
  const { number, volume, means, counted, logNormal } = of
  if (!number.figures || !volume.figures || !means) return []
  const row = (name: string, estimate: Estimate, statistic: SampledStatistic): Needed => ({
    name,
    estimate,
    relativeError:
      estimate.low === undefined || estimate.high === undefined
        ? null
        : Math.max(estimate.high - estimate.value, estimate.value - estimate.low) / estimate.value,
    byInterval: neededByInterval(estimate, counted, error),
    ifLogNormal: logNormal && particlesNeeded(statistic, { gsd: logNormal.gsd, error, level }),
  })
  const percentile = (name: 'd50' | 'd90', weighting: 'number' | 'volume') =>
    row(`${name.toUpperCase()} by ${weighting}`, { number, volume }[weighting].figures![name], {
      percentile: Number(name.slice(1)) / 100,
      weighting,
    })
  return [
    percentile('d50', 'number'),
    percentile('d90', 'number'),
    percentile('d50', 'volume'),
    percentile('d90', 'volume'),
    row('D[3,2]', means['d[3,2]'], { mean: 'd[3,2]' }),
    row('D[4,3]', means['d[4,3]'], { mean: 'd[4,3]' }),
  ]
}
