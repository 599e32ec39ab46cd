/** @file The measures of candidates, converted from their file for the filters. */
import type { Box, Region } from '../../engine/image/box'
import type { CandidateSet, CandidateMeasures } from '../../engine/generate/candidate'
import type { CandidateFile, ProposalRecord } from './file-schemas'

/** The x, y, width, height of a file as a box. */
const fromXYWH = ([x, y, width, height]: ProposalRecord['bbox']): Box => ({
  x0: x,
  y0: y,
  x1: x + width - 1,
  y1: y + height - 1,
})

/** The x, y, width, height of a file as a region. */
const regionFromXYWH = ([left, top, width, height]: ProposalRecord['crop_box']): Region => ({
  left,
  top,
  right: left + width,
  bottom: top + height,
})

/** The measures of a file's candidates, without their pixels. */
export const scoredSet = ({ image, candidates, overlaps }: CandidateFile): CandidateSet<CandidateMeasures> => ({
  size: { width: image.width, height: image.height },
  overlaps,
  candidates: candidates.map(({ area, bbox, predicted_iou, stability_score, crop_box }) => ({
    area,
    box: fromXYWH(bbox),
    predictedIou: predicted_iou,
    stability: stability_score,
    crop: regionFromXYWH(crop_box),
  })),
})
