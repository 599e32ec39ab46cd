/** @file The measures: their labels and units, and their values over several images. docs/metrics.md gives the reasons. */
import { PrecisionCurve } from './average-precision'
import { equalWeights, type Statistics } from './bootstrap'
import { d50Error } from './d50-error'
import { iouLevels } from './matching'
import { addConfusion, noPixels, semanticScores, type SemanticScores } from '../../engine/masks/pixel-counts'
import { sizeError, type SizeError } from './size-distance'
import type { ImageTally } from './image-tally'

export interface Measure {
  label: string
  /** 'percent': a fraction from 0 to 1, shown in percent (errors may be larger or negative). */
  unit: 'percent' | 'pixels'
  better: 'more' | 'less' | 'zero'
}

const share = (label: string): Measure => ({ label, unit: 'percent', better: 'more' })

/** All measures, in the order in which tables list them. */
export const measures = {
  dice: share('Dice'),
  miou: share('mIoU'),
  accuracy: share('accuracy'),
  instanceDice: share('instance Dice'),
  instanceIou: share('instance IoU'),
  precisionAt50: share('precision, IoU 0.5'),
  recallAt50: share('recall, IoU 0.5'),
  f1At50: share('F1, IoU 0.5'),
  precisionAt75: share('precision, IoU 0.75'),
  recallAt75: share('recall, IoU 0.75'),
  f1At75: share('F1, IoU 0.75'),
  ap50: share('AP50'),
  ap75: share('AP75'),
  ap: share('AP 0.50:0.95'),
  sa50: share('SA50'),
  sa75: share('SA75'),
  msa: share('mSA 0.50:0.95'),
  countError: { label: 'count error', unit: 'percent', better: 'zero' },
  absoluteCountError: { label: 'count error, absolute', unit: 'percent', better: 'less' },
  d50Error: { label: 'D50 error', unit: 'percent', better: 'zero' },
  absoluteD50Error: { label: 'D50 error, absolute', unit: 'percent', better: 'less' },
  d50VolumeError: { label: 'D50 error, by volume', unit: 'percent', better: 'zero' },
  boundaryF: share('boundary F'),
  sizeErrorPixels: { label: 'size error, px', unit: 'pixels', better: 'less' },
  sizeError: { label: 'size error, %', unit: 'percent', better: 'less' },
} as const satisfies Record<string, Measure>

export type MeasureName = keyof typeof measures

/** How far a value is from perfect, in the measure's unit: 1 - value of a share, otherwise its absolute value. */
export const errorOf = (name: MeasureName, value: number): number =>
  measures[name].better === 'more' ? 1 - value : Math.abs(value)

export const measureNames = Object.keys(measures) as MeasureName[]
/** A value for each measure; NaN if it is not defined, such as average precision of masks without scores. */
export type Values = Record<MeasureName, number>

/** Indices of 0.5 and 0.75 in iouLevels. */
const [AT50, AT75] = [0.5, 0.75].map((level) => iouLevels.indexOf(level))

