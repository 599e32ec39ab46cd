/** @file Writes the output files of an image's masks, each under a temporary name that is then renamed. */
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { boxToRegion, regionToXYWH } from '../../engine/image/box'
import type { Candidate, CandidateSet } from '../../engine/generate/candidate'
import type { Mask } from '../../engine/masks/mask'
import { paintMasks } from '../../engine/masks/mask-algebra'
import { encodeMask } from '../../engine/masks/rle'
import type { LabelMap } from '../../engine/image/label-map'
import type { Size } from '../../engine/image/size'
import { writeLabelTiff } from '../images/label-tiff-writer'
import { writePng } from '../images/png-writer'
import { writeFileAtomic } from '../host/files'
import { calibrate, type Knots } from '../statistics/calibration'
import { csvLine } from '../text/csv'
import { labelOverlay } from '../drawing/label-overlay'
import type { CandidateFile, ImageInfo, ProposalFile, ProposalRecord } from './file-schemas'
import { projectFile } from './project'

/** Optional outputs; the JSON files are always written. */
export const outputKinds = ['labels', 'tiff', 'overlay', 'csv', 'coco', 'masks'] as const
export type OutputKind = (typeof outputKinds)[number]

/** A mask with its measures, as project files hold them. */
export const toRecord = (of: Candidate, size: Size, calibration?: Knots): ProposalRecord => ({
  segmentation: encodeMask(of.mask, size),
  area: of.area,
  bbox: regionToXYWH(boxToRegion(of.box)),
  predicted_iou: rounded(of.predictedIou),
  ...(calibration && !of.origin && { calibrated_iou: rounded(calibrate(calibration, of.predictedIou)) }),
  stability_score: rounded(of.stability),
  point_coords: [of.point],
  ...(of.promptBox && { box_prompt: regionToXYWH(of.promptBox) }),
  crop_box: regionToXYWH(of.crop),
  ...(of.origin && { origin: of.origin }),
})

/** Six significant digits: the precision of a GPU's f32 result. */
const rounded = (value: number) => Number(value.toPrecision(6))

/** JSON with one record per line: readable, and easy to diff. */
function jsonLines(head: object, lists: Record<string, readonly unknown[]>): string {
  const texts = Object.entries(lists).map(
    ([name, list]) => `${JSON.stringify(name)}: [\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]`,
  )
  return `${JSON.stringify(head).slice(0, -1)},\n${texts.join(',\n')}}\n`
}

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

/** A mask for the files that hold all images. */
export interface OutputRecord {
  segmentation: ProposalRecord['segmentation']
  area: number
  bbox: ProposalRecord['bbox']
  /** Null if no model made the mask. */
  predicted_iou: number | null
  calibrated_iou?: number
  stability_score: number | null
  /** What made the mask, if it was no model: 'watershed', 'brush' … */
  origin?: string
}

export interface OutputFile {
  image: ImageInfo
  records: readonly OutputRecord[]
}

/** Writes COCO annotations of all images, with particles as the only category. */
export async function writeCoco(dir: string, files: readonly OutputFile[]): Promise<void> {
  const images = files.map(({ image: { name, width, height } }, i) => ({
    id: i + 1,
    file_name: `${name}.png`,
    width,
    height,
  }))
  const annotations = files.flatMap(({ records }, i) => records.map((record) => ({ image: i + 1, record })))
  const lists = {
    images,
    annotations: annotations.map(({ image, record }, i) => ({
      id: i + 1,
      image_id: image,
      category_id: 1,
      iscrowd: 0,
      ...record,
    })),
  }
  const categories = [{ id: 1, name: 'particle', supercategory: '' }]
  await writeFileAtomic(join(dir, 'annotations.json'), jsonLines({ info: { description: 'wgsam' }, categories }, lists))
}

/** Writes a table of all particles; if the pixel size is known, lengths are given in micrometres too. */
export async function writeCsv(dir: string, files: readonly OutputFile[]): Promise<void> {
  const columns =
    'image,particle,x_px,y_px,width_px,height_px,area_px,diameter_px,pixel_size_um,area_um2,diameter_um,edge,predicted_iou,calibrated_iou,stability_score'
  const rows = files.flatMap(({ image, records }) =>
    records.map(({ area, bbox: [x, y, width, height], predicted_iou, calibrated_iou, stability_score, origin }, i) => {
      const um = image.pixelSize && image.pixelSize.metres * 1e6
      const diameter = equivalentDiameter(area)
      const edge = x === 0 || y === 0 || x + width === image.width || y + height === image.height
      const lengths = um ? [um, area * um * um, diameter * um].map((value) => value.toPrecision(6)) : ['', '', '']
      const pixels = [x, y, width, height, String(area), diameter.toFixed(3)]
      return csvLine([
        image.name,
        i + 1,
        ...pixels,
        ...lengths,
        edge,
        // masks that are not a model's have no scores
        ...(origin === 'watershed' || origin === 'imported'
          ? ['', '', '']
          : [predicted_iou ?? '', calibrated_iou ?? '', stability_score ?? '']),
      ])
    }),
  )
  await writeFileAtomic(join(dir, 'particles.csv'), [`${columns}\n`, ...rows].join(''))
}
