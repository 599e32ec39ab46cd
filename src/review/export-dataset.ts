/**
 * @file Exports accepted images as a dataset that `wgsam train` reads directly. The dataset is built under a temporary
 * name and then replaces the old one.
 *
 *   dataset/images/NAME.ext     the project's images, byte for byte
 *   dataset/masks/NAME.png      16-bit label maps; where masks overlap, the smaller one is on top
 *   dataset/groups.csv          the project's groups.csv; without one, a group per source file, and known pixel sizes
 *   dataset/rois/NAME.zip       the label maps as ImageJ's sets of regions
 *   dataset/classes.csv         the class of each label, if masks have classes
 *   dataset/comments.csv        comments on images and masks, if there are any
 *   dataset/agreement.json     how far second annotators agree, if there are any
 *   dataset/corrections.json    the number of corrections, image by image
 */
import { existsSync } from 'node:fs'
import { copyFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { checkPair } from '../dataset/dataset'
import { readImage } from '../images/read-image'
import { writePng } from '../images/png-writer'
import { messageOf, UserError } from '../host/errors'
import { isRunning, makeFolder, partialPath, writeFileAtomic } from '../host/files'
import { correctionsOf, type ImageCorrections, type Corrections, total } from '../project/review/corrections'
import type { ImageInfo } from '../project/file-schemas'
import { readReviewed } from '../project/review/reviewed-image'
import { updateFiles } from '../project/review/current-files'
import { findImages, type ListedImage } from '../project/review/image-list'
import { labelsOf } from '../project/review/labels-of'
import { quoted } from '../text/csv'
import { writeAgreements } from './agreement-file'
import { type ImageNotes, notesOf, writeNotes, writeRois } from './export-notes'
import type { ExportedDataset } from './protocol'

/**
 * Exports the project's accepted images. Reads the files only, so a server may run at the same time.
 * @throws UserError if no accepted image can be exported, or the folder cannot be written
 */
export async function exportAcceptedImages(
  dir: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<ExportedDataset> {
  const folder = join(dir, 'dataset')
  const beside = partialPath(folder)
  const old = `${folder}.${process.pid}.old`
  const found = await findImages(dir)
  await removeLeft(dir)
  await refuseForeign(folder)
  try {
    await makeFolder(join(beside, 'images'))
    await makeFolder(join(beside, 'masks'))
    const notes: string[] = []
    const images: Exported[] = []
    for (const [i, image] of found.entries()) {
      const exported = await exportImage(dir, image, beside).catch((error: Error) => {
        if (!(error instanceof UserError)) throw error
        return { left: messageOf(error) }
      })
      if (exported && 'left' in exported) notes.push(`${image.name} is not exported: ${exported.left}`)
      else if (exported) images.push(exported)
      onProgress(i + 1, found.length)
    }
    if (!images.length)
      throw new UserError(
        ['no image with masks is accepted: accept images in the review page, then export', ...notes].join('\n'),
      )
    for (const { corrections, hidden } of images)
      if (hidden.length) notes.push(`${corrections.name}: smaller masks completely cover mask ${hidden.join(', ')}`)
    await writeCorrections(
      join(beside, 'corrections.json'),
      images.map(({ corrections }) => corrections),
    )
    await writeGroups(dir, beside, images)
    await writeNotes(beside, images)
    await writeAgreements(dir, beside)
    if (existsSync(folder)) await rename(folder, old)
    await rename(beside, folder)
    await updateFiles(dir)
    const masks = images.reduce((sum, { corrections, hidden }) => sum + corrections.masks - hidden.length, 0)
    return { images: images.length, masks, folder, notes }
  } finally {
    await rm(beside, { recursive: true, force: true })
    // if the new dataset could not be moved into place, restore the old one
    if (existsSync(old) && !existsSync(folder)) await rename(old, folder)
    await rm(old, { recursive: true, force: true })
  }
}

/** Refuses to overwrite a folder that was not made by an export. */
async function refuseForeign(folder: string): Promise<void> {
  const names: string[] = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new UserError(`cannot write ${folder}: ${messageOf(error, folder)}`)
  })
  if (names.length && !names.includes('corrections.json'))
    throw new UserError(`${folder} was not made by \`wgsam review\`: move it away, then export again`)
}

/** Removes the remains of exports that were killed, and restores a dataset that one of them had moved away. */
async function removeLeft(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const [, digits, kind] = /^dataset\.(\d+)\.(part|old)$/.exec(name) ?? []
    const pid = Number(digits)
    if (!kind || (pid !== process.pid && isRunning(pid))) continue
    if (kind === 'old' && !existsSync(join(dir, 'dataset'))) await rename(join(dir, name), join(dir, 'dataset'))
    else await rm(join(dir, name), { recursive: true, force: true })
  }
}

interface Exported {
  corrections: ImageCorrections
  hidden: number[]
  source: string
  pixelSize: ImageInfo['pixelSize']
  notes: ImageNotes
}

/** @returns null if the image is not accepted @throws UserError if it is accepted but cannot be exported */
async function exportImage(dir: string, image: ListedImage, to: string): Promise<Exported | null> {
  const { info, document, entries } = await readReviewed(dir, image)
  if (document.state !== 'accepted') return null
  if (!document.masks.length)
    throw new UserError('it is accepted but has no masks, and training needs at least one per image')
  const { labels, hidden } = labelsOf(document)
  // training would reject these images: report the reason now
  checkPair(labels, await readImage(image.path!), 16)
  await writePng(join(to, 'masks', `${image.name}.png`), { ...labels, channels: 1 })
  await copyFile(image.path!, join(to, 'images', basename(image.path!)))
  await writeRois(to, image.name, image.path!, labels)
  return {
    corrections: correctionsOf(image.name, document, entries),
    hidden,
    source: info.source,
    pixelSize: info.pixelSize,
    notes: notesOf(image.name, document),
  }
}

async function writeCorrections(path: string, images: ImageCorrections[]): Promise<void> {
  const corrections: Corrections = { version: 1, total: total(images), images }
  await writeFileAtomic(path, JSON.stringify(corrections, null, 1) + '\n')
}

/** Groups keep pages of one file out of different splits; `wgsam measure` reads the pixel sizes. */
async function writeGroups(dir: string, to: string, images: readonly Exported[]): Promise<void> {
  const given = join(dir, 'groups.csv')
  const path = join(to, 'groups.csv')
  if (existsSync(given)) return copyFile(given, path)
  const sources = images.map(({ source }) => source)
  const sized = images.some(({ pixelSize }) => pixelSize)
  if (!sized && !sources.some((source, i) => source && sources.indexOf(source) < i)) return
  // a group is named after its first image: a path of this machine would mean nothing elsewhere
  const first = (source: string) => images[sources.indexOf(source)].corrections.name
  const rows = images.map(({ corrections: { name }, source, pixelSize }) => {
    const cells = [name, source ? first(source) : name].map(quoted)
    if (sized) cells.push(pixelSize ? `${Number((pixelSize.metres * 1e9).toPrecision(9))}nm` : '')
    return cells.join()
  })
  await writeFileAtomic(path, [sized ? 'name,group,pixel_size' : 'name,group', ...rows, ''].join('\n'))
}
