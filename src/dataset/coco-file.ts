/** @file Rasterises the polygons and run lengths of COCO annotations to a label map, and writes an annotation. */
import { boxToRegion, regionToXYWH } from '../../engine/image/box'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { messageOf } from '../host/errors'
import type { InstanceBox } from '../../engine/image/label-map'
import type { Size } from '../../engine/image/size'
import type { CocoAnnotation } from './coco-json'
import { maxPixels } from '../images/image'
import { type FillBudget, fillPolygon } from './fill-polygon'
import { eachRun, encodeRle } from '../../engine/masks/rle'

/** Calls `span` for each run of the annotation's pixels with its first index in the (height, width) map, length and step. */
function eachSpan(
  { segmentation }: Pick<CocoAnnotation, 'segmentation'>,
  { width, height }: Size,
  span: (start: number, length: number, step: number) => void,
  budget?: FillBudget,
): void {
  if (Array.isArray(segmentation)) {
    for (const polygon of segmentation)
      fillPolygon(polygon, width, height, (y, x, length) => span(y * width + x, length, 1), budget)
    return
  }
  const [rows, columns] = segmentation.size
  if (rows !== height || columns !== width)
    throw new Error(`its mask is ${columns}x${rows} pixels, the image ${width}x${height} (size is [height, width])`)
  eachRun(segmentation, (start, length) => {
    for (let at = start; at < start + length;) {
      const y = at % height
      const rest = Math.min(height - y, start + length - at)
      span(y * width + Math.floor(at / height), rest, width)
      at += rest
    }
  })
}

/** Bounds of the work on one image, against files that mean harm: pixels painted, as a multiple of the image’s pixels, and at least. */
const MAX_COVER = 50
const MIN_PAINTED = 2 ** 30
/** Crossings of the sides of all polygons of an image and its rows. */
const MAX_CROSSINGS = 2 ** 25

/**
 * Rasterises the annotations of one image: annotation i becomes label i + 1. Where instances overlap, the smaller is on top
 * (of two of the same area the later). The polygons of one annotation are united; each is filled by the even-odd rule.
 * @param damaged is called with an annotation that is wrong, which then has no pixel; without it, an error is thrown
 * @throws Error if the image or the annotations are too large
 */
export function cocoLabels(
  { width, height }: Size,
  annotations: readonly Pick<CocoAnnotation, 'segmentation'>[],
  damaged?: (annotation: number, reason: string) => void,
): LabelMap {
  if (width * height > maxPixels) throw new Error(`${width}x${height} pixels are too many for one label map`)
  if (annotations.length > MAX_LABEL)
    throw new Error(`${annotations.length} annotations: a label map can hold ${MAX_LABEL}`)
  const size = { width, height }
  const data = new Uint16Array(width * height)
  const budget: FillBudget = { crossings: MAX_CROSSINGS }
  let paint = Math.max(MAX_COVER * width * height, MIN_PAINTED)
  const areas = annotations.map((annotation, i) => {
    let area = 0
    try {
      eachSpan(annotation, size, (_, length) => (area += length), budget)
    } catch (error) {
      if (budget.crossings < 0) throw error
      if (!damaged) throw new Error(`annotation ${i + 1}: ${messageOf(error)}`)
      damaged(i, messageOf(error))
      return 0
    }
    paint -= area
    if (paint < 0 || budget.crossings < 0)
      throw new Error(`its annotations are too many and too large: they cover it more than ${MAX_COVER} times`)
    return area
  })
  const order = annotations.map((_, i) => i).filter((i) => areas[i] > 0)
  order.sort((a, b) => areas[b] - areas[a] || a - b)
  for (const i of order)
    eachSpan(annotations[i], size, (start, length, step) => {
      if (step === 1) data.fill(i + 1, start, start + length)
      else for (let k = 0; k < length; k++) data[start + k * step] = i + 1
    })
  return { width, height, data }
}

/** The COCO annotation of one instance: with these polygons, or if there are none as RLE; bbox is [x, y, width, height]. */
export const cocoAnnotation = (
  { width, height, data }: LabelMap,
  box: InstanceBox,
  ids: { id: number; imageId: number; category?: number },
  polygons: number[][] | null = null,
): object => ({
  id: ids.id,
  image_id: ids.imageId,
  category_id: ids.category ?? 1,
  iscrowd: 0,
  area: box.area,
  bbox: regionToXYWH(boxToRegion(box)),
  segmentation: polygons ?? encodeRle(data, width, height, box.id, box),
})
