/** @file Writes the output files of an image's masks, each under a temporary name that is then renamed. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CandidateSet } from '../../engine/generate/candidate'
import type { Mask } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import type { LabelMap } from '../../engine/image/label-map'
import { writeLabelTiff } from '../images/label-tiff-writer'
import { writePng } from '../images/png-writer'
import { writeFileAtomic } from '../host/files'
import type { Knots } from '../../engine/tune/calibration'
import { labelOverlay } from '../drawing/label-overlay'
import type { CandidateFile, ImageInfo, ProposalFile } from './file-schemas'
import { cocoText, csvText, jsonLines, type OutputFile, toRecord } from './output-texts'
import { projectFile } from './project'

/** Optional outputs; the JSON files are always written. */
export const outputKinds = ['labels', 'tiff', 'overlay', 'csv', 'coco', 'masks'] as const
export type OutputKind = (typeof outputKinds)[number]

export async function writeProposals(dir: string, file: ProposalFile): Promise<void> {
  const { records, ...head } = file
  await writeFileAtomic(projectFile.proposals(dir, file.image.name), jsonLines(head, { records }))
}

export async function writeCandidates(
  dir: string,
  image: ImageInfo,
  set: CandidateSet,
  options: CandidateFile['options'],
  calibration?: Knots,
): Promise<void> {
  const lists = {
    candidates: set.candidates.map((one) => toRecord(one, set.size, calibration)),
    overlaps: set.overlaps,
  }
  await writeFileAtomic(projectFile.candidates(dir, image.name), jsonLines({ version: 1, image, options }, lists))
}

/** Where the outputs of one image are, by kind; the others hold all images. */
export const outputPaths = (dir: string, name: string): [OutputKind, string][] => [
  ['labels', projectFile.labels(dir, name)],
  ['tiff', tiffPath(dir, name)],
  ['overlay', projectFile.overlay(dir, name)],
  ['masks', join(dir, 'masks', name)],
]

/** Whether all of these outputs exist for an image. */
export const picturesExist = (dir: string, name: string, kinds: ReadonlySet<OutputKind>): boolean =>
  outputPaths(dir, name).every(([kind, path]) => !kinds.has(kind) || existsSync(path))

const tiffPath = (dir: string, name: string) => join(dir, 'labels', `${name}.tif`)

/** Writes the images among the outputs: label maps, overlay, single masks. */
export async function writePictures(
  dir: string,
  { name, width, height, pixelSize }: ImageInfo,
  kinds: ReadonlySet<OutputKind>,
  { rgb, labels, masks }: { rgb: Uint8Array; labels: LabelMap; masks: readonly Mask[] },
): Promise<void> {
  if (kinds.has('labels')) await writePng(projectFile.labels(dir, name), { ...labels, channels: 1 })
  if (kinds.has('tiff')) await writeLabelTiff(tiffPath(dir, name), labels, { pixelSize: pixelSize?.metres })
  if (kinds.has('overlay'))
    await writePng(projectFile.overlay(dir, name), { width, height, channels: 3, data: labelOverlay(rgb, labels) })
  if (kinds.has('masks')) {
    await rm(join(dir, 'masks', name), { recursive: true, force: true })
    for (const [i, mask] of masks.entries()) {
      const path = join(dir, 'masks', name, `${String(i + 1).padStart(4, '0')}.png`)
      await writePng(path, { width, height, channels: 1, data: paintMasks([mask], { width, height }, 255) })
    }
  }
}

/** Writes COCO annotations of all images, with particles as the only category. */
export const writeCoco = (dir: string, files: readonly OutputFile[]): Promise<void> =>
  writeFileAtomic(join(dir, 'annotations.json'), cocoText(files))

/** Writes a table of all particles; if the pixel size is known, lengths are given in micrometres too. */
export const writeCsv = (dir: string, files: readonly OutputFile[]): Promise<void> =>
  writeFileAtomic(join(dir, 'particles.csv'), csvText(files))
