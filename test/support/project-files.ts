/** @file The JSON files of a project, made without a model. */
import type { CompressedRle } from '../../engine/masks/rle'
import type { Size } from '../../engine/image/size'
import type { CandidateFile, ProposalFile } from '../../src/project/file-schemas'
import { SIZE } from './review'

const image = ({ width, height }: Size): ProposalFile['image'] => ({
  ...{ name: 'a', width, height, source: 'a.tif', page: 0, croppedBottom: 0 },
  pixelSize: { metres: 1e-9, from: 'a tag' },
})

const record = (segmentation: CompressedRle, { width, height }: Size): ProposalFile['records'][number] => ({
  segmentation,
  ...{ area: 25, bbox: [1, 1, 5, 5], predicted_iou: 0.9, stability_score: 0.95 },
  ...{ point_coords: [[3, 3]], crop_box: [0, 0, width, height] },
})

/** proposals/a.json with these masks. */
export const proposalsOf = (masks: readonly CompressedRle[], size: Size = SIZE): ProposalFile => ({
  version: 1,
  image: image(size),
  generator: { model: 'toy', adapter: null, size: 96, options: { predIouThresh: 0.8 } },
  ...{ key: 'abc', seconds: 1, masks: masks.length, removed: { small: 1 } },
  records: masks.map((one) => record(one, size)),
})

/** candidates/a.json with these masks. */
export const candidatesOf = (masks: readonly CompressedRle[], size: Size = SIZE): CandidateFile => ({
  version: 1,
  image: image(size),
  options: { maskThreshold: 0 },
  candidates: masks.map((one) => record(one, size)),
  overlaps: masks.length > 1 ? [[0, 1, 3]] : [],
})
