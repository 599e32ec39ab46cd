/** @file Annotations of other programs as a dataset: images/, masks/ and what is known of classes. */
import { rm } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { type LabelMap, MAX_LABEL } from '../../engine/image/label-map'
import { cocoLabels } from './coco-file'
import { stemOf } from './file-stems'
import { readImage } from '../images/read-image'
import { messageOf, UserError } from '../host/errors'
import { copyFileAtomic, writeFileAtomic } from '../host/files'
import { exactCsvLine } from '../text/csv'
import { refuseDataset, relabel, writeLabels } from './dataset-writer'
import type { AnnotatedImage, Format, Problem, ReadOptions, Shape, Shapes } from './formats/format'
import { ImageFolder } from './image-folder'
import { pieces } from './label-components'

export interface ImportRun extends Omit<ReadOptions, 'images'> {
  from: string
  format: Format
  images: string
  out: string
  /** Only instances of these classes; empty: all. */
  classes: readonly string[]
  /** Whether every connected piece becomes an instance of its own. */
  splitPieces: boolean
  onProgress?(done: number, total: number, name: string): void
  stop?(): boolean
}

export interface ImportSummary {
  out: string
  finished: boolean
  images: number
  instances: number
  /** Images without an instance: training has no use for them. */
  empty: string[]
  /** What is no instance mask, in words, and how often. */
  leftOut: Record<string, number>
  /** Instances that others lie on top of so that no pixel is left, or that lie outside. */
  hidden: number
  /** Instances by class, where classes are named. */
  classes: Record<string, number>
  /** What could not be used: the rest is written. */
  problems: Problem[]
}

/**
 * Reads annotations and writes a dataset. Where instances overlap the smaller is on top. An image that cannot be used is
 * a problem of the summary and never stops the others; of none is anything half written.
 * @throws UserError where nothing can be read at all, or the folder holds a dataset already
 */
export async function importDataset(run: ImportRun): Promise<ImportSummary> {
  const { from, format, out, onProgress, stop } = run
  refuseDataset(out)
  const folder = await ImageFolder.open(run.images)
  const reading = await format.read(from, run)
  const summary: ImportSummary = {
    ...{ out, finished: true, images: 0, instances: 0, empty: [], leftOut: {}, hidden: 0, classes: {} },
    problems: reading.problems,
  }
  const stems = new Map<string, string>()
  const classRows: [string, number, string][] = []
  for (const [i, annotated] of reading.images.entries()) {
    if (stop?.()) {
      summary.finished = false
      break
    }
    onProgress?.(i, reading.images.length, annotated.file)
    try {
      const path = folder.find(annotated.file, annotated.byStem)
      const stem = freeStem(path, stems)
      const image = await readImage(path)
      const { labels, classes } = await readAnnotated(annotated, image, run, summary)
      stems.set(stem.toLowerCase(), path)
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
        classRows.push([stem, k + 1, name])
      })
    } catch (error) {
      summary.problems.push({ where: annotated.from, reason: messageOf(error) })
    }
  }
  if (Object.keys(summary.classes).length > 1)
    await writeFileAtomic(
      join(out, 'classes.csv'),
      [['name', 'label', 'class'], ...classRows].map(exactCsvLine).join(''),
    )
  return summary
}

/** The name that a picture's files get. @throws Error where another has it */
function freeStem(path: string, taken: ReadonlyMap<string, string>): string {
  const stem = stemOf(basename(path))
  // names that differ in their case alone are one file on some disks
  const other = taken.get(stem.toLowerCase())
  if (other) throw new Error(other === path ? `${path} is annotated twice` : `${other} has the same name as ${path}`)
  return stem
}

async function readAnnotated(
  annotated: AnnotatedImage,
  { width, height }: { width: number; height: number },
  { classes, splitPieces }: ImportRun,
  summary: ImportSummary,
): Promise<{ labels: LabelMap; classes: string[] }> {
  const { size } = annotated
  if (size && (size.width !== width || size.height !== height))
    throw new Error(`it was annotated at ${size.width}x${size.height} pixels, the image is ${width}x${height}`)
  const found = await annotated.read({ width, height })
  let labels: LabelMap
  let names: string[] | undefined
  if ('data' in found) {
    if (found.width !== width || found.height !== height)
      throw new Error(`the image is ${width}x${height}, its labels ${found.width}x${found.height}`)
    labels = found
  } else {
    const shapes = chosen(found, classes, summary)
    labels = cocoLabels(
      { id: 0, file_name: annotated.file, width, height },
      shapes.map(({ segmentation }) => ({ image_id: 0, segmentation })),
    )
    names = shapes.map(({ className }) => className)
  }
  if (splitPieces) [labels, names] = apart(labels, names)
  const used = new Set(labels.data)
  used.delete(0)
  if (names) summary.hidden += names.length - used.size
  const kept = [...used].sort((a, b) => a - b)
  return {
    labels: { ...labels, data: relabel(labels.data).data },
    classes: kept.map((id) => names?.[id - 1] ?? ''),
  }
}

function chosen({ shapes, leftOut }: Shapes, classes: readonly string[], summary: ImportSummary): Shape[] {
  const isWanted = ({ className }: Shape) => !classes.length || classes.includes(className)
  const wanted = shapes.filter(isWanted)
  const others = shapes.filter((shape) => !isWanted(shape)).map(({ className }) => `of class "${className}"`)
  for (const what of [...leftOut, ...others]) summary.leftOut[what] = (summary.leftOut[what] ?? 0) + 1
  return wanted
}

/** Every connected piece as a label of its own. */
function apart(labels: LabelMap, names?: string[]): [LabelMap, string[] | undefined] {
  const { map, list } = pieces(labels)
  if (list.length > MAX_LABEL) throw new Error(`${list.length} pieces: a label map holds ${MAX_LABEL}`)
  return [{ ...labels, data: Uint16Array.from(map) }, names && list.map(({ id }) => names[id - 1])]
}

/** Writes both files or none. */
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
