/** @file ImageJ's sets of regions (ROI Manager): for each image a zip file of .roi files, or a folder of them. */
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, extname, join, posix } from 'node:path'
import { messageOf, UserError } from '../../host/errors'
import { writeFileAtomic } from '../../host/files'
import { zipOf } from '../../host/zip-writer'
import { fileSource } from '../../weights/open-file'
import { openZip } from '../../weights/zip'
import { firstBytes } from '../../images/sniff-image'
import { contentOf } from '../../text/decode-text'
import { listFiles } from '../list-files'
import { labelPolygons } from '../single-ring'
import { FOREIGN_BYTES, foreignIn } from '../../text/foreign-file'
import type { AnnotatedImage, AnnotationFormat, ImageShapes, InstanceShape } from './format'
import { readRoi, writeRoi } from './imagej-roi'
import { PointBudget } from './primitives'

/** Larger regions are refused: a polygon of a million points has 8 MB. */
const MAX_ROI_BYTES = 2 ** 24
/** What people add to an image's name to name its set of regions. */
const SET_NAME = /[ _-]*(?:roi[ _-]?set|rois?)$/i

interface RoiFile {
  name: string
  bytes: Uint8Array
}

export const imagej: AnnotationFormat = {
  async read(path, { closeLines, suffix }) {
    const single = existsSync(path) && !statSync(path).isDirectory()
    if (single && !/\.(zip|roi)$/i.test(path))
      throw new UserError(
        `cannot use ${path} as an ROI set of ImageJ: ${contentOf(await firstBytes(path, FOREIGN_BYTES)) ?? 'its name ends in neither .zip nor .roi'}`,
      )
    const folder = single ? dirname(path) : path
    const files = single ? [basename(path)] : (await listFiles(path)).filter((file) => /\.(zip|roi)$/i.test(file))
    if (!files.length)
      throw new UserError(`there are no ROI sets of ImageJ (.zip or .roi) in ${path}${await foreignIn(path)}`)
    // the regions NAME/*.roi belong to one image, as those of NAME.zip do
    const sets = new Map<string, string[]>()
    for (const file of files) {
      const inFolder = extname(file).toLowerCase() === '.roi' && file.includes('/')
      const key = inFolder ? posix.dirname(file) : file
      const set = sets.get(key)
      if (set) set.push(join(folder, file))
      else sets.set(key, [join(folder, file)])
    }
    const images = [...sets].map(([key, paths]): AnnotatedImage => ({
      file: imageName(key, suffix),
      byStem: true,
      from: join(folder, key),
      read: async () => shapesOf(await roisOf(paths), closeLines),
    }))
    const problems = images.flatMap(({ file, from }) =>
      file ? [] : [{ where: from, reason: 'name it after its image: NAME.zip or NAME_RoiSet.zip' }],
    )
    return { images: images.filter(({ file }) => file), problems }
  },

  async write(out, images) {
    for await (const { fileName, labels, boxes } of images) {
      const members = boxes.map((box) => ({
        name: `${String(box.id).padStart(5, '0')}.roi`,
        bytes: writeRoi(labelPolygons(labels, box)),
      }))
      await writeFileAtomic(join(out, 'rois', fileName.slice(0, -extname(fileName).length) + '.zip'), zipOf(members))
    }
    return join(out, 'rois')
  },
}

function imageName(file: string, suffix: string): string {
  const stem = file.replace(/\.(zip|roi)$/i, '')
  if (suffix && stem.endsWith(suffix)) return stem.slice(0, -suffix.length)
  // an image may itself have such a name, then its set has it twice
  return stem.replace(SET_NAME, '')
}

async function roisOf(paths: readonly string[]): Promise<RoiFile[]> {
  const rois: RoiFile[] = []
  for (const path of paths) {
    if (extname(path).toLowerCase() === '.roi') {
      if (statSync(path).size > MAX_ROI_BYTES) throw new Error(`${basename(path)} is too large for a region`)
      rois.push({ name: basename(path), bytes: await readFile(path) })
      continue
    }
    const zip = await openZip(await fileSource(path))
    try {
      for (const name of zip.names()) {
        if (!/\.roi$/i.test(name)) continue
        if (zip.size(name)! > MAX_ROI_BYTES) throw new Error(`${name} is too large for a region`)
        rois.push({ name, bytes: await zip.read(name) })
      }
    } finally {
      await zip.close()
    }
  }
  if (!rois.length) throw new Error('it contains no regions (.roi)')
  return rois
}

function shapesOf(rois: readonly RoiFile[], closeLines: boolean): ImageShapes {
  const found = { shapes: [] as InstanceShape[], leftOut: [] as string[], damaged: [] as string[] }
  const budget = new PointBudget()
  const slices = new Set<string>()
  for (const { name, bytes } of rois) {
    try {
      const { outline, position } = readRoi(bytes, closeLines, budget)
      if (position) slices.add(position)
      if (typeof outline === 'string') found.leftOut.push(outline)
      else found.shapes.push({ where: name, className: '', segmentation: outline })
    } catch (error) {
      found.damaged.push(`${name}: ${messageOf(error)}`)
    }
  }
  if (slices.size > 1)
    throw new Error(
      `its regions lie on ${slices.size} slices of a stack (${[...slices].slice(0, 5).join(', ')}): save the regions of each slice, and the slice, in files of their names`,
    )
  return found
}
