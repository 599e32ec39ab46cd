/** @file COCO instances: one JSON file, masks as polygons or RLE. */
import { existsSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import { cocoAnnotation } from '../coco-file'
import { type CocoPicture, readCoco, unclearCrowds } from '../coco-json'
import { messageOf, UserError } from '../../host/errors'
import { writeAtomic } from '../../host/files'
import { listFiles } from '../list-files'
import { flatCoordinates, labelPolygons } from '../single-ring'
import { foreignIn } from '../../text/foreign-file'
import type { AnnotatedImage, ExportImage, ExportOptions, AnnotationFormat, ReadAnnotations } from './format'

/** The COCO files of a folder: annotations.json, or else every JSON file (SA-1B has one per image). */
async function cocoFiles(folder: string): Promise<string[]> {
  const usual = ['annotations.json', 'coco.json'].map((name) => join(folder, name)).find((path) => existsSync(path))
  if (usual) return [usual]
  const files = (await listFiles(folder)).filter((file) => extname(file).toLowerCase() === '.json')
  if (!files.length) throw new UserError(`there are no COCO files (.json) in ${folder}${await foreignIn(folder)}`)
  return files.map((file) => join(folder, file))
}

function annotatedImage(picture: CocoPicture, path: string): AnnotatedImage {
  const { image, byStem, annotations, leftOut, damaged } = picture
  const { width, height } = image
  return {
    file: image.file_name,
    byStem,
    from: `${path}, image ${image.id}`,
    ...(width !== undefined && height !== undefined && { size: { width, height } }),
    read: async () => {
      if (picture.unclear) throw new Error(unclearCrowds(picture))
      return { shapes: annotations, leftOut, damaged }
    },
  }
}

export const coco: AnnotationFormat = {
  async read(path, { crowds }) {
    const files = statSync(path).isDirectory() ? await cocoFiles(path) : [path]
    const found: ReadAnnotations = { images: [], problems: [], remarks: [] }
    let marked = 0
    for (const file of files) {
      try {
        const { pictures, problems } = await readCoco(file, crowds)
        found.problems.push(...problems)
        found.images.push(...pictures.map((picture) => annotatedImage(picture, file)))
        for (const picture of pictures) marked += picture.marked
      } catch (error) {
        if (files.length === 1) throw error
        found.problems.push({ where: file, reason: messageOf(error) })
      }
    }
    if (marked)
      found.remarks!.push(
        `${marked} masks are marked as crowds (iscrowd), as CVAT marks every mask: they are taken as instances (--crowds leave-out leaves them out)`,
      )
    return found
  },

  async write(out, images, options) {
    const path = join(out, 'annotations.json')
    await writeAtomic(path, async (file) => {
      const pictures: object[] = []
      let id = 1
      await file.write(
        `{"info":{"description":"written by wgsam"},"categories":${JSON.stringify(options.classNames.map((name, i) => ({ id: i + 1, name })))},"annotations":[`,
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

function annotationsOf(
  image: ExportImage,
  imageId: number,
  firstId: number,
  { polygons, classNames }: ExportOptions,
): object[] {
  const { labels, boxes } = image
  return boxes.map((box, i) => {
    const parts = polygons ? labelPolygons(labels, box) : []
    const whole = parts.length > 0 && parts.every(({ holes }) => !holes.length)
    return cocoAnnotation(
      labels,
      box,
      { id: firstId + i, imageId, category: classNames.indexOf(image.classOf(box.id)) + 1 },
      whole ? parts.map(({ outer }) => flatCoordinates(outer)) : null,
    )
  })
}
