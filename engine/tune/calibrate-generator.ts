/** @file Calibrates the predicted IoU of the generator's masks on labelled images, and shows how reliable it is on others. */
import { filterCandidates, type FilterOptions } from '../generate/filter'
import type { StoredCalibration } from '../train/adapter-profile'
import { calibrate, calibrationError, fitCalibration, type Knots, type Outcome, reliabilityBins } from './calibration'
import type { TuneImage } from './tune-thresholds'

/**
 * Predicted and true IoU of the masks that the generator would keep at a low threshold of the predicted IoU: one for each
 * particle, as users see them. A mask's true IoU is that with the label that it fits best.
 */
function outcomes({ set, ious }: TuneImage, options: FilterOptions, predIouThresh: number): Outcome[] {
  const { kept } = filterCandidates(set, { ...options, predIouThresh })
  return kept.map((i) => ({ predicted: set.candidates[i].predictedIou, actual: ious[i] }))
}

/**
 * Fits the calibration of an adapter on images whose candidates go down to `floor`. Its reliability is that on images that the
 * fit has not seen: each image is predicted by the fit to the others. Null if there are too few masks, or if there the fit brings
 * the predicted IoU no nearer to the true one.
 * @param options the filters that choose masks, with the thresholds that the adapter is going to use
 */
export function calibrateGenerator(
  images: readonly TuneImage[],
  options: FilterOptions,
  floor: number,
): StoredCalibration | null {
  const perImage = images.map((image) => outcomes(image, options, floor))
  const knots = fitCalibration(perImage.flat())
  if (!knots) return null
  const unseen: Outcome[] = []
  const mapped: Outcome[] = []
  perImage.forEach((own, i) => {
    const others = fitCalibration(perImage.flatMap((list, k) => (k === i ? [] : list)))
    if (!others) return
    unseen.push(...own)
    mapped.push(...calibrated(own, others))
  })
  const reliability = unseen.length ? reliabilityOf(unseen, mapped) : null
  if (reliability?.calibrated && reliability.calibrated.error >= reliability.raw.error) return null
  return {
    knots: knots.map(([x, y]) => [x, y]),
    images: images.length,
    masks: perImage.flat().length,
    reliability,
  }
}

/** Outcomes whose predictions are calibrated. */
export const calibrated = (list: readonly Outcome[], knots: Knots): Outcome[] =>
  list.map(({ predicted, actual }) => ({ predicted: calibrate(knots, predicted), actual }))

/** The reliability of predictions as they are and (null: not calibrated) calibrated. */
export type Reliability = NonNullable<StoredCalibration['reliability']>

/** @param mapped null if there is no calibration */
export function reliabilityOf(raw: readonly Outcome[], mapped: readonly Outcome[] | null): Reliability {
  const diagram = (list: readonly Outcome[]) => {
    const bins = reliabilityBins(list)
    return { error: calibrationError(bins), bins }
  }
  return { raw: diagram(raw), calibrated: mapped && diagram(mapped) }
}
