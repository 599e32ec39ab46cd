/** @file Summary of a run: particles with their weights in one unit, and size distributions per image, per group and overall. */
import { UserError } from '../host/errors'
import { regionSize } from '../../engine/image/box'
import { describe, type Weighted } from '../statistics/weighted'
import type { MeasuredImage } from './measure'
import { type ContactSummary, contactSummary, type InteriorSummary, interiorSummary } from './contacts'
import { type Needed, neededParticles } from './needed'
import type { Particle } from './particles'
import { type ShapeDistribution, shapeDistributions } from './shapes'
import { binEdges, type BinScale, spansTenfold } from './statistics/bins'
import {
  type Distribution,
  distribution,
  type DistributionOptions,
  type SizedParticle,
  type Weighting,
} from './statistics/distribution'
import { compareGroups, type GroupDifference } from './statistics/compare-groups'
import { type EdgeRule, edgeWeight } from './statistics/edges'
import { type ImageMedians, imageMedians, type Modality, modality } from './statistics/modality'
import { type ModelError, modelError } from './statistics/model-error'
import {
  type MedianUncertainty,
  medianUncertainty,
  type SystematicErrors,
  type UncertainParticle,
} from './statistics/uncertainty'
import { type Unfolded, unfoldSections } from './statistics/unfolding'
import type { WeighedImage, WeighedParticle } from './weighed-particle'
import { chooseUnit, type LengthUnit, scaleOf, type UnitChoice } from './units'

/** More draws than these do not make the shares of an uncertainty more precise than one percent. */
const MAX_DRAWS = 500

/** The lengths that can serve as a particle's size in the distributions. */
export const diameters = {
  equivalent: 'equivalentDiameter',
  'min-feret': 'minFeret',
  'max-feret': 'maxFeret',
  major: 'majorAxis',
  minor: 'minorAxis',
} as const satisfies Record<string, keyof Particle>
export type Diameter = keyof typeof diameters

/** How sizes are summarised. */
export interface SummaryOptions extends Omit<DistributionOptions, 'curves' | 'edges' | 'scale'> {
  /** 'auto': logarithmic if sizes span more than a factor of ten. */
  scale: BinScale | 'auto'
  unit: UnitChoice
  edges: EdgeRule
  diameter: Diameter
  /** Particles with fewer pixels have weight 0. */
  minPixels: number
  /** Wanted relative error of the statistics, such as 0.05; says how many particles are needed. */
  error: number
  /** What may be wrong with all sizes; the model's error is null if it is to be found from its masks. */
  errors: Omit<SystematicErrors, 'model'> & { model: number | null }
  /** The group that the others are compared with; each pair is compared without it. */
  reference?: string
  /** Whether the image is a section, so that diameters of spheres are unfolded. */
  sections: boolean
}

export interface Scope {
  level: 'image' | 'group' | 'all'
  name: string
  images: number
  particles: number
  /** The number of particles that touch the edge. */
  edge: number
  /** The number of particles left out because they touch the edge or are too small. */
  leftOut: { edge: number; small: number }
  /** The largest weight of a particle by number. */
  largestWeight: number
  distribution: Distribution
  /** Shapes by number; empty for a scope of one image among several. */
  shapes: ShapeDistribution[]
  /** How many particles the statistics need; empty for a scope of one image among several. */
  needed: Needed[]
  /** Modes and the stability of D50; null for a scope of one image among several, or too few particles. */
  modality: Record<Weighting, Modality | null>
  /** How the medians of its images differ, by number; null for fewer than two images with particles. */
  imageMedians: ImageMedians | null
}

/** Statistics of particle sizes, with intervals. */
export interface Summary {
  unit: LengthUnit
  images: WeighedImage[]
  scopes: Scope[]
  /** The uncertainty of the median of all images, by number and by volume. */
  uncertainty: MedianUncertainty[]
  /** The model's part in that uncertainty. */
  modelError: ModelError
  /** Each pair of groups compared; empty without groups. */
  differences: GroupDifference[]
  /** Spheres from sections, of all images; null unless images are sections. */
  unfolded: Unfolded | null
  contacts: ContactSummary
  interior: InteriorSummary
  /** The scale of bins and axes. */
  scale: BinScale
}

/**
 * Weighs all particles and computes the distributions. @throws UserError if no unit fits all images
 * @example
 * const { sources, grouped } = await findSources(['project'], { images: null, acceptedOnly: false })
 * const { images } = await measureSources(sources, { pixelSize: null, stretch: 1, pictures: 0 })
 * const { scopes, unit } = summariseSizes(images, grouped, {
 *   ...{ scale: 'auto', unit: 'auto', edges: 'correct', diameter: 'equivalent', minPixels: 16, sections: false },
 *   ...{ percentiles: [0.1, 0.5, 0.9], resamples: 1000, resample: 'auto', level: 0.95, seed: 1, error: 0.05 },
 *   errors: { pixelSize: 0, border: 0.5, model: null },
 * })
 */
