/** @file CVAT for images 1.1: one XML file for all images. */
import { readFile } from 'node:fs/promises'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { InstanceBox, LabelMap } from '../../../engine/image/label-map'
import { encodeMask, type Rle } from '../../../engine/masks/rle'
import type { Size } from '../../../engine/image/size'
import { messageOf, UserError } from '../../host/errors'
import { writeAtomic } from '../../host/files'
import { escape } from '../../text/escape'
import { decodeText } from '../../text/decode-text'
import { type XmlTag, xmlTags } from '../../text/xml'
import { labelPolygons } from '../single-ring'
import type { AnnotatedImage, AnnotationFormat, ImageShapes, InstanceShape } from './format'
import { sideOf } from './json'
import { otherContent } from './recognise-json'
import { ellipse, PointBudget, turnedRectangle } from './primitives'

/** The elements of CVAT that are shapes. */
const shapeNames = ['polygon', 'mask', 'box', 'ellipse', 'polyline', 'points', 'cuboid', 'skeleton']

export const cvat: AnnotationFormat = {
  async read(path, { closeLines }) {
    const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'annotations.xml') : path
    const refuse = (reason: string): never => {
      throw new UserError(`cannot use ${file} as CVAT annotations: ${reason}`)
    }
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => refuse(messageOf(error, file)))
    const text = decodeText(bytes)
    const images: AnnotatedImage[] = []
    const problems: { where: string; reason: string }[] = []
    let shapes: XmlTag[] | undefined
    let root = ''
    try {
      for (const tag of xmlTags(text)) {
        root ||= tag.name
        if (tag.name === 'track')
          refuse('it was exported as "CVAT for video": export the task as "CVAT for images 1.1"')
        if (tag.name === 'image' && tag.end) shapes = undefined
        else if (tag.name === 'image') {
          const list: XmlTag[] = []
          const where = `${file}, image ${tag.attributes.get('id') ?? images.length + 1}`
          try {
            images.push(imageOf(tag, list, where, closeLines))
          } catch (error) {
            problems.push({ where, reason: messageOf(error) })
          }
          shapes = tag.empty ? undefined : list
        } else if (shapes && !tag.end && shapeNames.includes(tag.name)) shapes.push(tag)
      }
    } catch (error) {
      if (error instanceof UserError) throw error
      refuse(otherContent(bytes).slice(2) || messageOf(error))
    }
    if (root !== 'annotations')
      refuse(
        root === 'annotation'
          ? 'it is XML of Pascal VOC, which holds boxes and no masks: export the task as "CVAT for images 1.1"'
          : `it has no element <annotations>${otherContent(bytes) || ': export the task as "CVAT for images 1.1"'}`,
      )
    if (!images.length && !problems.length) refuse('it contains no image')
    return { images, problems }
  },

  async write(out, images, { className }) {
    const path = join(out, 'annotations.xml')
    await writeAtomic(path, async (file) => {
      await file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
      let id = 0
      for await (const { fileName, labels, boxes } of images) {
        const { width, height } = labels
        const shapes = boxes.map((box) => shapeOf(labels, box, className))
        await file.write(
          `<image id="${id++}" name="${escape(fileName)}" width="${width}" height="${height}">\n${shapes.join('')}</image>\n`,
        )
      }
      await file.write('</annotations>\n')
    })
    return path
  },
}

/** An instance as a polygon, or as a mask if it has holes or several components. */
function shapeOf(labels: LabelMap, box: InstanceBox, className: string): string {
  const common = `label="${escape(className)}" source="manual" occluded="0"`
  const polygons = labelPolygons(labels, box)
  if (polygons.length === 1 && !polygons[0].holes.length) {
    const points = polygons[0].outer.map(([x, y]) => `${x}.00,${y}.00`).join(';')
    return `<polygon ${common} points="${points}" z_order="0"></polygon>\n`
  }
  const [width, height] = [box.x1 - box.x0 + 1, box.y1 - box.y0 + 1]
  const counts = [0]
  let inside = false
  for (let y = box.y0; y <= box.y1; y++)
    for (let x = box.x0; x <= box.x1; x++) {
      const here = labels.data[y * labels.width + x] === box.id
      if (here !== inside) counts.push(0)
      inside = here
      counts[counts.length - 1]++
    }
  return `<mask ${common} rle="${counts.join(', ')}" left="${box.x0}" top="${box.y0}" width="${width}" height="${height}" z_order="0"></mask>\n`
}

