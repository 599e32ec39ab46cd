/** @file Sections of the report: particles needed, mean diameters and percentiles, the log-normal fit, uncertainty, groups, sections. */
import { count } from '../../text/count'
import type { ModelError } from '../statistics/model-error'
import { referencePercentile, type ReferenceCurve } from '../sources/reference-curve'
import type { Estimate } from '../statistics/distribution'
import type { LogNormalFit } from '../statistics/log-normal'
import { meanDiameterNames, meanDiameters } from '../statistics/mean-diameters'
import { isoParticlesNeeded } from '../statistics/particles-needed'
import { grainSizeNumber, type Unfolded } from '../statistics/unfolding'
import type { Scope, Summary, SummaryOptions } from '../summary'
import { note, ofGroups, table } from './html-table'
import { percentText, short, withInterval } from './numbers'

export const whole = (value: number | null): string => (value === null ? '–' : value.toLocaleString('en-GB'))
const times100 = (value: number): string => String(Number((100 * value).toPrecision(3)))

/** How many particles each statistic needs, and how many there are. */
export function neededSection({ needed, distribution }: Scope, { error, level }: SummaryOptions): string {
  if (!needed.length) return ''
  const rows = needed.map(({ name, relativeError, byInterval, ifLogNormal }) => [
    name,
    relativeError === null ? '–' : `± ${percentText(relativeError)}`,
    whole(byInterval),
    whole(ifLogNormal),
    verdict(distribution.counted, byInterval ?? ifLogNormal),
  ])
  const wanted = `± ${times100(error)} % at ${times100(level)} %`
  const fit = distribution.logNormal
  const iso = fit && isoParticlesNeeded(3, { gsd: fit.gsd, error, level })
  return `<h2>How many particles are needed</h2>
${table(['', 'Error now', `Needed for ${wanted}`, 'Needed if log-normal', `Have ${whole(distribution.counted)}`], rows)}
${note(
  `“Needed” follows from the confidence interval that was found, which falls with the square root of the number of particles; “if log-normal” from the fitted geometric standard deviation, for particles drawn independently.${
    iso
      ? ` The formula of ISO 13322-1 for the mean volume asks for ${whole(iso)} particles at a geometric standard deviation of ${short(fit.gsd)}.`
      : ''
  }`,
)}`
}

export function verdict(have: number, needed: number | null): string {
  if (needed === null) return 'unknown'
  return have >= needed ? 'enough' : `${whole(needed - have)} more`
}

/** Mean diameters of ISO 9276-2 and specific surface, for groups and all. */
export function meansSection(all: Scope, groups: readonly Scope[], unit: string): string {
  if (!all.distribution.means) return ''
  const header = ['', ...meanDiameterNames.map((name) => `${name.toUpperCase()}, ${unit}`), `6 / D[3,2], 1/${unit}`]
  const rowsOf = (scopes: readonly Scope[]) =>
    scopes.flatMap(({ name, distribution: { means, specificSurface } }) =>
      means && specificSurface
        ? [[name, ...meanDiameterNames.map((mean) => withInterval(means[mean])), withInterval(specificSurface)]]
        : [],
    )
  const meanings = meanDiameterNames.map((name) => `${name.toUpperCase()}: ${meanDiameters[name].about}`)
  return `<h2>Mean diameters</h2>${table(header, rowsOf([all]))}${ofGroups(groups, table(header, rowsOf(groups)))}
${note(`ISO 9276-2. ${meanings.join('. ')}. 6 / D[3,2] is the surface of spheres of these sizes divided by their volume.`)}`
}