export function summariseSizes(measured: readonly MeasuredImage[], grouped: boolean, options: SummaryOptions): Summary {
  const unit = chooseUnit(
    options.unit,
    measured.map(({ name, pixelSize, particles }) => ({
      name,
      metres: pixelSize?.metres ?? null,
      diameters: particles.map(({ equivalentDiameter }) => equivalentDiameter),
    })),
  )
  const images = measured.map((image) => weigh(image, scaleOf(unit, image.pixelSize?.metres ?? null), options))
  const all = sized(images, options.diameter)
  // the same bins for all groups, so that they can be compared
  const counted = all.filter(({ number }) => number > 0).sort((a, b) => a.size - b.size)
  const sizes = Float64Array.from(counted, ({ size }) => size)
  const scale = options.scale === 'auto' ? (spansTenfold(sizes) ? 'log' : 'linear') : options.scale
  const edges = binEdges({ values: sizes, weights: new Float64Array(sizes.length).fill(1) }, scale, options.bins)
  const scope = (level: Scope['level'], name: string, of: WeighedImage[]): Scope =>
    scopeOf(level, name, of, { ...options, scale, edges, curves: level !== 'image' })
  const groups = new Map<string, WeighedImage[]>()
  for (const one of images) groups.set(one.image.group, [...(groups.get(one.image.group) ?? []), one])
  if (options.reference !== undefined && !groups.has(options.reference))
    throw new UserError(
      `there is no group ${options.reference}, only ${[...groups.keys()].slice(0, 10).join(', ')}${groups.size > 10 ? ', …' : ''}`,
    )
  const whole = scope('all', images.length > 1 ? 'all images' : (images[0]?.image.name ?? 'no image'), images)
  const model = modelError(
    options.errors.model,
    images.flatMap(({ particles }) => particles.flatMap((one) => (one.number > 0 ? [one.particle.stability] : []))),
  )
  return {
    unit,
    images,
    scale,
    modelError: model,
    contacts: contactSummary(images),
    interior: interiorSummary(images),
    uncertainty: medianUncertainty(uncertainParticles(images, options.diameter), {
      ...options.errors,
      model: model.value,
      unit: whole.distribution.resampled,
      images: images.length,
      draws: Math.min(options.resamples, MAX_DRAWS),
      level: options.level,
      seed: options.seed,
    }),
    differences: grouped
      ? compareGroups(
          [...groups].map(([name, of]) => ({ name, images: of.map((one) => sized([one], options.diameter)) })),
          { times: options.resamples, level: options.level, seed: options.seed, reference: options.reference },
        )
      : [],
    unfolded: options.sections
      ? unfoldSections({
          values: sizes,
          weights: Float64Array.from(counted, ({ number }) => number),
        })
      : null,
    scopes: [
      ...(images.length > 1 ? images.map((one) => scope('image', one.image.name, [one])) : []),
      ...(grouped ? [...groups].map(([name, of]) => scope('group', name, of)) : []),
      whole,
    ],
  }
}

function weigh(image: MeasuredImage, scale: number, { edges, minPixels }: SummaryOptions): WeighedImage {
  const particles = image.particles.map((particle): WeighedParticle => {
    const { bounds, edge, area, equivalentDiameter } = particle
    const size = regionSize(bounds)
    const weight = edgeWeight(edges, image, size, edge)
    const leftOut = weight === 0 ? 'edge' : area < minPixels ? 'small' : null
    const number = leftOut ? 0 : weight
    const projected = number * area * scale ** 2
    return {
      particle,
      leftOut,
      number,
      area: projected,
      volume: number * (Math.PI / 6) * (equivalentDiameter * scale) ** 3,
    }
  })
  return { image, scale, particles }
}

const sized = (images: readonly WeighedImage[], diameter: Diameter): SizedParticle[] =>
  images.flatMap(({ particles, scale }, image) =>
    particles.map(({ particle, number, area, volume }) => ({
      size: particle[diameters[diameter]] * scale,
      number,
      area,
      volume,
      image,
    })),
  )

/** Ascending sizes with their weights. */
function weightedSizes(particles: readonly SizedParticle[], weighting: Weighting): Weighted {
  const ascending = particles.filter((one) => one.number > 0).sort((a, b) => a.size - b.size)
  return {
    values: Float64Array.from(ascending, ({ size }) => size),
    weights: Float64Array.from(ascending, (one) => one[weighting]),
  }
}

/** The median size by number of each image with particles that count. */
const mediansOf = (images: readonly WeighedImage[], diameter: Diameter): number[] =>
  images.flatMap((one) => describe(weightedSizes(sized([one], diameter), 'number'))?.figures.d50 ?? [])

const uncertainParticles = (images: readonly WeighedImage[], diameter: Diameter): UncertainParticle[] =>
  images.flatMap(({ particles, scale }, image) =>
    particles.flatMap(({ particle, number }) =>
      number > 0
        ? [
            {
              size: particle[diameters[diameter]] * scale,
              diameter: particle.equivalentDiameter * scale,
              ...{ number, scale, image },
            },
          ]
        : [],
    ),
  )

function scopeOf(
  level: Scope['level'],
  name: string,
  images: WeighedImage[],
  options: DistributionOptions & { diameter: Diameter; error: number },
): Scope {
  const particles = images.flatMap(({ particles }) => particles)
  const count = (test: (one: WeighedParticle) => boolean) => particles.filter(test).length
  const areas = images.map(({ image: { width, height, covered }, scale }) => ({
    area: width * height * scale ** 2,
    covered: covered * scale ** 2,
  }))
  const particlesOf = sized(images, options.diameter)
  const of = distribution(particlesOf, areas, options)
  const whole = level !== 'image'
  const modes = (weighting: Weighting) => (whole ? modality(weightedSizes(particlesOf, weighting)) : null)
  return {
    level,
    name,
    images: images.length,
    particles: particles.length,
    edge: count(({ particle }) => particle.edge),
    leftOut: { edge: count(({ leftOut }) => leftOut === 'edge'), small: count(({ leftOut }) => leftOut === 'small') },
    largestWeight: particles.reduce((most, { number }) => Math.max(most, number), 0),
    distribution: of,
    shapes: whole ? shapeDistributions(particles) : [],
    needed: whole ? neededParticles(of, options) : [],
    modality: { number: modes('number'), area: modes('area'), volume: modes('volume') },
    imageMedians: whole ? imageMedians(mediansOf(images, options.diameter)) : null,
  }
}
