/** @file The measures of candidates, converted from their file for the filters. */
import type { Box, CandidateSet, Scored } from '../../engine/generate/candidate'
import type { CandidateFile, ProposalRecord } from './file-schemas'

const fromXYWH = ([x, y, width, height]: ProposalRecord['bbox']): Box => [x, y, x + width - 1, y + height - 1]

/** The measures of a file's candidates, without their pixels. */
export const scoredSet = ({ image, candidates, overlaps }: CandidateFile): CandidateSet<Scored> => ({
  size: { width: image.width, height: image.height },
  overlaps,
  candidates: candidates.map(({ area, bbox, predicted_iou, stability_score, crop_box: [x, y, width, height] }) => ({
    area,
    box: fromXYWH(bbox),
    predictedIou: predicted_iou,
    stability: stability_score,
    crop: [x, y, x + width, y + height],
  })),
})
