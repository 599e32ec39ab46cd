/** @file Whether two groups of images differ in their median size, and by how much. */
import { Rng } from '../../../engine/rng'
import { describe } from '../../statistics/weighted'
import type { SizedParticle } from './distribution'
import { type Interval, intervalOf } from './bootstrap'

export interface GroupDifference {
  first: string
  second: string
  /** Median of the second group by number divided by that of the first. */
  ratio: number
  /** Bootstrap interval of the ratio, by resampling the images of each group; null with fewer than three images in one. */
  interval: Interval | null
  /**
   * Probability of a ratio at least as far from 1 if images did not differ by group: by exchanging images between the groups
   * at random. null with so few images that no result could be below 5 %.
   */
  pValue: number | null
  /**
   * The p-value for this many comparisons: the expected share of false results among all that are as significant (false
   * discovery rate, Benjamini and Hochberg 1995); null without a p-value.
   */
  adjusted: number | null
  /** Largest difference of the two cumulative distributions by number (Kolmogorov and Smirnov's distance). */
  largestDifference: number
}

interface Group {
  name: string
  /** The particles of each image. */
  images: readonly (readonly SizedParticle[])[]
}

const FEWEST_IMAGES = 3

/**
 * Compares each pair of groups, or each group with the group `reference`.
 * @param times random samples
 * @returns nothing for groups without particles
 */
export function compareGroups(
  groups: readonly Group[],
  { times, level, seed, reference }: { times: number; level: number; seed: number; reference?: string },
): GroupDifference[] {
  const result: GroupDifference[] = []
  const firsts = reference === undefined ? groups : groups.filter(({ name }) => name === reference)
  firsts.forEach((first, i) =>
    (reference === undefined ? groups.slice(i + 1) : groups.filter((one) => one !== first)).forEach((second) => {
      const ratio = logRatio(first.images, second.images)
      if (!Number.isFinite(ratio)) return
      result.push({
        first: first.name,
        second: second.name,
        ratio: Math.exp(ratio),
        interval: ratioInterval(first, second, { times, level, seed }),
        pValue: permutationTest(first, second, Math.abs(ratio), { times, seed }),
        adjusted: null,
        largestDifference: largestDifference(first.images.flat(), second.images.flat()),
      })
    }),
  )
  return adjust(result)
}

/** p-values adjusted by the step-up procedure of Benjamini and Hochberg. */
function adjust(differences: readonly GroupDifference[]): GroupDifference[] {
  const order = [...differences.keys()]
    .filter((i) => differences[i].pValue !== null)
    .sort((a, b) => differences[b].pValue! - differences[a].pValue!)
  const result = differences.map((one) => ({ ...one }))
  let least = 1
  order.forEach((i, k) => {
    least = Math.min(least, (differences[i].pValue! * order.length) / (order.length - k))
    result[i].adjusted = least
  })
  return result
}

type Images = Group['images']

const median = (images: Images): number => {
  const all = images
    .flat()
    .filter(({ number }) => number > 0)
    .sort((a, b) => a.size - b.size)
  const found = describe({
    values: Float64Array.from(all, ({ size }) => size),
    weights: Float64Array.from(all, ({ number }) => number),
  })
  return found ? found.figures.d50 : NaN
}

const logRatio = (first: Images, second: Images): number => Math.log(median(second) / median(first))

function ratioInterval(
  first: Group,
  second: Group,
  { times, level, seed }: { times: number; level: number; seed: number },
): Interval | null {
  if (Math.min(first.images.length, second.images.length) < FEWEST_IMAGES) return null
  const rng = new Rng(seed)
  const draw = (images: Images): Images => images.map(() => images[rng.int(images.length)])
  return intervalOf(
    Array.from({ length: times }, () => Math.exp(logRatio(draw(first.images), draw(second.images)))),
    level,
  )
}

function permutationTest(
  first: Group,
  second: Group,
  found: number,
  { times, seed }: { times: number; seed: number },
): number | null {
  const all = [...first.images, ...second.images]
  const count = first.images.length
  // the found arrangement and its mirror image are among all arrangements
  if (!times || 2 / binomial(all.length, count) > 0.05) return null
  const rng = new Rng(seed, 1)
  let [tested, atLeast] = [1, 1]
  for (let time = 0; time < times; time++) {
    const order = all.map((image) => ({ image, key: rng.uint32() })).sort((a, b) => a.key - b.key)
    const images = order.map(({ image }) => image)
    const ratio = Math.abs(logRatio(images.slice(0, count), images.slice(count)))
    if (Number.isNaN(ratio)) continue
    tested++
    if (ratio >= found - 1e-12) atLeast++
  }
  return atLeast / tested
}

function binomial(n: number, k: number): number {
  let result = 1
  for (let i = 1; i <= k; i++) result *= (n - k + i) / i
  return result
}

function largestDifference(first: readonly SizedParticle[], second: readonly SizedParticle[]): number {
  const sum = (of: readonly SizedParticle[]) => of.reduce((total, { number }) => total + number, 0)
  const steps = [
    ...first.map(({ size, number }) => ({ size, step: number / sum(first) })),
    ...second.map(({ size, number }) => ({ size, step: -number / sum(second) })),
  ].sort((a, b) => a.size - b.size)
  let [difference, largest] = [0, 0]
  steps.forEach(({ size, step }, i) => {
    difference += step
    if (size !== steps[i + 1]?.size) largest = Math.max(largest, Math.abs(difference))
  })
  return largest
}
