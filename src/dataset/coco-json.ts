/**
 * @file Reads COCO annotations as many programs write them: what is certain is read, a damaged annotation is left out and named,
 * and regions marked as crowds are never left out in silence. Also SA-1B, and what Segment Anything's generator writes.
 */
import { basename } from 'node:path'
import type { Rle } from '../../engine/masks/rle'
import { messageOf, UserError } from '../host/errors'
import { stemOf } from './file-stems'
import { isObject, type JsonObject, readJson, sideOf } from './formats/json'
import { otherFormat } from './formats/recognise-json'
import { shown } from '../text/check-value'

export interface CocoImage {
  id: number | string
  file_name: string
  /** Missing if the file does not say it. */
  width?: number
  height?: number
}

export interface CocoAnnotation {
  /** What it is called in messages: its place in the list of annotations. */
  where: string
  /** '' if the file names no class. */
  className: string
  segmentation: number[][] | Rle
}

/** An image and its annotations. */
export interface CocoPicture {
  image: CocoImage
  /** True if file_name has no extension. */
  byStem?: boolean
  annotations: CocoAnnotation[]
  /** A description of each annotation that is no instance mask, and so left out. */
  leftOut: string[]
  /** What is wrong with annotations that were left out. */
  damaged: string[]
  /** The number of annotations that are marked as crowds but were written by a program that marks every mask so. */
  marked: number
  /** The number of crowds of which nothing says whether they are instances; they are in no other list. */
  unclear: number
}

export interface Coco {
  pictures: CocoPicture[]
  /** Images and annotations that cannot be used at all. */
  problems: { where: string; reason: string }[]
}

/**
 * What annotations marked as crowds (iscrowd) are. CVAT and Datumaro mark every mask so; they also write attributes, by which
 * these annotations are taken for instances ('auto'). In COCO's own files a crowd is a region of many objects.
 */
export const crowdModes = ['auto', 'instances', 'leave-out'] as const
export type CrowdMode = (typeof crowdModes)[number]

/** Reads a COCO file. @throws UserError naming the file if it contains no COCO annotations */
export async function readCoco(path: string, crowds: CrowdMode = 'auto'): Promise<Coco> {
  const refuse = (error: unknown): never => {
    throw new UserError(`cannot use ${path} as COCO annotations: ${messageOf(error)}`)
  }
  const json = await readJson(path).catch(refuse)
  try {
    return cocoOf(json, path, crowds)
  } catch (error) {
    return refuse(error)
  }
}

/** True if a JSON value has the form of a COCO file, of SA-1B, or of the generator's list of masks. */
const looksLikeCoco = (json: unknown): boolean =>
  (isObject(json) && Array.isArray(json.annotations) && (Array.isArray(json.images) || isObject(json.image))) ||
  (Array.isArray(json) && json.length > 0 && json.every((entry) => isObject(entry) && 'segmentation' in entry))

