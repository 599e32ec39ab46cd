/** @file Masks from label maps: single files, folders of them, and datasets with their images. */
import { foreignIn } from '../../text/foreign-file'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { readGroups, ungrouped } from '../../dataset/groups'
import { stemOf } from '../../dataset/file-stems'
import { imageExtensions } from '../../images/sniff-image'
import { readLabels } from '../../images/read-labels'
import { countPages, readMicrograph } from '../../images/micrograph'
import type { PixelSize } from '../../images/microscope/pixel-size'
import { findPairs } from '../../dataset/image-label-pairs'
import { messageOf, UserError } from '../../host/errors'
import { runsOfLabels } from '../shape/pixel-runs'
import { readPixelSizes } from './pixel-size-column'
import { type Masks, readPicture, type Source } from './source'

const isTiff = (path: string) => /^\.tiff?$/i.test(extname(path))

/** Reads a label map, alone or with its image. The image supplies gray values and the pixel size; a TIFF label map may contain the pixel size too. */
async function readMap(
  path: string,
  imagePath: string | null,
  known: PixelSize | null,
  remarks: readonly string[],
): Promise<Masks> {
  const labels = await readLabels(path)
  const picture = imagePath === null ? null : await readPicture(imagePath, labels)
  const notes = [...(picture?.remarks ?? []), ...remarks]
  let pixelSize = known ?? picture?.pixelSize ?? null
  if (isTiff(path)) {
    const pages = await countPages(path)
    if (pages > 1) notes.push(`the first of its ${pages} pages is measured`)
    pixelSize ??= (await readMicrograph(path, { crop: 'none' })).pixelSize
  }
  const { width, height } = labels
  return {
    size: { width, height },
    masks: runsOfLabels(labels),
    gray: picture?.image ?? null,
    pixelSize,
    from: 'labels',
    notes,
  }
}

/** One label map; its image has the same name in the folder `images`. */
export async function mapFile(path: string, images: string | null, groupBy?: string): Promise<Source[]> {
  const name = stemOf(path)
  const pictures = images === null ? null : await stems(images)
  const { groupOf, noteOf, pixelSizeOf } = await tables(dirname(path), groupBy, [name])
  const read = () => readMap(path, choose(pictures, name), pixelSizeOf(name), noteOf(name))
  return [{ name, group: groupOf(name), read }]
}

/** All label maps of a folder, by name. */
export async function mapFolder(
  folder: string,
  images: string | null,
  root: string,
  groupBy?: string,
): Promise<Source[]> {
  const maps = await stems(folder)
  if (!maps.size)
    throw new UserError(`${folder} holds no label maps (${imageExtensions.join(', ')})${await foreignIn(folder)}`)
  const pictures = images === null ? null : await stems(images)
  const { groupOf, noteOf, pixelSizeOf } = await tables(root, groupBy, [...maps.keys()])
  return [...maps.keys()].map((name): Source => ({
    name,
    group: groupOf(name),
    read: async () => readMap(choose(maps, name)!, choose(pictures, name), pixelSizeOf(name), noteOf(name)),
  }))
}

/** A dataset of images/ and masks/. */
export async function dataset(folder: string, groupBy?: string): Promise<Source[]> {
  const candidates = await findPairs(folder)
  const names = candidates.flatMap(({ id, imagePath, labels }) => (imagePath && labels ? [id] : []))
  const { groupOf, noteOf, pixelSizeOf } = await tables(folder, groupBy, names)
  return candidates.map(({ id, imagePath, labels, reason }): Source => ({
    name: id,
    group: groupOf(id),
    read: async () => {
      if (labels?.kind !== 'map') throw new UserError(reason ?? 'it is incomplete')
      const image = imagePath && existsSync(imagePath) ? imagePath : null
      return readMap(labels.path, image, pixelSizeOf(id), noteOf(id))
    },
  }))
}

/**
 * Groups and pixel sizes from groups.csv and index.csv of a folder.
 * @param names of the images; those without a row in the table of groups get a remark
 * @throws UserError if a table cannot be read, or groups none of several images
 */
export async function tables(folder: string, groupBy: string | undefined, names: readonly string[]) {
  const groupOf = await readGroups(folder, groupBy)
  if (names.length > 1) ungrouped(names, groupOf)
  const { table } = groupOf
  const noteOf = (name: string) =>
    !table || table.has(name) ? [] : [`${table.path} has no row for it: it is a separate group`]
  return { groupOf, noteOf, pixelSizeOf: await readPixelSizes(folder) }
}

/** Image files by name without extension, ordered by name. */
async function stems(folder: string): Promise<Map<string, string[]>> {
  const files = await readdir(folder).catch((error: Error) => {
    throw new UserError(`cannot read the folder ${folder}: ${messageOf(error, folder)}`)
  })
  const found = new Map<string, string[]>()
  for (const file of files.sort())
    if (!file.startsWith('.') && imageExtensions.includes(extname(file).toLowerCase()))
      found.set(stemOf(file), [...(found.get(stemOf(file)) ?? []), join(folder, file)])
  return found
}

/** The file of a name; null if there is none. @throws UserError if there are several */
function choose(files: Map<string, string[]> | null, name: string): string | null {
  const found = files?.get(name) ?? []
  // the generator writes both, with the same labels
  const [png, tiff] = [found.filter((path) => /\.png$/i.test(path)), found.filter(isTiff)]
  if (found.length === 2 && png.length === 1 && tiff.length === 1) return png[0]
  if (found.length > 1) throw new UserError(`several files have this name: ${found.join(' and ')}`)
  return found[0] ?? null
}
