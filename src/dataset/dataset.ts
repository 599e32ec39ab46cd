/** @file Opens a dataset (images/ and masks/, or images and COCO annotations), checks its pairs and loads their pixels. */
import { existsSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { InstanceBox, LabelMap } from '../../engine/image/label-map'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { messageOf, UserError } from '../host/errors'
import type { Size } from '../../engine/image/size'
import { cocoLabels } from './coco-file'
import { unclearCrowds } from './coco-json'
import type { Image } from '../images/image'
import { exchangesSides } from '../images/orientation'
import { readImage } from '../images/read-image'
import { particleStatistics } from '../../engine/augment/magnification'
import { wrongKind } from './label-checks'
import { boxes } from '../../engine/masks/instances'
import { readLabels } from '../images/read-labels'
import { readGroups, ungrouped } from './groups'
import { findPairs, type PairEntry, type LabelSource } from './image-label-pairs'
import { toRGB8 } from '../images/rgb8'
import type { Sample } from '../../engine/image/sample'

/** A labelled image in a dataset, before its pixels are read. */
export interface DatasetItem {
  /** The stem of the file; preceded by the folder's name and a slash if there are several folders. */
  id: string
  imagePath: string
  labels: LabelSource
  group: string
  width: number
  height: number
  instances: number
  /** The particles that are large enough for training, and their median diameter in pixels: see particleStatistics. */
  particles: number
  diameter: number
}

export interface BadItem {
  id: string
  reason: string
}

/** The pairs of images and labels in some folders. */
export interface Dataset {
  folders: string[]
  /** Sorted by id. */
  items: DatasetItem[]
  bad: BadItem[]
  /** What was left out of usable images, or how their labels were understood. */
  remarks: BadItem[]
}

/** Where the labels are, which images belong together, and what is done with unusable pairs. */
export interface DatasetOptions {
  /** What to do with pairs that cannot be used for training. */
  onBad?: 'refuse' | 'skip'
  /** COCO annotations of the images, instead of masks/. */
  coco?: string
  /** See readGroups. */
  groupBy?: string
  /** An image is used only if it has an instance of at least this many pixels. */
  minPixels?: number
  onProgress?(done: number, total: number): void
}

/** The pairs of one or several folders, found by name and not yet read. @throws UserError if a folder is not a dataset */
export async function listPairs(
  folder: string | string[],
  { coco, groupBy }: Pick<DatasetOptions, 'coco' | 'groupBy'> = {},
): Promise<{ folders: string[]; pairs: (PairEntry & { group: string })[]; remarks: BadItem[] }> {
  const folders = [folder].flat().map((path) => resolve(path))
  if (coco && folders.length > 1)
    throw new UserError('COCO annotations can be used with one folder of images only, not with several')
  const names = folders.map((path) => basename(path))
  const repeated = names.find((name, i) => names.indexOf(name) < i)
  if (repeated)
    throw new UserError(
      `two folders are named ${repeated}: rename one, because the ids and groups of images begin with the folder's name`,
    )

  const pairs: (PairEntry & { group: string })[] = []
  const remarks: BadItem[] = []
  for (const [i, path] of folders.entries()) {
    if (!existsSync(path)) throw new UserError(`there is no folder ${path}`)
    if (!statSync(path).isDirectory())
      throw new UserError(`${path} is a file, not a folder: a dataset is a folder with images and their label maps`)
    const groupOf = await readGroups(path, groupBy)
    const prefix = folders.length > 1 ? `${names[i]}/` : ''
    const here = await findPairs(path, coco)
    const usable = here.filter(({ imagePath, labels }) => imagePath && labels)
    const reason = ungrouped(
      usable.map(({ id }) => id),
      groupOf,
    )
    if (reason) remarks.push({ id: groupOf.table!.path, reason })
    for (const found of here) pairs.push({ ...found, group: prefix + groupOf(found.id), id: prefix + found.id })
  }
  return { folders, pairs, remarks }
}

/**
 * Opens one or several folders of images/ and masks/ (label maps of the same stem), or images and COCO annotations.
 * Every pair is read once, so that bad pairs are reported before training starts.
 * @throws UserError listing every bad pair with its reason, unless bad pairs are skipped; or if no pair is left
 * @example
 * const { items, bad } = await openDataset('data', { onBad: 'skip' })
 * for (const { id, instances } of items) console.log(id, instances)
 */
export async function openDataset(folder: string | string[], options: DatasetOptions = {}): Promise<Dataset> {
  const { onBad = 'refuse', minPixels = MIN_INSTANCE_AREA, onProgress } = options
  const { folders, pairs, remarks: grouping } = await listPairs(folder, options)
  const items: DatasetItem[] = []
  const bad: BadItem[] = []
  const notes: BadItem[] = []
  for (const [i, { id, group, imagePath, labels, reason }] of pairs.entries()) {
    try {
      if (!imagePath || !labels) throw new UserError(reason ?? 'its image or its labels are missing')
      const image = await readImage(imagePath)
      const { width, height } = image
      const { map, remarks } = await readLabelSource(labels, image)
      const found = checkPair(map, image, minPixels)
      const counts = { instances: found.length, ...particleStatistics(found) }
      items.push({ id, imagePath, labels, group, width, height, ...counts })
      const wrong = wrongKind(map, found)
      notes.push(...[...remarks, ...(wrong ? [wrong.message] : [])].map((reason) => ({ id, reason })))
    } catch (error) {
      bad.push({ id, reason: messageOf(error) })
    }
    onProgress?.(i + 1, pairs.length)
  }
  items.sort(byId)
  bad.sort(byId)
  notes.sort(byId)
  const where = folders.join(', ')
  if (bad.length && onBad === 'refuse')
    throw new UserError(`${describeBad(bad, where)}\nCorrect them, or skip them with --on-bad skip.`)
  if (!items.length)
    throw new UserError(
      bad.length ? `no usable image is left: ${describeBad(bad, where)}` : `${where} contains no images`,
    )
  return { folders, items, bad, remarks: [...grouping, ...notes] }
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The bad pairs as lines of text for the user. */
export const describeBad = (bad: readonly BadItem[], where: string): string =>
  `${bad.length} of the pairs in ${where} cannot be used:\n${bad.map(({ id, reason }) => `  ${id}: ${reason}`).join('\n')}`

/** The remarks on usable images as lines of text for the user. */
export const describeRemarks = (remarks: readonly BadItem[]): string =>
  `left out, or to be looked at:\n${remarks.map(({ id, reason }) => `  ${id}: ${reason}`).join('\n')}`

/** Examples of damaged shapes that a message names. */
const MAX_NAMED = 3

/** What a message says of damaged shapes. */
export const describeDamaged = (damaged: readonly string[], sound: number): string =>
  `${damaged.length} of its ${damaged.length + sound} shapes cannot be used: ` +
  damaged.slice(0, MAX_NAMED).join('; ') +
  (damaged.length > MAX_NAMED ? '; …' : '')

/**
 * Reads the label map of an image. Annotations that are damaged are left out, unless they are more than the others.
 * @param image its size, which the annotations must have been made for
 * @throws UserError if a file cannot be read or the annotations do not fit
 */
export async function readLabelSource(
  source: LabelSource,
  image: Pick<Image, 'width' | 'height' | 'orientation'>,
): Promise<{ map: LabelMap; remarks: string[] }> {
  if (source.kind === 'map') return { map: await readLabels(source.path), remarks: [] }
  const { picture } = source
  const { annotations, marked, unclear } = picture
  const { width = image.width, height = image.height } = picture.image
  const reason = sizeProblem(image, { width, height }, 'its annotations')
  if (reason) throw new UserError(reason)
  if (unclear) throw new UserError(unclearCrowds(picture))
  const damaged = [...picture.damaged]
  const map = cocoLabels(image, annotations, (i, reason) => damaged.push(`${annotations[i].where}: ${reason}`))
  const sound = annotations.length + picture.damaged.length - damaged.length
  if (damaged.length > sound) throw new UserError(describeDamaged(damaged, sound))
  const remarks = damaged.length ? [describeDamaged(damaged, sound)] : []
  for (const kind of new Set(picture.leftOut)) {
    const count = picture.leftOut.filter((other) => other === kind).length
    remarks.push(`${count} of its ${picture.leftOut.length + annotations.length} annotations left out: ${kind}`)
  }
  if (marked) remarks.push(`${marked} masks marked as crowds (iscrowd) are taken as instances, as CVAT writes masks`)
  return { map, remarks }
}

/** Why labels of a size do not fit an image; '' if they do. @param labels what they are: 'its labels' */
export function sizeProblem(
  { width, height, orientation }: Pick<Image, 'width' | 'height' | 'orientation'>,
  size: Size,
  labels: string,
): string {
  if (size.width === width && size.height === height) return ''
  const turned =
    exchangesSides(orientation) && size.width === height && size.height === width
      ? `. Its orientation tag (EXIF ${orientation}) turns the image upright, but the labels were made for the pixels as they are stored: turn the labels, or save the image without the tag`
      : ''
  return `the image is ${width}x${height} pixels, ${labels} ${size.width}x${size.height}${turned}`
}

/** A label that covers more than this fraction of an image is taken for the background, which must be 0. */
const MAX_COVERAGE = 0.95
/** The same for a label that reaches all four edges in an image without a pixel of 0. */
const MAX_COVERAGE_WITHOUT_BACKGROUND = 0.3

/** A label of this fraction that has all four corners of the image is the ground between the particles. */
const MAX_COVERAGE_WITH_CORNERS = 0.5

/** The instances of a pair. @throws UserError with the reason if it cannot be used */
export function checkPair(
  labels: LabelMap,
  image: Pick<Image, 'width' | 'height' | 'orientation'>,
  minPixels: number,
): InstanceBox[] {
  const { width, height, data } = labels
  const reason = sizeProblem(image, labels, 'its labels')
  if (reason) throw new UserError(reason)
  const found = boxes(labels)
  if (!found.length) throw new UserError('its labels are empty: every pixel is 0')
  const largest = found.reduce((a, b) => (b.area > a.area ? b : a))
  const share = largest.area / (width * height)
  const spans = largest.x0 === 0 && largest.y0 === 0 && largest.x1 === width - 1 && largest.y1 === height - 1
  const covered = found.reduce((sum, { area }) => sum + area, 0) === width * height
  const corners = [0, width - 1, data.length - width, data.length - 1].every((at) => data[at] === largest.id)
  if (
    share > MAX_COVERAGE ||
    (spans && covered && share > MAX_COVERAGE_WITHOUT_BACKGROUND) ||
    (corners && share > MAX_COVERAGE_WITH_CORNERS)
  )
    throw new UserError(
      `label ${largest.id} covers ${(100 * share).toFixed(1)} % of the image and looks like the background, which must be 0`,
    )
  if (largest.area < minPixels)
    throw new UserError(`its largest instance has ${largest.area} pixels, fewer than the required ${minPixels}`)
  return found
}

/**
 * Reads an item's pixels. @throws UserError if its files have changed size since the dataset was opened
 * @example
 * const { items } = await openDataset('data')
 * const { width, height, rgb, labels } = await loadItem(items[0])
 */
export async function loadItem(item: DatasetItem): Promise<Sample> {
  const image = await readImage(item.imagePath)
  const { map: labels } = await readLabelSource(item.labels, image)
  for (const { width, height } of [image, labels])
    if (width !== item.width || height !== item.height)
      throw new UserError(
        `${item.imagePath} or its labels have changed size since the dataset was opened: now ${width}x${height}`,
      )
  return { width: item.width, height: item.height, rgb: toRGB8(image), labels: labels.data }
}
