/** @file Lists the images to review: those of a project, or of any folder of images. */
import { existsSync } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import sharp from 'sharp'
import type { Size } from '../../../engine/image/size'
import { commandText, reviewCommand } from '../../cli/next-command'
import { stemOf } from '../../dataset/file-stems'
import { imageExtensions } from '../../images/sniff-image'
import { readImage } from '../../images/read-image'
import { foreignIn } from '../../text/foreign-file'
import { UserError } from '../../host/errors'
import { naturalOrder } from '../../text/natural-order'
import { namesIn } from '../../host/files'
import { staysInside } from '../../host/inside-folder'
import { projectFile } from '../project'

export interface ListedImage {
  name: string
  /** The second annotator whose review it is; missing for that of the project. */
  annotator?: string
  /** Null if there are proposals or a log, but no image. */
  path: string | null
  /** Why it cannot be reviewed; null if no problem is known yet. */
  problem: string | null
}

/**
 * The images in DIR/images, or in DIR itself, ordered by name with numbers compared as numbers.
 * @throws UserError if there is no such folder or it holds no images
 */
export async function findImages(dir: string, annotator?: string): Promise<ListedImage[]> {
  const is = await stat(dir).catch(() => null)
  if (is && !is.isDirectory())
    throw new UserError(
      `${dir} is a file, not a folder: \`${commandText(reviewCommand(dirname(dir)))}\` opens it and the images beside it`,
    )
  if (!is) throw new UserError(`there is no folder ${dir}`)
  const folder = existsSync(join(dir, 'images')) ? join(dir, 'images') : dir
  const files = new Map<string, string[]>()
  for (const file of await namesIn(folder))
    if (!file.startsWith('.') && imageExtensions.includes(extname(file).toLowerCase()))
      files.set(stemOf(file), [...(files.get(stemOf(file)) ?? []), file])
  for (const [sub, ext] of [
    ['proposals', '.json'],
    ['review', '.jsonl'],
  ])
    for (const file of await namesIn(join(dir, sub)))
      if (file.endsWith(ext) && !file.startsWith('.')) {
        const name = file.slice(0, -ext.length)
        if (!files.has(name)) files.set(name, [])
      }
  if (!files.size)
    throw new UserError(
      `${folder} holds no images (${imageExtensions.join(', ')}): \`wgsam generate\` makes a project${await foreignIn(folder)}`,
    )
  const root = await realpath(dir)
  if (await leadsOut(root, [join(dir, 'review')]))
    throw new UserError(`${join(dir, 'review')} is a link that leads out of ${dir}: the logs must stay in it`)
  const found: ListedImage[] = []
  for (const [name, candidates] of files) {
    const [file] = candidates
    if (file === undefined) found.push({ name, path: null, problem: `${folder} has no image of this name` })
    else if (candidates.length > 1)
      found.push({ name, path: null, problem: `several images have this name: ${candidates.join(' and ')}` })
    else {
      const image = { name, path: join(folder, file), ...(annotator !== undefined && { annotator }) }
      found.push({ ...image, problem: await linkOut(dir, image) })
    }
  }
  return found.sort((a, b) => naturalOrder(a.name, b.name))
}

/** Why an image's files must not be opened: one of them is a link out of the folder. Null if none is. */
export async function linkOut(
  dir: string,
  { name, path, annotator }: Pick<ListedImage, 'name' | 'path' | 'annotator'>,
): Promise<string | null> {
  const kinds = [projectFile.proposals, projectFile.candidates, projectFile.infoBar]
  const files = [...kinds.map((pathOf) => pathOf(dir, name)), projectFile.log(dir, name, annotator)]
  const leading = await leadsOut(await realpath(dir), path === null ? files : [path, ...files])
  return leading && `${leading} is a link that leads out of ${dir}`
}

/** The first path that is a link out of the folder with the real path `root`; null if there is none. */
async function leadsOut(root: string, paths: string[]): Promise<string | null> {
  for (const path of paths) if (!(await staysInside(root, path))) return path
  return null
}

/** An image's size, from its header if possible. @throws UserError if the image cannot be read */
export async function imageSize(path: string): Promise<Size> {
  try {
    const { width, height } = await sharp(path, { page: 0, limitInputPixels: false }).metadata()
    return { width, height }
  } catch {
    // a format that only readImage supports, or a damaged file: readImage reports the reason
    const { width, height } = await readImage(path)
    return { width, height }
  }
}
