/** @file The measures: what each is called, and what it is of several images together. docs/metrics.md says why these. */
import { PrecisionCurve } from './average-precision'
import { equalWeights, type Statistic } from './bootstrap'
import { iouLevels } from './matching'
import { addConfusion, noPixels, semanticScores, type SemanticScores } from './measures'
import { sizeError, type SizeError } from './sizes'
import type { Tally } from './tally'

export interface Measure {
  label: string
  /** 'percent' is a share, from 0 to 1 (errors may be larger or negative). */
  unit: 'percent' | 'pixels'
  better: 'more' | 'less' | 'zero'
}

const share = (label: string): Measure => ({ label, unit: 'percent', better: 'more' })

/** All of them, in the order of tables. */
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
  boundaryF: share('boundary F'),
  sizeErrorPixels: { label: 'size error, px', unit: 'pixels', better: 'less' },
  sizeError: { label: 'size error', unit: 'percent', better: 'less' },
} as const satisfies Record<string, Measure>

export type MeasureName = keyof typeof measures
export const measureNames = Object.keys(measures) as MeasureName[]
/** NaN where a measure says nothing: average precision without scores. */
export type Values = Record<MeasureName, number>

/** iouLevels' places of 0.5 and 0.75. */
const [AT50, AT75] = [0.5, 0.75].map((level) => iouLevels.indexOf(level))

/** Every measure of these images as a function of how often each of them counts. */
export function statistics(tallies: readonly Tally[]): Record<MeasureName, Statistic> {
  const sum = (weights: ArrayLike<number>, of: (tally: Tally) => number) => {
    let total = 0
    for (let i = 0; i < tallies.length; i++) if (weights[i]) total += weights[i] * of(tallies[i])
    return total
  }
  /** Two sums over images, divided; `empty` where there is nothing to divide by. */
  const ratio = (above: (tally: Tally) => number, below: (tally: Tally) => number, empty = NaN): Statistic => {
    const [tops, bottoms] = [tallies.map(above), tallies.map(below)]
    return (weights) => {
      let [top, bottom] = [0, 0]
      for (let i = 0; i < tops.length; i++) {
        top += weights[i] * tops[i]
        bottom += weights[i] * bottoms[i]
      }
      return bottom ? top / bottom : empty
    }
  }
  const perImage = (of: (tally: Tally) => number) => ratio(of, () => 1)
  const perInstance = (of: (iou: number) => number) =>
    ratio(
      ({ ious }) => ious.reduce((total, iou) => total + of(iou), 0),
      ({ instances }) => instances,
    )
  const curve = new PrecisionCurve(tallies)
  const scored = tallies.every(({ detections }) => detections.every(({ score }) => score !== null))
  const average = (levels: readonly number[]): Statistic =>
    scored
      ? (weights) => levels.reduce((total, level) => total + curve.average(level, weights), 0) / levels.length
      : () => NaN
  const found = (level: number) => (tally: Tally) => tally.found[level]
  const precision = (level: number) => ratio(found(level), ({ masks }) => masks, 1)
  const recall = (level: number) => ratio(found(level), ({ instances }) => instances)
  const f1 = (level: number) =>
    ratio(
      (tally) => 2 * tally.found[level],
      ({ masks, instances }) => masks + instances,
    )
  const countError = ({ masks, instances }: Tally) => (masks - instances) / instances
  return {
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
    ap50: average([AT50]),
    ap75: average([AT75]),
    ap: average(iouLevels.map((_, level) => level)),
    sa50: perImage((tally) => segmentationAccuracy(tally, AT50)),
    sa75: perImage((tally) => segmentationAccuracy(tally, AT75)),
    msa: perImage(
      (tally) =>
        iouLevels.reduce((total, _, level) => total + segmentationAccuracy(tally, level), 0) / iouLevels.length,
    ),
    countError: (weights) =>
      sum(weights, ({ masks, instances }) => masks - instances) / sum(weights, (t) => t.instances),
    absoluteCountError: perImage((tally) => Math.abs(countError(tally))),
    boundaryF: perImage(({ boundary }) => boundary.f),
    sizeErrorPixels: perImage(({ size }) => size.pixels),
    sizeError: perImage(({ size }) => size.relative),
  }
}

/** TP / (TP + FP + FN): what DSB 2018 and evaluations of SAM on cells call the (segmentation) accuracy at an IoU. */
const segmentationAccuracy = ({ found, masks, instances }: Tally, level: number): number =>
  found[level] / (masks + instances - found[level])

/** The measures of all images, each counting once. */
export function valuesOf(tallies: readonly Tally[]): Values {
  const weights = equalWeights(tallies.length)
  const all = statistics(tallies)
  return Object.fromEntries(measureNames.map((name) => [name, all[name](weights)])) as Values
}

/** Those measures that are means over images or instances, with all images' pixels and particles thrown together instead. */
export interface Pooled extends SemanticScores {
  /** Of all particles of all images, whatever the pixel is there. */
  size: SizeError
}

export function pool(tallies: readonly Tally[]): Pooled {
  return {
    ...semanticScores(tallies.map(({ confusion }) => confusion).reduce(addConfusion, noPixels)),
    size: sizeError(
      tallies.flatMap(({ diameters }) => diameters.masks),
      tallies.flatMap(({ diameters }) => diameters.instances),
    ),
  }
}
