/** @file summary.csv and summary.json: size distributions per image, per group and overall. */
import type { Measured } from '../measure'
import { type Estimate, type Weighting, weightings } from '../statistics/distribution'
import { sizeStatistics } from '../../statistics/weighted'
import { type MeanDiameter, meanDiameterNames } from '../statistics/mean-diameters'
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
    ...meanDiameterNames.flatMap((name) => withInterval(columnOf(name), `_${unit.name}`)),
    ...withInterval('specific_surface', `_per_${unit.name}`),
    ...[`geometric_mean_${unit.name}`, 'geometric_std', 'log_normal_largest_difference', 'log_normal_p'],
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
    ...meanDiameterNames.flatMap((mean) => three(distribution.means?.[mean])),
    ...three(distribution.specificSurface ?? undefined),
    ...(({ geometricMean, gsd, largestDifference, pValue }) => [geometricMean, gsd, largestDifference, pValue])(
      distribution.logNormal ?? { geometricMean: null, gsd: null, largestDifference: null, pValue: null },
    ),
  ]
}

/** D[4,3] as the name of a column: d4_3. */
const columnOf = (name: MeanDiameter): string => name.replace('[', '').replace(']', '').replace(',', '_')

/** The text of percentiles.csv: a row per scope, weighting and percentile. */
export function percentilesCsv({ unit, scopes }: Summary): string {
  const header = [
    ...['level', 'name', 'weighting', 'percent_below', `size_${unit.name}`],
    ...[
      `bootstrap_low_${unit.name}`,
      `bootstrap_high_${unit.name}`,
      `exact_low_${unit.name}`,
      `exact_high_${unit.name}`,
    ],
  ]
  const rows = scopes.flatMap(({ level, name, distribution }) =>
    weightings.flatMap((weighting) =>
      distribution[weighting].percentiles.map(({ fraction, value, low, high, exact }) => [
        ...[level, name, weighting, Number((100 * fraction).toPrecision(12)), value],
        ...[low ?? null, high ?? null, exact?.low ?? null, exact?.high ?? null],
      ]),
    ),
  )
  return [header, ...rows].map(csvLine).join('')
}

/** The text of shapes.csv: a row per group and shape measure, by number. */
export function shapesCsv({ scopes }: Summary): string {
  const header = ['level', 'name', 'measure', 'counted', 'd10', 'd50', 'd90', 'mean', 'std']
  const rows = scopes.flatMap(({ level, name, shapes }) =>
    shapes.map(({ measure, counted, d10, d50, d90, mean, std }) => [
      ...[level, name, measure, counted, d10, d50, d90, mean, std],
    ]),
  )
  return [header, ...rows].map(csvLine).join('')
}

/** The text of groups.csv: a row for each pair of groups compared. */
export function groupsCsv({ differences }: Summary): string {
  const header = [
    ...['group', 'compared_with', 'd50_ratio', 'd50_ratio_low', 'd50_ratio_high'],
    ...['p', 'p_adjusted', 'largest_difference'],
  ]
  const rows = differences.map(({ first, second, ratio, interval, pValue, adjusted, largestDifference }) => [
    ...[second, first, ratio, interval?.low ?? null, interval?.high ?? null],
    ...[pValue, adjusted, largestDifference],
  ])
  return [header, ...rows].map(csvLine).join('')
}

/** The content of summary.json: the same with the curves, the options, the command and the inputs (relative to the folder of the results). */
export function summaryJson(
  { unit, images, scopes, scale, uncertainty, modelError, contacts, interior, differences, unfolded }: Summary,
  { unmeasured, stopped }: Measured,
  options: object,
  command: string,
  inputs: readonly string[],
): object {
  return {
    version: 1,
    unit: unit.name,
    density_unit: `per ${densityBy(unit).name.replace('_', ' ')}`,
    options,
    scale,
    uncertainty,
    modelError,
    contacts,
    interior,
    differences,
    unfolded,
    images: images.map(({ image: { particles, covered, shared, picture, ...image } }) => ({
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
    inputs,
  }
}