/** @throws Error if it is no COCO file */
function cocoOf(json: unknown, path: string, crowds: CrowdMode): Coco {
  if (!looksLikeCoco(json)) throw new Error(`it has no lists "images" and "annotations"${otherFormat(json, 'coco')}`)
  if (Array.isArray(json) && json.some((entry) => 'image_id' in entry))
    throw new Error(
      'it is a list of results, whose image_id names no file: write them into the "annotations" of the file that has the list "images"',
    )
  if (
    isObject(json) &&
    Array.isArray(json.annotations) &&
    json.annotations.some((entry) => isObject(entry) && entry.segments_info)
  )
    throw new Error(
      'it is a panoptic file, whose masks are colours of PNG files: export instances, with "segmentation"',
    )
  const stem = stemOf(basename(path))
  const alone = Array.isArray(json)
    ? { id: 0, file_name: stem }
    : isObject((json as JsonObject).image)
      ? (json as JsonObject).image
      : null
  const entries = Array.isArray(json) ? json : ((json as JsonObject).annotations as unknown[])
  const images = alone
    ? [{ id: (alone as JsonObject).image_id ?? 0, ...(alone as JsonObject) }]
    : ((json as JsonObject).images as unknown[])
  const coco: Coco = { pictures: [], problems: [] }
  if (!images.length) throw new Error('its list "images" is empty')
  const known = new Map<unknown, CocoPicture | null>()
  const ambiguous = new Set<unknown>()
  images.forEach((entry, i) => readPicture(entry, alone ? 'image' : `images.${i}`, path, known, ambiguous, coco))
  if (Array.isArray(json)) for (const picture of coco.pictures) picture.byStem = true
  const classes = classNames(isObject(json) ? json.categories : undefined)
  entries.forEach((entry, i) => {
    const where = `annotations.${i}`
    const id = alone ? coco.pictures[0]?.image.id : isObject(entry) ? entry.image_id : undefined
    // some programs write ids as text in one place and as numbers in the other
    const target =
      known.get(id) ?? known.get(String(id)) ?? (typeof id === 'string' ? known.get(Number(id)) : undefined)
    if (target) return readAnnotation(entry as JsonObject, where, target, classes, crowds)
    if (!known.has(id))
      coco.problems.push({
        where: `${path}, ${where}`,
        reason: `it belongs to image ${shown(id)}, which is not listed`,
      })
  })
  return coco
}

function readPicture(
  entry: unknown,
  where: string,
  path: string,
  known: Map<unknown, CocoPicture | null>,
  ambiguous: Set<unknown>,
  coco: Coco,
): void {
  const problem = (reason: string) => void coco.problems.push({ where: `${path}, ${where}`, reason })
  if (!isObject(entry)) return problem(`it is ${shown(entry)}, not an image`)
  const { id, file_name } = entry
  if (typeof id !== 'number' && typeof id !== 'string') return problem(`its id is ${shown(id)}, not a number or a text`)
  const twin = known.get(id)
  if (twin && twin.image.file_name === file_name) return problem(`another image has the id ${shown(id)}`)
  if (twin || ambiguous.has(id)) {
    const reason = `another image has the id ${shown(id)} too: it is unclear whose annotations they are`
    if (twin) {
      coco.pictures.splice(coco.pictures.indexOf(twin), 1)
      coco.problems.push({ where: `${path}, image ${shown(twin.image.file_name)}`, reason })
    }
    ambiguous.add(id)
    known.set(id, null)
    return problem(reason)
  }
  known.set(id, null)
  if (typeof file_name !== 'string' || !file_name) return problem(`its file_name is ${shown(file_name)}, not a name`)
  try {
    const [width, height] = [sideOf(entry.width, 'width'), sideOf(entry.height, 'height')]
    const size = width !== undefined && height !== undefined ? { width, height } : {}
    const picture = {
      image: { id, file_name, ...size },
      annotations: [],
      leftOut: [],
      damaged: [],
      marked: 0,
      unclear: 0,
    }
    known.set(id, picture)
    coco.pictures.push(picture)
  } catch (error) {
    problem(messageOf(error))
  }
}

function classNames(categories: unknown): Map<unknown, string> {
  const names = new Map<unknown, string>()
  for (const { id, name } of Array.isArray(categories) ? categories.filter(isObject) : []) {
    const text = typeof name === 'string' ? name : shown(id)
    names.set(id, text)
    if (!names.has(String(id))) names.set(String(id), text)
  }
  return names
}

function readAnnotation(
  entry: JsonObject,
  where: string,
  picture: CocoPicture,
  classes: ReadonlyMap<unknown, string>,
  crowds: CrowdMode,
): void {
  const { iscrowd, category_id, segmentation, attributes } = entry
  let found: CocoAnnotation['segmentation'] | string
  try {
    found = segmentationOf(segmentation)
  } catch (error) {
    picture.damaged.push(`${where}: ${messageOf(error)}`)
    return
  }
  if (typeof found === 'string') return void picture.leftOut.push(found)
  if (iscrowd === true || Number(iscrowd) > 0 || /^(true|yes)$/i.test(String(iscrowd))) {
    if (crowds === 'leave-out') return void picture.leftOut.push('a crowd region')
    if (crowds === 'auto') {
      if (!isObject(attributes)) return void picture.unclear++
      picture.marked++
    }
  }
  const className = classes.get(category_id) ?? classes.get(String(category_id)) ?? ''
  picture.annotations.push({ where, className, segmentation: found })
}

