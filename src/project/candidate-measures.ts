/** @file The measures of candidates, converted from their file for the filters. */
import { regionFromXYWH, regionToBox } from '../../engine/image/box'
import type { CandidateSet, CandidateMeasures } from '../../engine/generate/candidate'
import type { CandidateFile } from './file-schemas'

/** The measures of a file's candidates, without their pixels. */
export const scoredSet = ({ image, candidates, overlaps }: CandidateFile): CandidateSet<CandidateMeasures> => ({
  size: { width: image.width, height: image.height },
  overlaps,
  candidates: candidates.map(({ area, bbox, predicted_iou, stability_score, crop_box, origin }) => ({
    area,
    box: regionToBox(regionFromXYWH(bbox)),
    predictedIou: predicted_iou,
    stability: stability_score,
    crop: regionFromXYWH(crop_box),
    ...(origin && { origin }),
  })),
})
