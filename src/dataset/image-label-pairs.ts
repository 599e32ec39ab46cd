/** @file Finds the pairs of images and labels in a folder by their names, without reading them. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { foreignIn } from '../text/foreign-file'
import { UserError } from '../host/errors'
import { readCoco, type CocoPicture } from './coco-json'
import { stemOf } from './file-stems'
import { ImageFolder } from './image-folder'
import { imageExtensions } from '../images/sniff-image'

/** Where the labels of an image come from. */
export type LabelSource = { kind: 'map'; path: string } | { kind: 'coco'; path: string; picture: CocoPicture }

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
    // macOS stores an accent as a separate character: names are compared in one form
    const stem = stemOf(name).normalize('NFC')
    stems.set(stem, [...(stems.get(stem) ?? []), join(folder, name)])
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
        `${needed} is missing: a dataset has the folders images and masks with files of the same names, or images and annotations.json (COCO)${await foreignIn(folder)}`,
      )
  const [pictures, maps] = [await listImages(images), await listImages(masks)]
  const [otherImages, otherMasks] = [
    pictures.size ? '' : await foreignIn(images),
    maps.size ? '' : await foreignIn(masks),
  ]
  return [...new Set([...pictures.keys(), ...maps.keys()])].map((id) => {
    const [image, map] = [pictures.get(id) ?? [], maps.get(id) ?? []]
    if (!map.length) return { id, reason: `there is no label map of this name in ${masks}${otherMasks}` }
    if (!image.length) return { id, reason: `there is no image of this name in ${images}${otherImages}` }
    const double = [image, map].find((files) => files.length > 1)
    if (double) return { id, reason: `the name is ambiguous: it may be ${double.join(' or ')}` }
    return { id, imagePath: image[0], labels: { kind: 'map', path: map[0] } }
  })
}

async function cocoPairs(folder: string, path: string): Promise<PairEntry[]> {
  const { pictures, problems } = await readCoco(path)
  const files = await ImageFolder.open(folder, { mayBeEmpty: true })
  const seen = new Set<string>()
  const found = files.findAll(pictures.map(({ image, byStem }) => ({ file: image.file_name, byStem })))
  const pairs = pictures.map((picture, i): PairEntry => {
    const { image } = picture
    const imagePath = found[i]
    const id = stemOf(image.file_name).normalize('NFC')
    if (seen.has(id)) return { id, reason: `two images of ${path} have this name` }
    seen.add(id)
    if (imagePath instanceof Error) return { id, reason: imagePath.message }
    return { id, imagePath, labels: { kind: 'coco', path, picture } }
  })
  return [...pairs, ...problems.map(({ where, reason }) => ({ id: where, reason }))]
}
