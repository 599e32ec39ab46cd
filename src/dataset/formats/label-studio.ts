/** @file Label Studio: its JSON and JSON-MIN exports, in which coordinates are percents of the image's size. */
import { join } from 'node:path'
import { encodeMask, type Rle } from '../../../engine/masks/rle'
import type { Size } from '../../../engine/image/size'
import { imageExtensions } from '../../images/sniff-image'
import { messageOf, UserError } from '../../host/errors'
import { writeAtomic } from '../../host/files'
import { labelPolygons, singleRing } from '../single-ring'
import type { AnnotatedImage, AnnotationFormat, ImageShapes, InstanceShape } from './format'
import { finiteNumber, isObject, type JsonObject, readJson, sideOf } from './json'
import { otherFormat } from './recognise-json'
import { shown } from '../../text/check-value'
import { decodeBrush } from './label-studio-brush'
import { ellipse, PointBudget, turnedRectangle } from './primitives'

/** Decimals of a percent: a thousandth of a pixel in an image of 20,000 pixels. */
const DECIMALS = 8

export const labelStudio: AnnotationFormat = {
  async read(path) {
    const refuse = (reason: string): never => {
      throw new UserError(`cannot use ${path} as Label Studio annotations: ${reason}`)
    }
    const json = await readJson(path).catch((error: Error) => refuse(error.message))
    if (!Array.isArray(json) || !json.every(isObject)) {
      const other = otherFormat(json, 'label-studio')
      return refuse(`it is not a list of tasks${other || ': export it as JSON'}`)
    }
    if (!json.length) return refuse('it contains no task')
    const images: AnnotatedImage[] = []
    const problems: { where: string; reason: string }[] = []
    json.forEach((task, i) => {
      const where = `${path}, task ${typeof task.id === 'number' ? task.id : i + 1}`
      try {
        images.push(imageOf(task, where))
      } catch (error) {
        problems.push({ where, reason: messageOf(error) })
      }
    })
    return { images, problems }
  },

  async write(out, images, { className }) {
    const path = join(out, 'label-studio.json')
    await writeAtomic(path, async (file) => {
      let separator = '[\n'
      for await (const { fileName, labels, boxes } of images) {
        const { width, height } = labels
        const result = boxes.map((box, i) => ({
          id: String(i + 1),
          type: 'polygonlabels',
          from_name: 'label',
          to_name: 'image',
          original_width: width,
          original_height: height,
          image_rotation: 0,
          value: {
            points: singleRing(labelPolygons(labels, box)).map(([x, y]) => [percent(x, width), percent(y, height)]),
            closed: true,
            polygonlabels: [className],
          },
        }))
        const data = { image: `/data/local-files/?d=images/${encodeURIComponent(fileName)}` }
        await file.write(separator + JSON.stringify({ data, annotations: [{ result }] }))
        separator = ',\n'
      }
      await file.write(separator.startsWith('[') ? '[]\n' : '\n]\n')
    })
    return path
  },
}

const percent = (value: number, side: number) => Number(((100 * value) / side).toFixed(DECIMALS))

/** The image and results of a task, in either form of export. @throws Error if it has no image, or several annotations */
function imageOf(task: JsonObject, from: string): AnnotatedImage {
  const data = isObject(task.data) ? task.data : task
  const results = resultsOf(task, data)
  const file = imageName(data)
  // results of a task name the image on which they were drawn: its tag, and its place in a list of images
  const places = new Set(results.filter((result) => shapeKind(result, result)).map(placeOf))
  if (places.size > 1)
    throw new Error(`its shapes lie on ${places.size} images or pages: export tasks of one image each`)
  const first = results.find((result) => result.original_width !== undefined)
  const [width, height] = [
    sideOf(first?.original_width, 'original_width'),
    sideOf(first?.original_height, 'original_height'),
  ]
  const size = width !== undefined && height !== undefined ? { width, height } : undefined
  return { file, from, ...(size && { size }), read: async (actual) => shapesOf(results, actual) }
}

/** On which image of its task a result was drawn. */
const placeOf = ({ to_name, item_index }: JsonObject) => JSON.stringify([to_name ?? null, item_index ?? 0])

