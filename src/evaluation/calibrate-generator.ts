/** @file How reliable the predicted IoU of evaluated masks is, and a calibration as text. */
import { calibrated, type Reliability, reliabilityOf } from '../../engine/tune/calibrate-generator'
import type { Knots } from '../../engine/tune/calibration'
import type { StoredCalibration } from '../weights/adapter-profile'
import type { Detection } from './matching'

/** The reliability of the predicted IoU of evaluated masks; null if there are none, or a mask has no predicted IoU. */
export function reliabilityOfDetections(detections: readonly Detection[], knots: Knots | null): Reliability | null {
  const raw = detections.flatMap(({ score, iou }) => (score === null ? [] : [{ predicted: score, actual: iou }]))
  if (!raw.length || raw.length < detections.length) return null
  return reliabilityOf(raw, knots && calibrated(raw, knots))
}

/** A calibration as text: on what it was fitted, and the calibration error before and after. */
export function describeCalibration({ masks, images, reliability }: StoredCalibration): string {
  const on = `predicted IoU calibrated on ${masks} masks of ${images} image${images === 1 ? '' : 's'}`
  if (!reliability?.calibrated) return on
  const { raw, calibrated: after } = reliability
  const percent = (error: number) => `${(100 * error).toFixed(1)} %`
  return `${on}: calibration error ${percent(raw.error)} before, ${percent(after.error)} after, on images left out of the fit`
}
