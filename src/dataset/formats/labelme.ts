/** @file labelme: one JSON file per image. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, posix, relative } from 'node:path'
import { encodeMask, type Rle } from '../../../engine/masks/rle'
import { foreignIn } from '../../text/foreign-file'
import type { Size } from '../../../engine/image/size'
import { messageOf, UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { labelPolygons, singleRing } from '../single-ring'
import { ellipse, PointBudget, rectangle } from './primitives'
import type { AnnotatedImage, AnnotationFormat, AnnotationProblem, ImageShapes, InstanceShape } from './format'
import { listFiles } from '../list-files'
import { finiteNumber, isObject, type JsonObject, readJson, sideOf } from './json'
import { otherFormat } from './recognise-json'
import { shown } from '../../text/check-value'
import { alphaOf, decodeWithSharp } from '../../images/decode-with-sharp'
import { maxPixels } from '../../images/image'
import { extensionOf } from '../../images/sniff-image'

export const labelme: AnnotationFormat = {
  async read(path, { closeLines }) {
    const single = existsSync(path) && !statSync(path).isDirectory()
    const folder = single ? dirname(path) : path
    const files = single
      ? [basename(path)]
      : (await listFiles(path)).filter((file) => extname(file).toLowerCase() === '.json')
    if (!files.length) throw new UserError(`there are no labelme files (.json) in ${path}${await foreignIn(path)}`)
    const images: AnnotatedImage[] = []
    const problems: AnnotationProblem[] = []
    for (const file of files) {
      const where = join(folder, file)
      try {
        images.push(imageOf(await readJson(where), where, dirname(file), closeLines))
      } catch (error) {
        problems.push({ where, reason: messageOf(error) })
      }
    }
    return { images, problems }
  },

  async write(out, images, { withImages }) {
    for await (const { fileName, imagePath, labels, boxes, classOf } of images) {
      const path = join(out, 'labelme', fileName.slice(0, -extname(fileName).length) + '.json')
      const shapes = boxes.map((box) => ({
        label: classOf(box.id),
        points: singleRing(labelPolygons(labels, box)),
        group_id: null,
        description: '',
        shape_type: 'polygon',
        flags: {},
      }))
      const image = relative(dirname(path), withImages ? join(out, 'images', fileName) : imagePath).replaceAll(
        '\\',
        '/',
      )
      const { width, height } = labels
      const file = {
        version: '5.5.0',
        flags: {},
        shapes,
        imagePath: image,
        imageData: null,
        imageHeight: height,
        imageWidth: width,
      }
      await writeFileAtomic(path, JSON.stringify(file) + '\n')
    }
    return join(out, 'labelme')
  },
}

/** imagePath is relative to where the JSON file was written: its file name is looked for beside it, and else anywhere. */
function imageOf(json: unknown, where: string, folder: string, closeLines: boolean): AnnotatedImage {
  if (!isObject(json) || !Array.isArray(json.shapes))
    throw new Error(`it has no list "shapes": it is not a labelme file${otherFormat(json, 'labelme')}`)
  const { imagePath, imageData, shapes } = json
  if (typeof imagePath !== 'string' || !imagePath) throw new Error('it has no imagePath')
  const [width, height] = [sideOf(json.imageWidth, 'imageWidth'), sideOf(json.imageHeight, 'imageHeight')]
  const read = (size: Size) => shapesOf(shapes, size, closeLines)
  // read again when it is needed: thousands of images would fill the memory
  const embedded = async () => {
    const again = await readJson(where)
    return Buffer.from(isObject(again) && typeof again.imageData === 'string' ? again.imageData : '', 'base64')
  }
  return {
    file: posix.join(folder, imagePath.replace(/^.*[\\/]/s, '')),
    from: where,
    ...(width !== undefined && height !== undefined && { size: { width, height } }),
    ...(typeof imageData === 'string' && imageData && { embedded }),
    read,
  }
}

