/** @file COCO instance annotations: reads the file, rasterises its annotations to a label map, and writes an annotation. */
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { boxToRegion, regionToXYWH } from '../../engine/image/box'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { messageOf, UserError } from '../host/errors'
import type { InstanceBox } from '../../engine/image/label-map'
import { maxPixels } from '../images/image'
import { fillPolygon } from './fill-polygon'
import { eachRun, encodeRle } from '../../engine/masks/rle'

/** A width or height. */
const side = v.pipe(v.number(), v.integer(), v.minValue(1))
const rleSchema = v.object({ size: v.tuple([side, side]), counts: v.union([v.string(), v.array(v.number())]) })
export const cocoAnnotationSchema = v.object({
  image_id: v.union([v.number(), v.string()]),
  segmentation: v.union([v.array(v.array(v.number())), rleSchema]),
  iscrowd: v.optional(v.union([v.number(), v.boolean()])),
})
export const cocoImageSchema = v.object({
  id: v.union([v.number(), v.string()]),
  file_name: v.pipe(v.string(), v.minLength(1)),
  width: side,
  height: side,
})
const cocoFileSchema = v.object({ images: v.array(cocoImageSchema), annotations: v.array(v.unknown()) })

export type CocoImage = v.InferOutput<typeof cocoImageSchema>
export type CocoAnnotation = v.InferOutput<typeof cocoAnnotationSchema>

export interface Coco {
  images: CocoImage[]
  /** Annotations by image id, without crowd regions, which are not single instances. */
  annotations: Map<number | string, CocoAnnotation[]>
  /** The number of crowd regions left out, by image id. */
  crowds: Map<number | string, number>
}

/** Reads a COCO instances file. @throws UserError naming the file and the entry that is wrong */
export async function readCoco(path: string): Promise<Coco> {
  const refuse = (reason: string): never => {
    throw new UserError(`cannot use ${path} as COCO annotations: ${reason}`)
  }
  const text = await readFile(path, 'utf8').catch((error: Error) => refuse(error.message))
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    refuse(`it is not valid JSON (${messageOf(error)})`)
  }
  const file = v.safeParse(cocoFileSchema, json)
  if (!file.success) return refuse(issueText(file.issues[0]))
  const annotations = new Map<number | string, CocoAnnotation[]>()
  const crowds = new Map<number | string, number>()
  for (const { id } of file.output.images) {
    if (annotations.has(id)) refuse(`two images have the id ${id}`)
    annotations.set(id, [])
  }
  file.output.annotations.forEach((entry, i) => {
    const annotation = v.safeParse(cocoAnnotationSchema, entry)
    if (!annotation.success) return refuse(issueText(annotation.issues[0], `annotations.${i}.`))
    const list = annotations.get(annotation.output.image_id)
    if (!list) return refuse(`annotations.${i} belongs to image ${annotation.output.image_id}, which is not listed`)
    const { image_id: id, iscrowd } = annotation.output
    if (iscrowd) crowds.set(id, (crowds.get(id) ?? 0) + 1)
    else list.push(annotation.output)
  })
  return { images: file.output.images, annotations, crowds }
}

/** What is wrong with an entry, with the dotted path of the field. */
export const issueText = (of: v.BaseIssue<unknown>, where = ''): string =>
  `${where}${v.getDotPath(of) ?? ''}: ${of.message}`

/** Calls `span` for each run of the annotation's pixels with its first index in the (height, width) map, length and step. */
function eachSpan(
  { segmentation }: CocoAnnotation,
  { width, height }: CocoImage,
  span: (start: number, length: number, step: number) => void,
): void {
  if (Array.isArray(segmentation)) {
    for (const polygon of segmentation)
      fillPolygon(polygon, width, height, (y, x, length) => span(y * width + x, length, 1))
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

/**
 * Rasterises the annotations of one image: annotation i becomes label i + 1. Where instances overlap, the smaller is on top
 * (of two of the same area the later). The polygons of one annotation are united; each is filled by the even-odd rule.
 * @throws Error naming the annotation that is wrong
 */
export function cocoLabels(image: CocoImage, annotations: readonly CocoAnnotation[]): LabelMap {
  const { width, height } = image
  if (width * height > maxPixels) throw new Error(`${width}x${height} pixels are too many for one label map`)
  if (annotations.length > MAX_LABEL)
    throw new Error(`${annotations.length} annotations: a label map can hold ${MAX_LABEL}`)
  const data = new Uint16Array(width * height)
  const areas = annotations.map((annotation, i) => {
    let area = 0
    try {
      eachSpan(annotation, image, (_, length) => (area += length))
    } catch (error) {
      throw new Error(`annotation ${i + 1} of ${image.file_name}: ${messageOf(error)}`)
    }
    return area
  })
  const order = annotations.map((_, i) => i).sort((a, b) => areas[b] - areas[a] || a - b)
  for (const i of order)
    eachSpan(annotations[i], image, (start, length, step) => {
      for (let k = 0; k < length; k++) data[start + k * step] = i + 1
    })
  return { width, height, data }
}

/** The COCO annotation of one instance: with these polygons, or if there are none as RLE; bbox is [x, y, width, height]. */
export const cocoAnnotation = (
  { width, height, data }: LabelMap,
  box: InstanceBox,
  ids: { id: number; imageId: number },
  polygons: number[][] | null = null,
): object => ({
  id: ids.id,
  image_id: ids.imageId,
  category_id: 1,
  iscrowd: 0,
  area: box.area,
  bbox: regionToXYWH(boxToRegion(box)),
  segmentation: polygons ?? encodeRle(data, width, height, box.id, box),
})
