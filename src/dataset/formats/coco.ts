/** @file COCO instances: one JSON file, masks as polygons or RLE. */
import { join } from 'node:path'
import * as v from 'valibot'
import { cocoAnnotationSchema, cocoAnnotation, issueText, cocoImageSchema } from '../coco-file'
import { UserError } from '../../host/errors'
import { writeAtomic } from '../../host/files'
import { flatCoordinates, labelPolygons } from '../single-ring'
import type {
  AnnotatedImage,
  ExportImage,
  ExportOptions,
  AnnotationFormat,
  AnnotationProblem,
  ReadAnnotations,
  InstanceShape,
} from './format'
import { isObject, readJson } from './json'

export const coco: AnnotationFormat = {
  async read(path) {
    const json = await readJson(path).catch((error: Error) => {
      throw new UserError(`cannot use ${path} as COCO annotations: ${error.message}`)
    })
    if (!isObject(json) || !Array.isArray(json.images) || !Array.isArray(json.annotations))
      throw new UserError(`cannot use ${path} as COCO annotations: it has no lists "images" and "annotations"`)
    return readCocoJson(json.images, json.annotations, classNames(json.categories), path)
  },

  async write(out, images, options) {
    const path = join(out, 'annotations.json')
    await writeAtomic(path, async (file) => {
      const pictures: object[] = []
      let id = 1
      await file.write(
        `{"info":{"description":"written by wgsam"},"categories":[${JSON.stringify({ id: 1, name: options.className })}],"annotations":[`,
      )
      for await (const image of images) {
        const { width, height } = image.labels
        pictures.push({ id: pictures.length + 1, file_name: image.fileName, width, height })
        const entries = annotationsOf(image, pictures.length, id, options).map((entry) => JSON.stringify(entry))
        await file.write((id > 1 && entries.length ? ',\n' : '\n') + entries.join(',\n'))
        id += entries.length
      }
      await file.write(`\n],"images":${JSON.stringify(pictures)}}\n`)
    })
    return path
  },
}

function classNames(categories: unknown): Map<unknown, string> {
  const list = Array.isArray(categories) ? categories.filter(isObject) : []
  return new Map(list.map(({ id, name }) => [id, typeof name === 'string' ? name : `${id}`]))
}

/** If an annotation is damaged, its image is not imported: labels without that particle would be wrong training data. */
function readCocoJson(
  pictures: unknown[],
  annotations: unknown[],
  classes: ReadonlyMap<unknown, string>,
  path: string,
): ReadAnnotations {
  const problems: AnnotationProblem[] = []
  const known = new Map<
    unknown,
    { image: AnnotatedImage; shapes: InstanceShape[]; leftOut: string[]; damage?: string }
  >()
  const bad = new Set<unknown>()
  pictures.forEach((entry, i) => {
    const where = `${path}, images.${i}`
    const parsed = v.safeParse(cocoImageSchema, entry)
    if (!parsed.success) {
      problems.push({ where, reason: issueText(parsed.issues[0]) })
      if (isObject(entry)) bad.add(entry.id)
      return
    }
    const { id, file_name, width, height } = parsed.output
    if (known.has(id)) return problems.push({ where, reason: `another image has the id ${id}` })
    const kept = { shapes: [] as InstanceShape[], leftOut: [] as string[], damage: undefined as string | undefined }
    const read = async () => {
      if (kept.damage) throw new Error(kept.damage)
      return kept
    }
    known.set(id, Object.assign(kept, { image: { file: file_name, from: where, size: { width, height }, read } }))
  })
  annotations.forEach((entry, i) => {
    const where = `annotations.${i}`
    const imageId = isObject(entry) ? entry.image_id : undefined
    const target = known.get(imageId)
    if (!target) {
      if (!bad.has(imageId))
        problems.push({ where: `${path}, ${where}`, reason: `it belongs to image ${imageId}, which is not listed` })
      return
    }
    const { segmentation, iscrowd, category_id } = entry as Record<string, unknown>
    if (iscrowd) return target.leftOut.push('a crowd region')
    if (segmentation === undefined || segmentation === null || (Array.isArray(segmentation) && !segmentation.length))
      return target.leftOut.push('a box without a mask')
    const parsed = v.safeParse(cocoAnnotationSchema, entry)
    if (!parsed.success) target.damage ??= `${where}.${issueText(parsed.issues[0])}`
    else target.shapes.push({ className: classes.get(category_id) ?? '', segmentation: parsed.output.segmentation })
  })
  return { images: [...known.values()].map(({ image }) => image), problems }
}

function annotationsOf(image: ExportImage, imageId: number, firstId: number, { polygons }: ExportOptions): object[] {
  const { labels, boxes } = image
  return boxes.map((box, i) => {
    const parts = polygons ? labelPolygons(labels, box) : []
    const whole = parts.length > 0 && parts.every(({ holes }) => !holes.length)
    return cocoAnnotation(
      labels,
      box,
      { id: firstId + i, imageId },
      whole ? parts.map(({ outer }) => flatCoordinates(outer)) : null,
    )
  })
}