/** Returns a function that computes all measures of these images from a weight for each image (how often it counts). */
export function statistics(tallies: readonly ImageTally[]): Statistics<MeasureName> {
  /** The ratio of two weighted sums over images; `empty` if the denominator is 0. */
  const ratio = (above: (tally: ImageTally) => number, below: (tally: ImageTally) => number, empty = NaN) => {
    const [tops, bottoms] = [tallies.map(above), tallies.map(below)]
    return (weights: ArrayLike<number>) => {
      let [top, bottom] = [0, 0]
      for (let i = 0; i < tops.length; i++) {
        top += weights[i] * tops[i]
        bottom += weights[i] * bottoms[i]
      }
      return bottom ? top / bottom : empty
    }
  }
  const masksOf = ({ masks }: ImageTally) => masks
  const instancesOf = ({ instances }: ImageTally) => instances
  const perImage = (of: (tally: ImageTally) => number) => ratio(of, () => 1)
  const perInstance = (of: (iou: number) => number) =>
    ratio(({ ious }) => ious.reduce((total, iou) => total + of(iou), 0), instancesOf)
  const found = (level: number) => (tally: ImageTally) => tally.found[level]
  const precision = (level: number) => ratio(found(level), masksOf, 1)
  const recall = (level: number) => ratio(found(level), instancesOf)
  const f1 = (level: number) =>
    ratio(
      (tally) => 2 * tally.found[level],
      ({ masks, instances }) => masks + instances,
    )
  const sa = (level: number) => perImage((tally) => segmentationAccuracy(tally, level))
  const meanSa = (tally: ImageTally) =>
    iouLevels.reduce((total, _, level) => total + segmentationAccuracy(tally, level), 0) / iouLevels.length
  const diameters = tallies.map(({ diameters }) => diameters)
  const sums = {
    dice: perImage(({ regions }) => regions.dice),
    miou: perImage(({ regions }) => regions.miou),
    accuracy: perImage(({ regions }) => regions.accuracy),
    instanceDice: perInstance((iou) => (2 * iou) / (1 + iou)),
    instanceIou: perInstance((iou) => iou),
    precisionAt50: precision(AT50),
    recallAt50: recall(AT50),
    f1At50: f1(AT50),
    precisionAt75: precision(AT75),
    recallAt75: recall(AT75),
    f1At75: f1(AT75),
    sa50: sa(AT50),
    sa75: sa(AT75),
    msa: perImage(meanSa),
    countError: ratio(({ masks, instances }) => masks - instances, instancesOf),
    absoluteCountError: perImage(({ masks, instances }) => Math.abs(masks - instances) / instances),
    d50Error: d50Error(diameters, 'number'),
    absoluteD50Error: perImage(({ diameters }) => Math.abs(d50Error([diameters], 'number')([1]))),
    d50VolumeError: d50Error(diameters, 'volume'),
    boundaryF: perImage(({ boundary }) => boundary.f),
    sizeErrorPixels: perImage(({ size }) => size.pixels),
    sizeError: perImage(({ size }) => size.relative),
  }
  const precisions = averagePrecisions(tallies)
  return (weights) => {
    const values = Object.entries(sums).map(([name, of]) => [name, of(weights)])
    return { ...(Object.fromEntries(values) as Record<keyof typeof sums, number>), ...precisions(weights) }
  }
}

/** Average precision at IoU 0.5, at 0.75 and over all levels; NaN if any mask has no score to rank it by. */
function averagePrecisions(tallies: readonly ImageTally[]): Statistics<'ap' | 'ap50' | 'ap75'> {
  if (tallies.some(({ detections }) => detections.some(({ score }) => score === null)))
    return () => ({ ap50: NaN, ap75: NaN, ap: NaN })
  const curve = new PrecisionCurve(tallies)
  return (weights) => {
    const levels = curve.averages(weights)
    return { ap50: levels[AT50], ap75: levels[AT75], ap: levels.reduce((sum, one) => sum + one, 0) / levels.length }
  }
}

/** TP / (TP + FP + FN): the (segmentation) accuracy at an IoU level of DSB 2018 and of evaluations of SAM on cells. */
const segmentationAccuracy = ({ found, masks, instances }: ImageTally, level: number): number =>
  found[level] / (masks + instances - found[level])

/** The measures of all images, each with weight 1. */
export const valuesOf = (tallies: readonly ImageTally[]): Values => statistics(tallies)(equalWeights(tallies.length))

/** Measures that are otherwise means over images or instances, computed from the pooled pixels and particles of all images. */
export interface Pooled extends SemanticScores {
  /** Computed from all particles of all images, in pixels, even if their pixel sizes differ. */
  size: SizeError
}

export function pool(tallies: readonly ImageTally[]): Pooled {
  return {
    ...semanticScores(tallies.map(({ confusion }) => confusion).reduce(addConfusion, noPixels)),
    size: sizeError(
      tallies.flatMap(({ diameters }) => diameters.masks),
      tallies.flatMap(({ diameters }) => diameters.instances),
    ),
  }
}