async function shapesOf(list: unknown[], size: Size, closeLines: boolean): Promise<ImageShapes> {
  const result = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const budget = new PointBudget()
  // polygons of the same label and group are one instance
  const groups = new Map<string, number[][]>()
  for (const [i, shape] of list.entries()) {
    const where = `shape ${i + 1}`
    try {
      if (!isObject(shape)) throw new Error('it is not an object')
      const className = typeof shape.label === 'string' ? shape.label : ''
      const found = await maskOf(shape, size, closeLines)
      if (typeof found === 'string') {
        result.leftOut.push(found)
        continue
      }
      if (!Array.isArray(found)) {
        result.shapes.push({ where, className, segmentation: found })
        continue
      }
      budget.take(found)
      const group = typeof shape.group_id === 'number' ? JSON.stringify([className, shape.group_id]) : undefined
      const parts = group === undefined ? undefined : groups.get(group)
      if (parts) parts.push(found)
      else {
        const segmentation = [found]
        if (group !== undefined) groups.set(group, segmentation)
        result.shapes.push({ where, className, segmentation })
      }
    } catch (error) {
      result.damaged.push(`${where}: ${messageOf(error)}`)
    }
  }
  return result
}

/** The polygon or mask of a shape, or a description of what it is instead. @throws Error if it is damaged */
async function maskOf(shape: JsonObject, size: Size, closeLines: boolean): Promise<number[] | Rle | string> {
  const kind = shape.shape_type ?? 'polygon'
  if (!Array.isArray(shape.points)) throw new Error('it has no points')
  const points = shape.points.map((point, i) => {
    if (!Array.isArray(point) || point.length !== 2) throw new Error(`points[${i}] is not a pair of numbers`)
    return [finiteNumber(point[0], `points[${i}][0]`), finiteNumber(point[1], `points[${i}][1]`)] as const
  })
  const two = () => {
    if (points.length !== 2) throw new Error(`a ${kind} has two points, not ${points.length}`)
    return points
  }
  switch (kind) {
    case 'polygon':
    case 'rotation': // a rotated rectangle of X-AnyLabeling
    case 'oriented_rectangle':
    case 'linestrip': {
      if (kind === 'linestrip' && !closeLines) return 'an open line'
      return points.length < 3 ? 'a polygon of fewer than three points' : points.flat()
    }
    case 'rectangle': {
      // X-AnyLabeling writes all four corners
      if (points.length === 4) return points.flat()
      const [[x0, y0], [x1, y1]] = two()
      return rectangle(Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1))
    }
    case 'circle': {
      const [[x, y], [ex, ey]] = two()
      const radius = Math.hypot(ex - x, ey - y)
      return radius > 0 ? ellipse(x, y, radius, radius) : 'a circle without a radius'
    }
    case 'mask': {
      const [[x0, y0], [x1, y1]] = two().map(([x, y]) => [Math.round(x), Math.round(y)])
      return decodePng(shape.mask, { x0, y0, width: x1 - x0 + 1, height: y1 - y0 + 1 }, size)
    }
    case 'point':
    case 'points':
    case 'line':
      return `a ${kind === 'line' ? 'line' : 'point'}`
    default:
      return `a shape of type ${shown(kind)}`
  }
}

/** Decodes a mask's PNG, which fills the box of its two points, both pixels included. @throws Error if it does not */
async function decodePng(base64: unknown, box: { x0: number; y0: number } & Size, size: Size): Promise<Rle> {
  if (typeof base64 !== 'string') throw new Error('its mask is missing')
  const { x0, y0, width, height } = box
  if (!(width > 0 && height > 0 && x0 >= 0 && y0 >= 0 && x0 + width <= size.width && y0 + height <= size.height))
    throw new Error(`its mask of ${width}x${height} pixels at ${x0}, ${y0} is not inside the image`)
  const file = Buffer.from(base64, 'base64')
  if (extensionOf(file) !== '.png') throw new Error('its mask is not a PNG')
  // values as stored: those of 16 bits would lose their lower half in 8
  const mask = await decodeWithSharp(file, 0, maxPixels)
  if (mask.width !== width || mask.height !== height)
    throw new Error(`its mask has ${mask.width}x${mask.height} pixels, but its points say ${width}x${height}`)
  const { channels } = mask
  const alpha = await alphaOf(file)
  const visible = (i: number) => !alpha || alpha[i] > 0
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    if (!visible(i)) return 0
    for (let c = 0; c < channels; c++) if (mask.data[i * channels + c] > 0) return 1
    return 0
  })
  // a black shape on a transparent ground
  if (alpha && data.every((value) => !value)) for (let i = 0; i < data.length; i++) data[i] = +visible(i)
  return encodeMask({ x0, y0, width, height, data }, size)
}