/** Why an image with crowds cannot be used before somebody says what they are. */
export const unclearCrowds = ({ unclear, annotations }: CocoPicture): string =>
  `${unclear} of its ${unclear + annotations.length} masks are marked as crowds (iscrowd), so they are either regions of many particles, ` +
  'or masks of a program that marks them all: choose by `wgsam dataset import FILE --format coco --crowds instances`, or `--crowds leave-out`'

/** Polygons or run lengths, or a description of what it is instead. @throws Error saying what is wrong */
function segmentationOf(value: unknown): number[][] | Rle | string {
  if (value === undefined || value === null) return 'a box without a mask'
  if (isObject(value)) return Object.keys(value).length ? rleOf(value) : 'a box without a mask'
  if (!Array.isArray(value)) throw new Error(`its segmentation is ${shown(value)}, not polygons or run lengths`)
  const parts = value.filter((part) => !(Array.isArray(part) && !part.length))
  if (!parts.length) return 'a box without a mask'
  if (parts.some((part) => isObject(part) && 'counts' in part))
    throw new Error(
      'its run lengths are inside a list: segmentation must be the object {"size", "counts"} itself, not a list of it',
    )
  // one polygon without the list of polygons around it, as numbers or as points
  const isPoint = (part: unknown) =>
    Array.isArray(part) && part.length === 2 && part.every((v) => typeof v === 'number')
  const single = parts.every((part) => typeof part === 'number') || (parts.length > 2 && parts.every(isPoint))
  const polygons = (single ? [parts] : parts).map((part, i) => {
    if (!Array.isArray(part))
      throw new Error(`polygon ${i + 1} of its segmentation is ${shown(part)}, not a list of numbers`)
    const numbers = part.every(isPoint) ? part.flat() : part
    const bad = numbers.find((v) => typeof v !== 'number' || !Number.isFinite(v))
    if (bad !== undefined || numbers.includes(undefined))
      throw new Error(`polygon ${i + 1} of its segmentation has the coordinate ${shown(bad)}, not a number`)
    if (numbers.length % 2)
      throw new Error(`polygon ${i + 1} of its segmentation needs x, y pairs, but has ${numbers.length} numbers`)
    return numbers as number[]
  })
  const filled = polygons.filter(({ length }) => length >= 6)
  // a polygon inside the first pixel is none that anybody drew
  const all = filled.flat()
  if (all.every((v) => v >= 0 && v <= 1) && !all.every(Number.isInteger))
    throw new Error('all coordinates of its polygon are from 0 to 1: they are fractions of the image, COCO has pixels')
  return filled.length ? filled : 'a polygon of fewer than three points'
}

function rleOf({ size, counts }: JsonObject): Rle {
  if (!Array.isArray(size) || size.length !== 2) throw new Error('its run lengths have no "size" of [height, width]')
  const [height, width] = size.map((side, i) => sideOf(side, `size[${i}]`))
  if (!height || !width) throw new Error('its run lengths have no "size" of [height, width]')
  if (Array.isArray(counts)) {
    const bad = counts.findIndex((count) => typeof count !== 'number' || !Number.isInteger(count) || count < 0)
    if (bad >= 0) throw new Error(`counts[${bad}] is ${shown(counts[bad])}, not a whole number from 0`)
    return { size: [height, width], counts: counts as number[] }
  }
  if (typeof counts !== 'string') throw new Error(`its run lengths "counts" are ${shown(counts)}, not a text or a list`)
  // bytes of Python that were made a text
  const [, inside] = /^b'([^']*)'$/.exec(counts) ?? []
  return { size: [height, width], counts: inside?.replaceAll('\\\\', '\\') ?? counts }
}
