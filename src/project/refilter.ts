/** @file Filters a project's candidates again, without model or GPU, in milliseconds per image. */
import { existsSync } from 'node:fs'
import type { CandidateSet } from '../../engine/generate/candidate'
import { filterCandidates, type FilterOptions } from '../../engine/generate/filter'
import type { GeneratorOptions } from '../../engine/generate/generator-options'
import { rethreshold } from '../../engine/generate/rethreshold'
import { labelMap } from '../../engine/masks/paint-label-map'
import { decodeMask } from '../../engine/masks/rle'
import { readImage } from '../images/read-image'
import { toRGB8 } from '../images/rgb8'
import { UserError } from '../host/errors'
import { readWithLogits } from './logits-file'
import { toRecord } from './output-texts'
import { type OutputKind, writePictures, writeProposals } from './outputs'
import type { ProposalFile } from './file-schemas'
import { projectFile } from './project'
import { readCandidates, readProposals } from './read-proposals'
import { scoredSet } from './candidate-measures'

/** The options that select among candidates; all others determine which candidates exist. */
export const filterOptionNames = [
  'predIouThresh',
  'stabilityScoreThresh',
  'boxNmsThresh',
  'minArea',
  'maxArea',
  'dropFrames',
  'maskNmsThresh',
  'containmentThresh',
  'relativeScoreThresh',
] as const satisfies readonly (keyof FilterOptions)[]

export interface Refiltered {
  file: ProposalFile
  /** Time of filtering alone, without reading and writing. */
  milliseconds: number
}

/** Options that can change without the model: the filters, and the mask threshold if logits were kept. */
export type FilterChange = Partial<FilterOptions & Pick<GeneratorOptions, 'maskThreshold' | 'stabilityScoreOffset'>>

/**
 * Selects an image's proposals again, with the named options changed.
 * @returns null if a person has reviewed the image
 */
export async function refilter(
  dir: string,
  name: string,
  change: FilterChange,
  kinds: ReadonlySet<OutputKind>,
): Promise<Refiltered | null> {
  if (existsSync(projectFile.log(dir, name))) return null
  const earlier = await readProposals(dir, name)
  const candidates = await readCandidates(dir, name)
  const options = { ...(earlier.generator.options as unknown as GeneratorOptions), ...change }
  const moved =
    options.maskThreshold !== candidates.options.maskThreshold ||
    options.stabilityScoreOffset !== candidates.options.stabilityScoreOffset
  const again = moved ? await readWithLogits(dir, candidates) : null
  const began = performance.now()
  const set = again ? await atThreshold(again, options) : null
  const { kept, removed } = filterCandidates(set ?? scoredSet(candidates), options)
  const milliseconds = performance.now() - began
  const file: ProposalFile = {
    ...earlier,
    generator: { ...earlier.generator, options: { ...options } },
    removed: { ...earlier.removed, ...removed },
    records: kept.map((i) =>
      set ? toRecord(set.candidates[i], set.size, earlier.generator.calibration) : candidates.candidates[i],
    ),
  }
  const masks = file.records.map(({ segmentation }) => decodeMask(segmentation))
  const rgb = toRGB8(await readImage(projectFile.image(dir, name)))
  await writePictures(dir, file.image, kinds, { rgb, labels: labelMap(masks, file.image), masks })
  await writeProposals(dir, file)
  return { file, milliseconds }
}

/** @throws UserError if the threshold needs a logit that was not kept */
const atThreshold = (set: CandidateSet, options: GeneratorOptions) =>
  rethreshold(set, options).catch((error: Error) => {
    throw new UserError(error.message)
  })