/** Percentiles of all images with both kinds of intervals. */
export function percentilesSection({ distribution: { number, volume } }: Scope, unit: string, level: number): string {
  if (!number.percentiles.length) return ''
  const side = (value: number | null | undefined) => (value === null || value === undefined ? '?' : short(value))
  const rows = number.percentiles.map((one, i) => [
    `D${times100(one.fraction)}`,
    withInterval(one),
    one.exact ? `${side(one.exact.low)} to ${side(one.exact.high)}` : '–',
    volume.percentiles[i] ? withInterval(volume.percentiles[i]) : '–',
  ])
  return `<h2>Percentiles</h2>
${table(['', `By number, ${unit}`, `Exact ${times100(level)} % interval`, `By volume, ${unit}`], rows)}
${note(
  'The exact interval needs no assumption on the distribution: it is that of the binomial distribution for particles drawn independently, of the effective number of particles. Particles of one image are alike: where the bootstrap of images gives a wider interval, that one is to be believed. “?” is a side that so few particles do not bound.',
)}`
}

export function logNormalSection(fit: LogNormalFit | null, unit: string): string {
  if (!fit) return ''
  const { geometricMean, gsd, largestDifference, andersonDarling, pValue } = fit
  const close = largestDifference < 0.03 ? 'close' : largestDifference < 0.08 ? 'rough' : 'poor'
  return `<h2>Log-normal distribution</h2>
${table(
  [
    `Geometric mean, ${unit}`,
    'Geometric standard deviation',
    'Largest difference of the cumulative curves',
    'Anderson-Darling A²',
    'p',
  ],
  [[short(geometricMean), short(gsd), percentText(largestDifference), short(andersonDarling), pText(pValue)]],
)}
${note(
  `Fitted by the mean and the standard deviation of the logarithm, by number. The fit is ${close}. A small p says that sizes are not exactly log-normal, which thousands of particles show of every real powder.`,
)}`
}

const pText = (p: number): string => (p < 0.001 ? 'below 0.001' : short(p))

/** The uncertainty of D50 from all its sources. */
export function uncertaintySection(
  { uncertainty, unit, modelError }: Summary,
  { errors, level }: SummaryOptions,
): string {
  if (!uncertainty.length) return ''
  const rows = uncertainty.map(({ weighting, value, total, sources }) => [
    `D50 by ${weighting}, ${unit.shown}`,
    withInterval({ value, ...(total ?? {}) }),
    ...sources.map(({ standardDeviation, share }) =>
      standardDeviation ? `± ${short(standardDeviation)} (${percentText(share)})` : '–',
    ),
  ])
  return `<h2>Uncertainty of D50</h2>
${table(['', `With all sources, ${times100(level)} %`, 'Sampling', 'Pixel size', 'Outlines', 'Model'], rows)}
${note(
  `Standard deviations, and in brackets each source’s share of the variance, by Monte Carlo. Assumed: pixel size ± ${times100(errors.pixelSize)} % (--pixel-size-error), all outlines ± ${short(errors.border)} pixels (--border-error), ${modelText(modelError)}. Errors of pixel size, outlines and model are common to all particles: more particles do not reduce them.`,
)}`
}

const modelText = ({ value, from, particles }: ModelError): string =>
  from === 'given'
    ? `model ± ${times100(value)} % (--model-error)`
    : from === 'thresholds'
      ? `model ± ${times100(value)} %, by how much ${count(particles, 'mask')} of the model change with the threshold (what they miss or invent is not in it: wgsam eval --prompt auto finds that on labelled images, for --model-error)`
      : 'model not included, since these masks have no stability score (--model-error: the error of D50 that wgsam eval --prompt auto finds on labelled images)'

/** More comparisons than these are not listed, unless they show a difference. */
const MAX_COMPARISONS = 15
const SIGNIFICANT = 0.05

