/** @file Label maps: for each image a PNG or TIFF whose values are the instances' numbers. */
import { basename, dirname, extname, join } from 'node:path'
import { existsSync, statSync } from 'node:fs'
import { imageExtensions } from '../../images/sniff-image'
import { writeLabelTiff } from '../../images/label-tiff-writer'
import { readLabels } from '../../images/read-labels'
import { UserError } from '../../host/errors'
import { foreignIn } from '../../text/foreign-file'
import { writeLabels } from '../dataset-writer'
import type { ExportImage, AnnotationFormat } from './format'
import { listFiles } from '../list-files'

async function readMaps(path: string, suffix: string) {
  const single = !statSync(path).isDirectory()
  // a file of another program would not be found in the folder of images: it is named first
  if (single) await readLabels(path)
  const folder = single ? dirname(path) : existsSync(join(path, 'masks')) ? join(path, 'masks') : path
  const isImage = (file: string) => imageExtensions.includes(extname(file).toLowerCase())
  const files = single ? [basename(path)] : (await listFiles(folder)).filter(isImage)
  if (!files.length) throw new UserError(`there are no label maps (PNG or TIFF) in ${folder}${await foreignIn(folder)}`)
  const stems = files.map((file) => file.slice(0, -extname(file).length))
  return {
    problems: stems.flatMap((stem, i) =>
      stem.endsWith(suffix) ? [] : [{ where: join(folder, files[i]), reason: `its name does not end in "${suffix}"` }],
    ),
    images: stems.flatMap((stem, i) => {
      if (!stem.endsWith(suffix)) return []
      const from = join(folder, files[i])
      return [{ file: stem.slice(0, stem.length - suffix.length), byStem: true, from, read: () => readLabels(from) }]
    }),
  }
}

const writer =
  (extension: string, write: (path: string, image: ExportImage) => Promise<void>): AnnotationFormat['write'] =>
  async (out, images) => {
    for await (const image of images) {
      const { fileName } = image
      await write(join(out, 'masks', fileName.slice(0, -extname(fileName).length) + extension), image)
    }
    return join(out, 'masks')
  }

export const labels: AnnotationFormat = {
  read: (path, { suffix }) => readMaps(path, suffix),
  write: writer('.png', (path, image) => writeLabels(path, image.labels)),
}

/** The same, written as 16-bit TIFF, which ImageJ and other programs open. */
export const tiff: AnnotationFormat = {
  read: labels.read,
  write: writer('.tif', (path, image) => writeLabelTiff(path, image.labels)),
}