function imageOf({ attributes }: XmlTag, shapes: readonly XmlTag[], from: string, closeLines: boolean): AnnotatedImage {
  const file = attributes.get('name')
  if (!file) throw new Error('it has no name')
  const [width, height] = ['width', 'height'].map((name) => sideOf(attributes.get(name), name))
  const size = width !== undefined && height !== undefined ? { width, height } : undefined
  return { file, from, ...(size && { size }), read: async (actual) => shapesOf(shapes, actual, closeLines) }
}

function shapesOf(tags: readonly XmlTag[], size: Size, closeLines: boolean): ImageShapes {
  const result = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const budget = new PointBudget()
  // polygons that were grouped are one instance
  const groups = new Map<string, number[][]>()
  tags.forEach((tag, i) => {
    const where = `shape ${i + 1}`
    try {
      if (tag.attributes.get('outside') === '1') return void result.leftOut.push('a shape that is marked as outside')
      const className = tag.attributes.get('label') ?? ''
      const found = maskOf(tag, size, closeLines)
      if (typeof found === 'string') return void result.leftOut.push(found)
      if (!Array.isArray(found)) return void result.shapes.push({ where, className, segmentation: found })
      budget.take(found)
      const group = tag.attributes.get('group_id')
      const key = group && group !== '0' ? JSON.stringify([className, group]) : undefined
      const parts = key === undefined ? undefined : groups.get(key)
      if (parts) return void parts.push(found)
      const segmentation = [found]
      if (key !== undefined) groups.set(key, segmentation)
      result.shapes.push({ where, className, segmentation })
    } catch (error) {
      result.damaged.push(`${where}, a ${tag.name}: ${messageOf(error)}`)
    }
  })
  return result
}

/** The polygon or mask of a shape, or a description of what it is instead. @throws Error if it is damaged */
function maskOf({ name, attributes }: XmlTag, size: Size, closeLines: boolean): number[] | Rle | string {
  const of = (attribute: string, absent?: number) => {
    const text = attributes.get(attribute)?.trim() || undefined
    const value = text === undefined ? absent : Number(text)
    if (value === undefined || !Number.isFinite(value))
      throw new Error(
        `${attribute} is ${text === undefined ? 'missing' : JSON.stringify(text.slice(0, 40))}, not a number`,
      )
    return value
  }
  switch (name) {
    case 'polygon':
    case 'polyline': {
      if (name === 'polyline' && !closeLines) return 'an open line'
      const points = (attributes.get('points') ?? '').split(';').filter((pair) => pair.trim())
      const numbers = points.flatMap((pair) => {
        const pairs = pair.split(',').map(Number)
        if (pairs.length !== 2 || !pairs.every(Number.isFinite))
          throw new Error(`the point ${JSON.stringify(pair.slice(0, 40))} is not a pair of numbers`)
        return pairs
      })
      return points.length < 3 ? 'a polygon of fewer than three points' : numbers
    }
    case 'box':
      return turnedRectangle(of('xtl'), of('ytl'), of('xbr'), of('ybr'), (of('rotation', 0) * Math.PI) / 180)
    case 'ellipse': {
      const [rx, ry] = [of('rx'), of('ry')]
      return rx > 0 && ry > 0
        ? ellipse(of('cx'), of('cy'), rx, ry, (of('rotation', 0) * Math.PI) / 180)
        : 'an ellipse without radii'
    }
    case 'mask':
      return rleOf(
        attributes.get('rle') ?? '',
        { x0: of('left'), y0: of('top'), width: of('width'), height: of('height') },
        size,
      )
    default:
      return `a shape named "${name}"`
  }
}

/** CVAT's run lengths go along the rows of the mask's box and begin with the background. @throws Error if they are damaged */
function rleOf(text: string, box: { x0: number; y0: number } & Size, size: Size): Rle {
  const { x0, y0, width, height } = box
  const whole = [x0, y0, width, height].every(Number.isInteger)
  if (!whole || x0 < 0 || y0 < 0 || width < 1 || height < 1 || x0 + width > size.width || y0 + height > size.height)
    throw new Error(`its mask of ${width}x${height} pixels at ${x0}, ${y0} is not inside the image`)
  const data = new Uint8Array(width * height)
  let at = 0
  text.split(',').forEach((part, i) => {
    const count = part.trim() ? Number(part) : NaN
    if (!Number.isInteger(count) || count < 0 || at + count > data.length)
      throw new Error(
        `the run length ${JSON.stringify(part.trim().slice(0, 40))} does not fit its ${width}x${height} pixels`,
      )
    if (i & 1) data.fill(1, at, at + count)
    at += count
  })
  // background at the end may be missing
  return encodeMask({ x0, y0, width, height, data }, size)
}
