/** @file Imports annotations of other programs as a dataset: images/, masks/ and classes.csv; the formats are in formats/. */
import { rm } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { type ClassRow, classTableText } from './class-table'
import { cocoLabels } from './coco-file'
import { checkPair, describeDamaged, sizeProblem } from './dataset'
import { stemOf } from './file-stems'
import { readImage } from '../images/read-image'
import type { Image } from '../images/image'
import { extensionOf } from '../images/sniff-image'
import { messageOf, UserError } from '../host/errors'
import { copyFileAtomic, writeFileAtomic } from '../host/files'
import { refuseDataset, relabel, writeLabels } from './dataset-writer'
import type {
  AnnotatedImage,
  AnnotationFormat,
  AnnotationProblem,
  ReadOptions,
  InstanceShape,
  ImageShapes,
} from './formats/format'
import { ImageFolder } from './image-folder'
import { labelComponents } from './label-components'

export interface ImportRun extends Omit<ReadOptions, 'images'> {
  from: string
  format: AnnotationFormat
  images: string
  out: string
  /** Only instances of these classes are imported; empty: all. */
  classes: readonly string[]
  /** True if every connected component becomes a separate instance. */
  splitPieces: boolean
  onProgress?(done: number, total: number, name: string): void
  stop?(): boolean
}

export interface ImportSummary {
  out: string
  finished: boolean
  images: number
  instances: number
  /** Images without an instance, which are not written: training cannot use them. */
  empty: string[]
  /** Annotations that were left out because they are not instance masks: how many of each description. */
  leftOut: Record<string, number>
  /** The number of instances without a visible pixel: covered by others, or outside the image. */
  hidden: number
  /** The number of instances by class, for classes that have a name. */
  classes: Record<string, number>
  /** How the annotations were understood, where it is not obvious. */
  remarks: string[]
  /** Images and annotations that could not be used; everything else is written. */
  problems: AnnotationProblem[]
}

/**
 * Reads annotations and writes a dataset. Where instances overlap, the smaller is on top. An image that cannot be used is
 * listed in the summary and does not stop the others; image and labels are written both or not at all.
 * @throws UserError if nothing can be read, or if the output folder contains a dataset already
 */
export async function importAnnotations(run: ImportRun): Promise<ImportSummary> {
  const { from, format, out, onProgress, stop } = run
  refuseDataset(out)
  const reading = await format.read(from, run)
  const mayBeEmpty = reading.images.some(({ embedded }) => embedded)
  const folder = await ImageFolder.open(run.images, { mayBeEmpty })
  const summary: ImportSummary = {
    ...{ out, finished: true, images: 0, instances: 0, empty: [], hidden: 0 },
    // names from files may be those of Object.prototype
    leftOut: Object.create(null),
    classes: Object.create(null),
    remarks: reading.remarks ?? [],
    problems: reading.problems,
  }
  const found = folder.findAll(reading.images)
  const stems = new Map<string, string>()
  const classRows: ClassRow[] = []
  for (const [i, annotated] of reading.images.entries()) {
    if (stop?.()) {
      summary.finished = false
      break
    }
    onProgress?.(i, reading.images.length, annotated.file)
    let source: ImageSource | undefined
    try {
      source = await imageSource(found[i], annotated, out)
      const { path } = source
      const stem = freeStem(source.name, path, stems)
      const image = await readImage(path)
      const { labels, classes, damaged } = await readAnnotated(annotated, image, run, summary)
      stems.set(key(stem), path)
      if (damaged) summary.problems.push({ where: annotated.from, reason: `${damaged}; the others are imported` })
      if (!classes.length) {
        summary.empty.push(annotated.file)
        continue
      }
      await writePair(out, stem, path, labels)
      summary.images++
      summary.instances += classes.length
      classes.forEach((name, k) => {
        if (!name) return
        summary.classes[name] = (summary.classes[name] ?? 0) + 1
        classRows.push({ name: stem, label: k + 1, className: name })
      })
    } catch (error) {
      summary.problems.push({ where: annotated.from, reason: messageOf(error) })
    } finally {
      if (source?.temporary) await rm(source.path, { force: true })
    }
  }
  if (Object.keys(summary.classes).length > 1)
    await writeFileAtomic(join(out, 'classes.csv'), classTableText(classRows))
  return summary
}

/** The file of an image, and the name that its files in the dataset are called after. */
interface ImageSource {
  path: string
  name: string
  /** True if it was written for this import only. */
  temporary: boolean
}

