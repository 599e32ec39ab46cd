/** @file The IoU that the page shows for a mask: the calibrated one if the adapter is calibrated, else the predicted one. */
import type { ReviewMask } from '../../../project/review/review-records'

type Ious = Pick<ReviewMask, 'predictedIou' | 'calibratedIou'>

export const shownIou = ({ predictedIou, calibratedIou }: Ious): number | null => calibratedIou ?? predictedIou

/** The value beside it for people who want to know: "predicted 0.93, calibrated 0.81"; empty if there is only one. */
export const iouDetails = ({ predictedIou, calibratedIou }: Ious): string =>
  typeof calibratedIou === 'number' && predictedIou !== null
    ? `predicted ${predictedIou.toFixed(3)}, calibrated ${calibratedIou.toFixed(3)}`
    : ''
