/** @file summary.csv and summary.json: size distributions per image, per group and overall. */
import type { Measured } from '../measure'
import { type Estimate, type Weighting, weightings } from '../statistics/distribution'
import { sizeStatistics } from '../../statistics/weighted'
import type { Scope, Summary } from '../summary'
import type { LengthUnit } from '../units'
import { csvLine, type CsvValue } from '../../text/csv'

/** The reference area of densities: its size in square units, and its name in files and in text. 10⁶ nm² are 1 µm². */
export const densityBy = ({ name }: LengthUnit): { area: number; name: string; shown: string } =>
  ({
    px: { area: 1e6, name: '1e6_px2', shown: '10⁶ px²' },
    nm: { area: 1e6, name: 'um2', shown: 'µm²' },
    um: { area: 1, name: 'um2', shown: 'µm²' },
    mm: { area: 1, name: 'mm2', shown: 'mm²' },
  })[name]

const three = (estimate: Estimate | undefined, factor = 1): CsvValue[] =>
  estimate
    ? [estimate.value, estimate.low ?? null, estimate.high ?? null].map((v) => (v === null ? null : v * factor))
    : [null, null, null]

/** The text of summary.csv: two rows per scope, by number and by volume, with an interval for every value. */
export function summaryCsv({ unit, scopes }: Summary): string {
  const withInterval = (name: string, suffix = '') => [
    `${name}${suffix}`,
    `${name}_low${suffix}`,
    `${name}_high${suffix}`,
  ]
  const header = [
    ...['level', 'name', 'weighting', 'images', 'particles', 'edge', 'left_out_edge', 'left_out_small', 'counted'],
    ...['effective_number', 'largest_weight', 'resampled'],
    ...sizeStatistics.flatMap((name) => withInterval(name, name === 'span' ? '' : `_${unit.name}`)),
    ...withInterval('coverage'),
    ...withInterval('density', `_per_${densityBy(unit).name}`),
  ]
  const rows = scopes.flatMap((scope) =>
    weightings.map((weighting) => summaryRow(scope, weighting, densityBy(unit).area)),
  )
  return [header, ...rows].map(csvLine).join('')
}

function summaryRow(scope: Scope, weighting: Weighting, densityArea: number): CsvValue[] {
  const { level, name, images, particles, edge, leftOut, largestWeight, distribution } = scope
  const { counted, resampled, coverage, density } = distribution
  const { effective, figures: found } = distribution[weighting]
  return [
    ...[level, name, weighting, images, particles, edge, leftOut.edge, leftOut.small, counted],
    ...[effective, largestWeight, resampled],
    ...sizeStatistics.flatMap((figure) => three(found?.[figure])),
    ...three(coverage),
    ...three(density, densityArea),
  ]
}

/** The content of summary.json: the same with the curves, the options and the command. */
export function summaryJson(
  { unit, images, scopes }: Summary,
  { unmeasured, stopped }: Measured,
  options: object,
  command: string,
): object {
  return {
    version: 1,
    unit: unit.name,
    density_unit: `per ${densityBy(unit).name.replace('_', ' ')}`,
    options,
    images: images.map(({ image: { particles, covered, shared, ...image } }) => ({
      ...image,
      particles: particles.length,
      coveredPixels: covered,
      overlappingPixels: shared,
    })),
    unmeasured,
    stopped,
    scopes: scopes.map(({ distribution: { density, ...distribution }, ...scope }) => ({
      ...scope,
      distribution: {
        ...distribution,
        density: Object.fromEntries(Object.entries(density).map(([key, value]) => [key, value * densityBy(unit).area])),
      },
    })),
    command,
  }
}
