/** @file VGG Image Annotator 2: one JSON file, either a project or exported annotations. */
import { join } from 'node:path'
import { stat } from 'node:fs/promises'
import { messageOf, UserError } from '../../host/errors'
import { writeAtomic } from '../../host/files'
import { labelPolygons, singleRing } from '../single-ring'
import { ellipse, PointBudget, rectangle } from './primitives'
import type { ExportImage, AnnotationFormat, ImageShapes, InstanceShape } from './format'
import { finiteNumber, finiteNumbers, isObject, type JsonObject, readJson } from './json'
import { otherFormat } from './recognise-json'
import { shown } from '../../text/check-value'

export const via: AnnotationFormat = {
  async read(path, { closeLines }) {
    const refuse = (reason: string): never => {
      throw new UserError(`cannot use ${path} as VIA annotations: ${reason}`)
    }
    const json = await readJson(path).catch((error: Error) =>
      refuse(/\.csv$/i.test(path) ? 'it is the export as CSV: export it as JSON' : error.message),
    )
    if (!isObject(json)) return refuse(`it is not a JSON object${otherFormat(json, 'via')}`)
    if (isObject(json.project) && isObject(json.metadata))
      return refuse('it was written by VIA 3, which is not supported: export it as VIA 2 JSON or COCO')
    const entries = isObject(json._via_img_metadata) ? json._via_img_metadata : json
    const images = Object.entries(entries).filter(([, entry]) => isObject(entry) && 'regions' in entry)
    if (!images.length) return refuse(`it contains no image with "regions"${otherFormat(json, 'via')}`)
    return {
      problems: images
        .filter(([, entry]) => typeof (entry as JsonObject).filename !== 'string')
        .map(([key]) => ({ where: `${path}, ${key}`, reason: 'it has no filename' })),
      images: images
        .filter(([, entry]) => typeof (entry as JsonObject).filename === 'string')
        .map(([key, entry]) => ({
          file: (entry as JsonObject).filename as string,
          from: `${path}, ${key}`,
          read: async () => regionsOf((entry as JsonObject).regions, closeLines),
        })),
    }
  },

  async write(out, images, { className }) {
    const path = join(out, 'via.json')
    const attribute = { type: 'text', description: '', default_value: className }
    const head = {
      _via_settings: { project: { name: 'wgsam' }, core: { default_filepath: 'images/' }, ui: {} },
      _via_attributes: { region: { class: attribute }, file: {} },
      _via_data_format_version: '2.0.10',
    }
    await writeAtomic(path, async (file) => {
      const keys: string[] = []
      await file.write(JSON.stringify(head).slice(0, -1) + ',"_via_img_metadata":{')
      for await (const image of images) {
        const [key, entry] = await entryOf(image, className)
        await file.write(`${keys.length ? ',' : ''}\n${JSON.stringify(key)}:${JSON.stringify(entry)}`)
        keys.push(key)
      }
      await file.write(`\n},"_via_image_id_list":${JSON.stringify(keys)}}\n`)
    })
    return path
  },
}

/** The key and entry of an image; VIA's key is the file name followed by the size of the file in bytes. */
async function entryOf(
  { fileName: filename, imagePath, labels, boxes }: ExportImage,
  className: string,
): Promise<[string, JsonObject]> {
  const { size } = await stat(imagePath)
  const regions = boxes.map((box) => {
    const ring = singleRing(labelPolygons(labels, box))
    const [all_points_x, all_points_y] = [0, 1].map((d) => ring.map((point) => point[d]))
    return {
      shape_attributes: { name: 'polygon', all_points_x, all_points_y },
      region_attributes: { class: className },
    }
  })
  return [`${filename}${size}`, { filename, size, regions, file_attributes: {} }]
}

/** The shapes of an image's regions: VIA 1 stores them by number, VIA 2 in a list. @throws Error if they are damaged */
function regionsOf(regions: unknown, closeLines: boolean): ImageShapes {
  const list = Array.isArray(regions) ? regions : isObject(regions) ? Object.values(regions) : null
  if (!list) throw new Error('its regions are not a list')
  const found = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const budget = new PointBudget()
  list.forEach((region, i) => {
    const where = `region ${i + 1}`
    try {
      if (!isObject(region) || !isObject(region.shape_attributes)) throw new Error('it has no shape_attributes')
      const outline = outlineOf(region.shape_attributes, closeLines)
      if (typeof outline === 'string') return void found.leftOut.push(outline)
      budget.take(outline)
      found.shapes.push({ where, className: classOf(region.region_attributes), segmentation: [outline] })
    } catch (error) {
      found.damaged.push(`${where}: ${messageOf(error)}`)
    }
  })
  return found
}

/** The polygon of a region, or a description of what it is instead. @throws Error if it is damaged */
function outlineOf(shape: JsonObject, closeLines: boolean): number[] | string {
  const of = (name: string) => finiteNumber(shape[name], name)
  switch (shape.name) {
    case 'rect':
      return rectangle(of('x'), of('y'), of('x') + of('width'), of('y') + of('height'))
    case 'circle':
      return of('r') > 0 ? ellipse(of('cx'), of('cy'), of('r'), of('r')) : 'a circle without a radius'
    case 'ellipse': {
      const angle = shape.theta === undefined ? 0 : of('theta')
      return of('rx') > 0 && of('ry') > 0
        ? ellipse(of('cx'), of('cy'), of('rx'), of('ry'), angle)
        : 'an ellipse without radii'
    }
    case 'polygon':
    case 'polyline': {
      if (shape.name === 'polyline' && !closeLines) return 'an open line'
      const xs = finiteNumbers(shape.all_points_x, 'all_points_x')
      const ys = finiteNumbers(shape.all_points_y, 'all_points_y')
      if (xs.length !== ys.length) throw new Error(`${xs.length} values of x and ${ys.length} of y`)
      return xs.length < 3 ? 'a polygon of fewer than three points' : xs.flatMap((x, i) => [x, ys[i]])
    }
    case 'point':
      return 'a point'
    default:
      return `a shape named ${shown(shape.name)}`
  }
}

/** The region's class: its attribute class, label, name or type, else its only attribute that is a text. */
function classOf(attributes: unknown): string {
  if (!isObject(attributes)) return ''
  const texts = Object.entries(attributes).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const named = texts.find(([name]) => /^(class|label|name|type)$/i.test(name))
  return (named ?? (texts.length === 1 ? texts[0] : undefined))?.[1] ?? ''
}
