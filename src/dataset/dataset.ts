import { existsSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { LabelMap } from '../../engine/image/label-map'
import { MIN_INSTANCE_AREA } from '../../engine/train/sample-prompts'
import { messageOf, UserError } from '../host/errors'
import { cocoLabels } from './coco-file'
import { readImage } from '../images/read-image'
import { boxes } from './instances'
import { readLabels } from '../images/read-labels'
import { readGroups } from './groups'
import { findCandidates, type Candidate, type LabelSource } from './image-label-pairs'
import { toRGB8 } from '../images/rgb8'
import type { Sample } from './sample'

export interface DatasetItem {
  /** the stem, after the folder's name where there are several folders */
  id: string
  imagePath: string
  labels: LabelSource
  group: string
  width: number
  height: number
  instances: number
}

export interface BadItem {
  id: string
  reason: string
}

export interface Dataset {
  folders: string[]
  /** sorted by id */
  items: DatasetItem[]
  bad: BadItem[]
}

export interface DatasetOptions {
  /** what to do with pairs that cannot be trained on */
  onBad?: 'refuse' | 'skip'
  /** COCO annotations of the images, in place of masks/ */
  coco?: string
  /** see readGroups */
  groupBy?: string
  /** an image is of use if it has an instance of at least so many pixels */
  minPixels?: number
  onProgress?(done: number, total: number): void
}

/** What may be pairs in one or several folders, found by name and not yet read. @throws UserError for what is no dataset */
export async function listCandidates(
  folder: string | string[],
  { coco, groupBy }: Pick<DatasetOptions, 'coco' | 'groupBy'> = {},
): Promise<{ folders: string[]; candidates: (Candidate & { group: string })[] }> {
  const folders = [folder].flat().map((path) => resolve(path))
  if (coco && folders.length > 1) throw new UserError('COCO annotations go with one folder of images, not several')
  const names = folders.map((path) => basename(path))
  const repeated = names.find((name, i) => names.indexOf(name) < i)
  if (repeated)
    throw new UserError(`two folders are named ${repeated}: rename one, as ids and groups begin with the name`)

  const candidates: (Candidate & { group: string })[] = []
  for (const [i, path] of folders.entries()) {
    if (!existsSync(path) || !statSync(path).isDirectory()) throw new UserError(`there is no folder ${path}`)
    const groupOf = await readGroups(path, groupBy)
    const prefix = folders.length > 1 ? `${names[i]}/` : ''
    for (const found of await findCandidates(path, coco))
      candidates.push({ ...found, group: prefix + groupOf(found.id), id: prefix + found.id })
  }
  return { folders, candidates }
}

/**
 * Opens one or several folders of images/ and masks/ (label maps of the same stem), or images and COCO annotations.
 * Every pair is read once, so that what is bad shows before any training.
 * @throws UserError listing every bad pair with its reason, unless they are to be skipped; or where nothing is left
 */
export async function openDataset(folder: string | string[], options: DatasetOptions = {}): Promise<Dataset> {
  const { onBad = 'refuse', minPixels = MIN_INSTANCE_AREA, onProgress } = options
  const { folders, candidates } = await listCandidates(folder, options)
  const items: DatasetItem[] = []
  const bad: BadItem[] = []
  for (const [i, { id, group, imagePath, labels, reason }] of candidates.entries()) {
    try {
      if (!imagePath || !labels) throw new UserError(reason ?? 'it is incomplete')
      const { width, height } = await readImage(imagePath)
      const map = await readSource(labels)
      items.push({ id, imagePath, labels, group, width, height, instances: checkPair(map, width, height, minPixels) })
    } catch (error) {
      bad.push({ id, reason: messageOf(error) })
    }
    onProgress?.(i + 1, candidates.length)
  }
  items.sort(byId)
  bad.sort(byId)
  const where = folders.join(', ')
  if (bad.length && onBad === 'refuse')
    throw new UserError(`${describeBad(bad, where)}\nCorrect them, or skip them with --on-bad skip.`)
  if (!items.length)
    throw new UserError(bad.length ? `nothing is left: ${describeBad(bad, where)}` : `${where} holds no images`)
  return { folders, items, bad }
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** The bad pairs as lines for a person. */
export const describeBad = (bad: readonly BadItem[], where: string): string =>
  `${bad.length} of the pairs in ${where} cannot be used:\n${bad.map(({ id, reason }) => `  ${id}: ${reason}`).join('\n')}`

/** Reads the label map of an image. @throws UserError or Error with the reason */
export async function readSource(source: LabelSource): Promise<LabelMap> {
  return source.kind === 'map' ? readLabels(source.path) : cocoLabels(source.image, source.annotations)
}

/** The number of instances of a usable pair. @throws UserError with the reason where it is not */
export function checkPair(labels: LabelMap, width: number, height: number, minPixels: number): number {
  if (labels.width !== width || labels.height !== height)
    throw new UserError(`the image is ${width}x${height}, its labels ${labels.width}x${labels.height}`)
  const found = boxes(labels)
  if (!found.length) throw new UserError('its labels are empty')
  const largest = found.reduce((a, b) => (b.area > a.area ? b : a))
  const share = largest.area / (width * height)
  const spans = largest.x0 === 0 && largest.y0 === 0 && largest.x1 === width - 1 && largest.y1 === height - 1
  const covered = found.reduce((sum, { area }) => sum + area, 0) === width * height
  // a label in place of 0: it reaches all four edges and nothing is background
  if (share > 0.95 || (spans && covered && share > 0.3))
    throw new UserError(
      `label ${largest.id} covers ${(100 * share).toFixed(1)} % of the picture and looks like the background, which must be 0`,
    )
  if (largest.area < minPixels)
    throw new UserError(`its largest instance has ${largest.area} pixels, fewer than the ${minPixels} asked for`)
  return found.length
}

/** Reads an item's pixels. @throws UserError where its files have changed since the dataset was opened */
export async function loadItem(item: DatasetItem): Promise<Sample> {
  const image = await readImage(item.imagePath)
  const labels = await readSource(item.labels)
  for (const { width, height } of [image, labels])
    if (width !== item.width || height !== item.height)
      throw new UserError(`${item.imagePath} or its labels changed size since the start: now ${width}x${height}`)
  return { width: item.width, height: item.height, rgb: toRGB8(image), labels: labels.data }
}