export function differencesSection({ differences }: Summary, level: number): string {
  if (!differences.length) return ''
  const found = differences.filter(({ adjusted }) => adjusted !== null && adjusted < SIGNIFICANT)
  // of many comparisons only those that say something
  const shown = differences.length <= MAX_COMPARISONS ? differences : found.slice(0, MAX_COMPARISONS)
  const rows = shown.map(({ first, second, ratio, interval, pValue, adjusted, largestDifference }) => [
    `${second} to ${first}`,
    withInterval({ value: ratio, ...(interval ?? {}) }),
    pValue === null ? 'too few images' : pText(pValue),
    adjusted === null ? '–' : pText(adjusted),
    percentText(largestDifference),
  ])
  const tested = differences.filter(({ pValue }) => pValue !== null).length
  const sentence = !tested
    ? `No comparison of ${count(differences.length, 'pair')} has enough images for a test.`
    : `${found.length} of ${count(tested, 'tested comparison')} ${found.length === 1 ? 'shows' : 'show'} a difference at a false discovery rate of 5 %.`
  const rest = differences.length - shown.length
  return `<h2>Groups compared</h2>
<p>${sentence}${rest ? ` ${count(rest, 'comparison is', 'comparisons are')} not shown here; groups.csv has all.` : ''}</p>
${rows.length ? table(['', 'Ratio of D50 by number', 'p', 'p, adjusted', 'Largest difference of the cumulative curves'], rows) : ''}
${note(
  `In brackets: ${times100(level)} % interval by resampling the images of each group (three images at least). p: how often images exchanged at random between the two groups differ as much; adjusted: for the number of comparisons (Benjamini and Hochberg), so that 5 % of the differences below 0.05 are expected to be false. --reference GROUP compares with one group only. Images are the units, not particles: a thousand particles of one image are one sample.`,
)}`
}

/** Spheres from sections, and the grain size number. */
export function sectionsSection(unfolded: Unfolded | null, all: Scope, summary: Summary): string {
  if (!unfolded) return ''
  const { unit } = summary
  const { density, coverage, number } = all.distribution
  const perSquareMillimetre = unit.metres === null ? null : density.value * (1e-3 / unit.metres) ** 2
  const rows = [
    ['Median diameter of the sections', `${short(number.figures?.d50.value ?? NaN)} ${unit.shown}`],
    ['Median diameter of the spheres', `${short(unfolded.median)} ${unit.shown}`],
    ['Mean diameter of the spheres', `${short(unfolded.mean)} ${unit.shown}`],
    ['Mean diameter by Fullman’s formula, without bins', `${short(unfolded.fullmanMean)} ${unit.shown}`],
    ['Sections that no sphere explains', percentText(unfolded.negative)],
    ...(perSquareMillimetre === null
      ? []
      : [
          [
            'Grain size number G (ASTM E112, planimetric)',
            coverage.value < 0.9
              ? `${short(grainSizeNumber(perSquareMillimetre))}; defined only where grains fill the plane, here ${percentText(coverage.value)}`
              : short(grainSizeNumber(perSquareMillimetre)),
          ],
        ]),
  ]
  return `<h2>Spheres from sections</h2>${table(['', ''], rows)}
${note(
  `A random plane seldom cuts a sphere through its centre, and cuts large spheres more often. Saltykov’s method solves for the spheres, bin by bin from the largest; it assumes spheres, cut at random, and all sections seen.${
    unfolded.negative > 0.1 ? ' Much of the small sections contradicts that: do not rely on the result.' : ''
  } If the two mean diameters differ by more than some percent, small sections decide the result.`,
)}`
}

/** Percentiles by volume beside those of another method. */
export function comparedSection(reference: ReferenceCurve | null, { distribution }: Scope, summary: Summary): string {
  if (!reference) return ''
  const metres = summary.unit.metres!
  const rows = (['d10', 'd50', 'd90'] as const).map((name) => {
    const own: Estimate | undefined = distribution.volume.figures?.[name]
    const other = referencePercentile(reference, Number(name.slice(1)) / 100)
    const ratio = own && other !== null ? own.value / (other / metres) : null
    return [
      name.toUpperCase(),
      own ? withInterval(own) : '–',
      other === null ? 'outside its curve' : short(other / metres),
      ratio === null ? '–' : `${ratio >= 1 ? '+' : '−'}${percentText(Math.abs(ratio - 1))}`,
    ]
  })
  return `<h2>Compared with ${reference.name.replace(/[<>&]/g, '')}</h2>
${table(['By volume', `Images, ${summary.unit.shown}`, `${reference.name}, ${summary.unit.shown}`, 'Difference'], rows)}
${note(
  'Other methods measure other diameters: laser diffraction that of spheres which scatter alike, sieves the smallest opening. Differences of some percent are no errors for particles that are not spheres.',
)}`
}
