/** @file Finds the pairs of images and labels in a folder by their names, without reading them. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, isAbsolute, join, relative, resolve } from 'node:path'
import { UserError } from '../host/errors'
import { readCoco, type CocoAnnotation, type CocoImage } from './coco-file'
import { stemOf } from './file-stems'
import { imageExtensions } from '../images/sniff-image'

/** Where the labels of an image come from. */
export type LabelSource =
  { kind: 'map'; path: string } | { kind: 'coco'; path: string; image: CocoImage; annotations: CocoAnnotation[] }

/** An image and its labels as found by name, not yet read; `reason` says why one of them is missing. */
export interface PairEntry {
  id: string
  imagePath?: string
  labels?: LabelSource
  reason?: string
}

/** Paths of the images in a folder, by stem; hidden files and other files are skipped. */
async function listImages(folder: string): Promise<Map<string, string[]>> {
  const stems = new Map<string, string[]>()
  for (const name of (await readdir(folder)).sort()) {
    if (name.startsWith('.') || !imageExtensions.includes(extname(name).toLowerCase())) continue
    stems.set(stemOf(name), [...(stems.get(stemOf(name)) ?? []), join(folder, name)])
  }
  return stems
}

/**
 * The pairs in a folder: of images/ and masks/, or of images and COCO annotations.
 * @throws UserError if the folder has neither, or the annotations cannot be read
 */
export async function findPairs(folder: string, coco?: string): Promise<PairEntry[]> {
  const images = join(folder, 'images')
  const masks = join(folder, 'masks')
  const annotations = coco ?? ['annotations.json', 'coco.json'].map((f) => join(folder, f)).find((f) => existsSync(f))
  if (annotations && (coco || !existsSync(masks))) return cocoPairs(existsSync(images) ? images : folder, annotations)
  for (const needed of [images, masks])
    if (!existsSync(needed))
      throw new UserError(
        `${needed} is missing: a dataset has the folders images and masks with files of the same names, or images and annotations.json (COCO)`,
      )
  const [pictures, maps] = [await listImages(images), await listImages(masks)]
  return [...new Set([...pictures.keys(), ...maps.keys()])].map((id) => {
    const [image, map] = [pictures.get(id) ?? [], maps.get(id) ?? []]
    if (!map.length) return { id, reason: `there is no label map of this name in ${masks}` }
    if (!image.length) return { id, reason: `there is no image of this name in ${images}` }
    const double = [image, map].find((files) => files.length > 1)
    if (double) return { id, reason: `the name is ambiguous: it may be ${double.join(' or ')}` }
    return { id, imagePath: image[0], labels: { kind: 'map', path: map[0] } }
  })
}

async function cocoPairs(folder: string, path: string): Promise<PairEntry[]> {
  const { images, annotations } = await readCoco(path)
  const seen = new Set<string>()
  return images.map((image) => {
    const id = stemOf(image.file_name)
    const imagePath = resolve(folder, image.file_name)
    const inside = relative(folder, imagePath)
    if (inside.startsWith('..') || isAbsolute(inside))
      return { id, reason: `its file_name ${JSON.stringify(image.file_name)} leads out of ${folder}` }
    if (seen.has(id)) return { id, reason: `two images of ${path} have this name` }
    seen.add(id)
    const labels = { kind: 'coco' as const, path, image, annotations: annotations.get(image.id)! }
    return { id, imagePath, labels }
  })
}