/** The image of a task. @throws Error if its data name none, or several */
function imageName(data: JsonObject): string {
  const texts = Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  const isImage = ([, text]: [string, string]) =>
    imageExtensions.some((end) => text.toLowerCase().split(/[?#]/)[0].endsWith(end) || text.toLowerCase().endsWith(end))
  const found = texts.filter(isImage)
  // the usual names of the key, before a text that happens to mention a file
  const usual = found.filter(([key]) => /^(image|img|image_?url|url|ocr|captioning)$/i.test(key))
  const [name] = usual.length ? usual : found
  if (!name) throw new Error('its data name no image file')
  return name[1]
}

/** The results that were drawn in a task. @throws Error if it is unclear which count */
function resultsOf(task: JsonObject, data: JsonObject): JsonObject[] {
  const list = task.annotations ?? task.completions
  if (list === undefined) {
    // JSON-MIN: one list for each control tag
    const drawn = Object.values(data).filter((value): value is unknown[] => Array.isArray(value))
    return drawn
      .flat()
      .filter(isObject)
      .filter((entry) => shapeKind(entry, entry) !== undefined)
  }
  if (!Array.isArray(list)) throw new Error('its annotations are not a list')
  const valid = list.filter(isObject).filter(({ was_cancelled }) => was_cancelled !== true)
  const truth = valid.filter(({ ground_truth }) => ground_truth === true)
  const used = truth.length ? truth : valid
  if (used.length > 1)
    throw new Error(
      `${used.length} people annotated it, or one several times (${used.map(({ id }) => shown(id)).join(', ')}): mark one as ground truth, or delete the others`,
    )
  const [annotation] = used
  if (!annotation) return []
  if (!Array.isArray(annotation.result)) throw new Error('its annotation has no list "result"')
  return annotation.result.filter(isObject)
}

/** The kind of a result: polygon, brush, rectangle, ellipse, … ; undefined if it is no shape. */
function shapeKind({ type }: JsonObject, value: JsonObject): string | undefined {
  if (typeof type === 'string') {
    const kind = type.replace(/labels$/, '')
    return ['', 'choices', 'textarea', 'rating', 'number', 'relation', 'taxonomy', 'datetime'].includes(kind)
      ? undefined
      : kind
  }
  const [key] = Object.keys(value).filter((name) => /^(polygon|brush|rectangle|ellipse|keypoint)labels$/.test(name))
  return key?.replace(/labels$/, '')
}

/** The fields of a result's value that say where its shape lies. */
const geometryKeys = ['points', 'rle', 'x', 'y', 'width', 'height', 'radiusX', 'radiusY', 'rotation']

function shapesOf(results: readonly JsonObject[], size: Size): ImageShapes {
  const found = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const budget = new PointBudget()
  const seen = new Set<unknown>()
  results.forEach((result, i) => {
    const where = `result ${typeof result.id === 'string' ? result.id.slice(0, 20) : i + 1}`
    try {
      const value = isObject(result.value) ? result.value : result
      const kind = shapeKind(result, value)
      // a shape and its label may be two results of the same id
      if (kind === undefined) return
      // ids that a script gave may be all the same: only the same shape is the same
      const same = JSON.stringify([kind, result.id, ...geometryKeys.map((key) => value[key])])
      if (result.id !== undefined && seen.has(same)) return
      const mask = maskOf(kind, result, value, size)
      if (typeof mask === 'string') return void found.leftOut.push(mask)
      seen.add(same)
      if (Array.isArray(mask)) budget.take(mask)
      found.shapes.push({
        where,
        className: classOf(value, result, results),
        segmentation: Array.isArray(mask) ? [mask] : mask,
      })
    } catch (error) {
      found.damaged.push(`${where}: ${messageOf(error)}`)
    }
  })
  return found
}

/** The first label of a shape, which may be in another result of the same id. */
function classOf(value: JsonObject, result: JsonObject, results: readonly JsonObject[]): string {
  const others = result.id === undefined ? [] : results.filter(({ id }) => id === result.id)
  for (const holder of [value, ...others.map((other) => other.value)])
    if (isObject(holder))
      for (const [key, labels] of Object.entries(holder))
        if (key.endsWith('labels') && Array.isArray(labels) && typeof labels[0] === 'string') return labels[0]
  return ''
}

/** The polygon or mask of a result, or a description of what it is instead. @throws Error if it is damaged */
function maskOf(kind: string, result: JsonObject, value: JsonObject, { width, height }: Size): number[] | Rle | string {
  const rotation = result.image_rotation ?? 0
  if (rotation !== 0)
    throw new Error(`the image was turned by ${shown(rotation)}° in Label Studio, which is not supported`)
  const of = (name: string, side = 100) => (finiteNumber(value[name], name) * side) / 100
  switch (kind) {
    case 'polygon': {
      if (!Array.isArray(value.points)) throw new Error('it has no points')
      const points = value.points.map((point, i) => {
        if (!Array.isArray(point) || point.length !== 2) throw new Error(`points[${i}] is not a pair of numbers`)
        return point.map((v, k) => (finiteNumber(v, `points[${i}][${k}]`) * (k ? height : width)) / 100)
      })
      return points.length < 3 ? 'a polygon of fewer than three points' : points.flat()
    }
    case 'rectangle': {
      const [x, y] = [of('x', width), of('y', height)]
      const turn = value.rotation === undefined ? 0 : (of('rotation') * Math.PI) / 180
      return turnedRectangle(x, y, x + of('width', width), y + of('height', height), turn, [x, y])
    }
    case 'ellipse': {
      const [rx, ry] = [of('radiusX', width), of('radiusY', height)]
      const turn = value.rotation === undefined ? 0 : (of('rotation') * Math.PI) / 180
      return rx > 0 && ry > 0 ? ellipse(of('x', width), of('y', height), rx, ry, turn) : 'an ellipse without radii'
    }
    case 'brush': {
      if (value.format !== undefined && value.format !== 'rle')
        throw new Error(`its format is ${shown(value.format)}, not rle`)
      return encodeMask(
        { x0: 0, y0: 0, width, height, data: decodeBrush(value.rle, width * height) },
        { width, height },
      )
    }
    case 'keypoint':
      return 'a point'
    default:
      return `a shape named "${kind.slice(0, 40)}"`
  }
}
