/** @file Filters a project's candidates again: no model, no GPU, milliseconds an image. */
import { existsSync } from 'node:fs'
import type { Box, CandidateSet, Scored } from '../../engine/generate/candidate'
import { filterCandidates, type FilterOptions } from '../../engine/generate/filter'
import { labelMap } from '../../engine/generate/label-map'
import { decodeMask } from '../../engine/masks/rle'
import { readImage } from '../data/image'
import { toRGB8 } from '../data/pixels'
import { type OutputKind, writePictures, writeProposals } from './outputs'
import { type CandidateFile, projectFile, type ProposalFile, type ProposalRecord } from './project'
import { readCandidates, readProposals } from './read'

const fromXYWH = ([x, y, width, height]: ProposalRecord['bbox']): Box => [x, y, x + width - 1, y + height - 1]

/** The measures of a file's candidates: what filterCandidates takes. */
export const scoredSet = ({ image, candidates, overlaps }: CandidateFile): CandidateSet<Scored> => ({
  size: image,
  overlaps,
  candidates: candidates.map(({ area, bbox, predicted_iou, stability_score, crop_box: [x, y, width, height] }) => ({
    area,
    box: fromXYWH(bbox),
    predictedIou: predicted_iou,
    stability: stability_score,
    crop: [x, y, x + width, y + height],
  })),
})

/** The options that choose among candidates; all others decide which candidates there are. */
export const filterOptionNames = [
  'predIouThresh',
  'stabilityScoreThresh',
  'boxNmsThresh',
  'minArea',
  'maxArea',
  'dropFrames',
  'maskNmsThresh',
  'containmentThresh',
] as const satisfies readonly (keyof FilterOptions)[]

export interface Refiltered {
  file: ProposalFile
  /** Of choosing alone, reading and writing left out. */
  milliseconds: number
}

/** Chooses an image's proposals anew. Only the named filters change; null where a person has reviewed them. */
export async function refilter(
  dir: string,
  name: string,
  change: Partial<FilterOptions>,
  kinds: ReadonlySet<OutputKind>,
): Promise<Refiltered | null> {
  if (existsSync(projectFile.log(dir, name))) return null
  const earlier = await readProposals(dir, name)
  const candidates = await readCandidates(dir, name)
  const options = { ...(candidates.options as unknown as FilterOptions), ...change }
  const began = performance.now()
  const { kept, removed } = filterCandidates(scoredSet(candidates), options)
  const milliseconds = performance.now() - began
  const file: ProposalFile = {
    ...earlier,
    generator: { ...earlier.generator, options: { ...earlier.generator.options, ...change } },
    removed: { ...earlier.removed, ...removed },
    records: kept.map((i) => candidates.candidates[i]),
  }
  const masks = file.records.map(({ segmentation }) => decodeMask(segmentation))
  const rgb = toRGB8(await readImage(projectFile.image(dir, name)))
  await writePictures(dir, file.image, kinds, { rgb, labels: labelMap(masks, file.image), masks })
  await writeProposals(dir, file)
  return { file, milliseconds }
}