/** The image file that an annotation names, or else the image that the annotation file contains. @throws Error if there is neither */
async function imageSource(
  found: string | Error,
  { file, embedded }: AnnotatedImage,
  out: string,
): Promise<ImageSource> {
  if (!(found instanceof Error)) return { path: found, name: basename(found), temporary: false }
  const bytes = await embedded?.()
  if (!bytes) throw found
  const extension = extensionOf(bytes)
  if (!extension) throw new Error(`${found.message}, and the image inside the annotation file is none that can be read`)
  const path = join(out, `embedded${extension}`)
  await writeFileAtomic(path, bytes)
  return { path, name: stemOf(file) + extension, temporary: true }
}

/** On some file systems, names that differ only in case or in the form of accents are the same file. */
const key = (stem: string) => stem.toLowerCase().normalize('NFC')

/** The stem of an image's output files. @throws Error if another image has it */
function freeStem(name: string, path: string, taken: ReadonlyMap<string, string>): string {
  const stem = stemOf(name)
  const other = taken.get(key(stem))
  if (other)
    throw new Error(other === path ? `${path} is annotated twice` : `${other} has the same name as ${path}: rename one`)
  return stem
}

/** The label map of an annotated image, numbered without gaps, and the class of each label ('' if it has none). */
async function readAnnotated(
  annotated: AnnotatedImage,
  image: Image,
  { classes, splitPieces }: ImportRun,
  summary: ImportSummary,
): Promise<{ labels: LabelMap; classes: string[]; damaged: string }> {
  const { width, height } = image
  const { size } = annotated
  if (size && (size.width !== width || size.height !== height))
    throw new Error(
      `it was annotated at ${size.width}x${size.height} pixels, ${sizeProblem(image, size, 'its labels')}`,
    )
  const found = await annotated.read({ width, height })
  let labels: LabelMap
  let names: string[] | undefined
  let damaged = ''
  if ('data' in found) {
    const reason = sizeProblem(image, found, 'its labels')
    if (reason) throw new Error(reason)
    // only in label maps can the background have a number
    if (found.data.some((label) => label)) checkPair(found, image, 1)
    labels = found
  } else {
    const bad = [...(found.damaged ?? [])]
    const shapes = wantedShapes(found, classes, summary)
    labels = cocoLabels(image, shapes, (i, reason) => bad.push(`${shapes[i].where ?? `shape ${i + 1}`}: ${reason}`))
    const sound = shapes.length + (found.damaged?.length ?? 0) - bad.length
    if (bad.length > sound) throw new Error(describeDamaged(bad, sound))
    if (bad.length) damaged = describeDamaged(bad, sound)
    summary.hidden -= bad.length - (found.damaged?.length ?? 0)
    names = shapes.map(({ className }) => className)
  }
  if (splitPieces) [labels, names] = splitComponents(labels, names)
  const used = new Set(labels.data)
  used.delete(0)
  if (names) summary.hidden += names.length - used.size
  const kept = [...used].sort((a, b) => a - b)
  return {
    labels: { ...labels, data: relabel(labels.data).data },
    classes: kept.map((id) => names?.[id - 1] ?? ''),
    damaged,
  }
}

/** The instances of the wanted classes; all others are counted in the summary. */
function wantedShapes(
  { shapes, leftOut }: ImageShapes,
  classes: readonly string[],
  summary: ImportSummary,
): InstanceShape[] {
  const isWanted = ({ className }: InstanceShape) => !classes.length || classes.includes(className)
  const wanted = shapes.filter(isWanted).map((shape, i) => ({ where: `shape ${i + 1}`, ...shape }))
  const others = shapes.filter((shape) => !isWanted(shape)).map(({ className }) => `of class "${className}"`)
  for (const kind of [...leftOut, ...others]) summary.leftOut[kind] = (summary.leftOut[kind] ?? 0) + 1
  return wanted
}

/** Gives every connected component a separate label. */
function splitComponents(labels: LabelMap, names?: string[]): [LabelMap, string[] | undefined] {
  const { map, list } = labelComponents(labels)
  if (list.length > MAX_LABEL)
    throw new Error(`it has ${list.length} connected components: a label map can hold ${MAX_LABEL}`)
  return [{ ...labels, data: Uint16Array.from(map) }, names && list.map(({ id }) => names[id - 1])]
}

/** Writes an image and its labels, or neither. */
async function writePair(out: string, stem: string, path: string, labels: LabelMap): Promise<void> {
  const mask = join(out, 'masks', `${stem}.png`)
  await writeLabels(mask, labels)
  try {
    await copyFileAtomic(path, join(out, 'images', stem + extname(path)))
  } catch (error) {
    await rm(mask, { force: true })
    throw new UserError(`cannot copy ${path}: ${messageOf(error)}`)
  }
}
