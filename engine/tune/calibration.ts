/**
 * @file Calibration of a predicted score: a monotone map from the prediction to what it turned out to be on average, and how far
 * predictions are from that (reliability diagram, expected calibration error).
 */
import { isotonicFit } from './isotonic'

/** A prediction, and what it predicted; both 0 to 1. */
export interface Outcome {
  predicted: number
  actual: number
}

/** A map that is linear between its knots [prediction, calibrated value] and constant beyond them; both increase. */
export type Knots = readonly (readonly [number, number])[]

/** The observations are summarised in at most this many groups of neighbouring predictions, each of at least this many. */
const GROUPS = 20
const SMALLEST_GROUP = 8
/** The weight of the assumption that predictions are right as they are, in observations: what few of them say is damped. */
const PRIOR = 20

/**
 * Fits a monotone map to observations: their means in groups of neighbouring predictions, drawn towards the predictions
 * themselves by as much as there are few observations, then isotonic regression. Null if there are too few to say anything.
 */
export function fitCalibration(outcomes: readonly Outcome[]): Knots | null {
  if (outcomes.length < 2 * SMALLEST_GROUP) return null
  const sorted = [...outcomes].sort((a, b) => a.predicted - b.predicted)
  const trust = sorted.length / (sorted.length + PRIOR)
  const groups = inGroups(sorted, Math.min(GROUPS, Math.floor(sorted.length / SMALLEST_GROUP)))
  const means = groups.map((group) => [mean(group, 'predicted'), mean(group, 'actual')] as const)
  const damped = means.map(([predicted, actual]) => trust * actual + (1 - trust) * predicted)
  const fitted = isotonicFit(
    damped,
    groups.map(({ length }) => length),
  )
  const knots = means.map(([predicted], i): [number, number] => [rounded(predicted), rounded(fitted[i])])
  // of a flat part the ends suffice, and of equal predictions one
  return knots.filter(
    ([x, y], i) =>
      (i === 0 || knots[i - 1][0] < x) &&
      !(i > 0 && i < knots.length - 1 && knots[i - 1][1] === y && knots[i + 1][1] === y),
  )
}

/** The calibrated value of a prediction. */
export function calibrate(knots: Knots, predicted: number): number {
  const next = knots.findIndex(([x]) => x >= predicted)
  if (next < 0) return knots[knots.length - 1][1]
  if (next === 0) return knots[0][1]
  const [[x0, y0], [x1, y1]] = [knots[next - 1], knots[next]]
  return y0 + ((y1 - y0) * (predicted - x0)) / (x1 - x0)
}

/** Observations whose predictions are in one of ten equal parts of 0 to 1: their number and means. */
export interface ReliabilityBin extends Outcome {
  count: number
}

const BINS = 10

/** The points of a reliability diagram: the bins that are not empty, in order. */
export function reliabilityBins(outcomes: readonly Outcome[]): ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, (): Outcome[] => [])
  for (const outcome of outcomes)
    bins[Math.min(BINS - 1, Math.max(0, Math.floor(BINS * outcome.predicted)))].push(outcome)
  return bins
    .filter(({ length }) => length)
    .map((bin) => ({ count: bin.length, predicted: mean(bin, 'predicted'), actual: mean(bin, 'actual') }))
}

/** Expected calibration error: the mean distance between prediction and outcome over the bins, by their numbers; NaN without any. */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const count = bins.reduce((sum, bin) => sum + bin.count, 0)
  return bins.reduce((sum, bin) => sum + bin.count * Math.abs(bin.predicted - bin.actual), 0) / count
}

/** The list cut into `count` parts of almost the same length. */
const inGroups = <T>(list: readonly T[], count: number): T[][] =>
  Array.from({ length: count }, (_, i) =>
    list.slice(Math.floor((i * list.length) / count), Math.floor(((i + 1) * list.length) / count)),
  )

const mean = (outcomes: readonly Outcome[], of: keyof Outcome) =>
  outcomes.reduce((sum, outcome) => sum + outcome[of], 0) / outcomes.length

/** Four digits: more than the observations determine. */
const rounded = (value: number) => Number(value.toFixed(4))
