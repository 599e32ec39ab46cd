/** @file Exports a dataset as annotations of other programs; the formats are in formats/. */
import { extname, join } from 'node:path'
import { type DatasetItem, loadItem } from './dataset'
import type { ClassTable } from './class-table'
import { boxes } from '../../engine/masks/instances'
import type { Part } from './split'
import { messageOf, UserError } from '../host/errors'
import { copyFileAtomic } from '../host/files'
import { stemOfId } from './file-stems'
import type { ExportImage, ExportOptions, AnnotationFormat, AnnotationProblem } from './formats/format'

export interface ExportRun extends Omit<ExportOptions, 'classNames'> {
  out: string
  format: AnnotationFormat
  items: readonly DatasetItem[]
  /** The dataset's classes; without them all instances have `className`. */
  classes?: ClassTable
  /** The part of each image by id: each part is written to its own folder; null: one folder for all. */
  partOf: ReadonlyMap<string, Part> | null
  onProgress?(done: number, total: number, name: string): void
  stop?(): boolean
}

export interface ExportSummary {
  /** The file or folder that contains the annotations. */
  written: string
  finished: boolean
  images: number
  instances: number
  problems: AnnotationProblem[]
}

/**
 * Writes annotations and, if requested, copies of the images. Images that cannot be read are listed in the summary.
 * @throws UserError if two images would have the same name
 */
export async function exportAnnotations(run: ExportRun): Promise<ExportSummary> {
  const summary: ExportSummary = { written: '', finished: true, images: 0, instances: 0, problems: [] }
  refuseNameClashes(run.items)
  const classNames = [...new Set([run.className, ...(run.classes?.names ?? [])])]
  const written = await run.format.write(run.out, eachImage(run, summary), { ...run, classNames })
  return { ...summary, written }
}

function refuseNameClashes(items: readonly DatasetItem[]): void {
  const names = new Map<string, string>()
  for (const { id, imagePath } of items) {
    const other = names.get(stemOfId(id))
    if (other) throw new UserError(`${other} and ${imagePath} would have the same name: rename one`)
    names.set(stemOfId(id), imagePath)
  }
}

async function* eachImage(run: ExportRun, summary: ExportSummary): AsyncGenerator<ExportImage> {
  const { out, items, partOf, withImages, onProgress, stop } = run
  for (const [i, item] of items.entries()) {
    if (stop?.()) {
      summary.finished = false
      return
    }
    const { id, imagePath } = item
    onProgress?.(i, items.length, id)
    const part = partOf?.get(id) ?? null
    const fileName = (part ? `${part}/` : '') + stemOfId(id) + extname(imagePath)
    let image: ExportImage
    try {
      const { width, height, labels } = await loadItem(item)
      const map = { width, height, data: labels }
      const classOf = (label: number) => run.classes?.of(stemOfId(id), label) ?? run.className
      image = { id, fileName, imagePath, part, labels: map, boxes: boxes(map), classOf }
      if (withImages) await copyFileAtomic(imagePath, join(out, 'images', fileName))
    } catch (error) {
      summary.problems.push({ where: id, reason: messageOf(error) })
      continue
    }
    yield image
    summary.images++
    summary.instances += image.boxes.length
  }
}
