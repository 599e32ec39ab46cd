/** @file The masks of images as records and as the text of files: COCO annotations and tables. It runs in any host. */
import type { Candidate } from '../../engine/generate/candidate'
import { boxToRegion, regionToXYWH } from '../../engine/image/box'
import type { Size } from '../../engine/image/size'
import { equivalentDiameter } from '../../engine/masks/equivalent-diameter'
import { maskArea, maskRegion } from '../../engine/masks/mask'
import { decodeMask, encodeMask } from '../../engine/masks/rle'
import { calibrate, type Knots } from '../../engine/tune/calibration'
import { csvLine } from '../text/csv'
import type { ImageInfo, ProposalRecord } from './file-schemas'
import type { ReviewMask } from './review/review-records'

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
export function jsonLines(head: object, lists: Record<string, readonly unknown[]>): string {
  const texts = Object.entries(lists).map(
    ([name, list]) => `${JSON.stringify(name)}: [\n${list.map((one) => JSON.stringify(one)).join(',\n')}\n]`,
  )
  return `${JSON.stringify(head).slice(0, -1)},\n${texts.join(',\n')}}\n`
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

/** A mask under review, for the files that hold all images. */
export function recordOf({
  segmentation,
  origin,
  source,
  predictedIou,
  calibratedIou,
  stability,
}: ReviewMask): OutputRecord {
  const mask = decodeMask(segmentation)
  const made = origin === 'proposal' ? source : origin
  return {
    segmentation,
    area: maskArea(mask),
    bbox: regionToXYWH(maskRegion(mask)),
    predicted_iou: predictedIou,
    ...(typeof calibratedIou === 'number' && { calibrated_iou: calibratedIou }),
    stability_score: stability,
    ...(made && { origin: made }),
  }
}

/**
 * COCO annotations of all images, with particles as the only category.
 * @param fileOf the name of an image's file; by default that in a project
 */
export function cocoText(files: readonly OutputFile[], fileOf = ({ name }: ImageInfo) => `${name}.png`): string {
  const images = files.map(({ image }, i) => ({
    id: i + 1,
    file_name: fileOf(image),
    width: image.width,
    height: image.height,
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
  return jsonLines({ info: { description: 'wgsam' }, categories }, lists)
}

/** A table of all particles; if the pixel size is known, lengths are given in micrometres too. */
export function csvText(files: readonly OutputFile[]): string {
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
  return [`${columns}\n`, ...rows].join('')
}
