/** @file The images that command-line paths refer to: files and folders, each image with a unique name. */
import { readdir, stat } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { stemOf } from '../dataset/file-stems'
import { imageExtensions } from '../images/sniff-image'
import { countPages } from '../images/micrograph'
import { UserError } from '../host/errors'
import { foreignIn } from '../text/foreign-file'
import { naturalOrder } from '../text/natural-order'
import { noneIfMissing } from '../host/files'

/** An image that is to be segmented: its file, page and name. */
export interface InputImage {
  path: string
  /** The name of its files in the project: the file's name, with the extension only if two names would be equal. */
  name: string
  /** The page, from 0, of a file with several pages. */
  page?: number
}

/**
 * The given files in order; for a folder, the images directly in it (or in its images/ folder) in the order of their names, numbers by value.
 * @throws UserError if a path does not exist or no image is found
 * @example
 * for (const { name, path } of await listInputs(['micrographs'])) console.log(name, path)
 */
export async function listInputs(paths: readonly string[]): Promise<InputImage[]> {
  const files: string[] = []
  for (const path of paths) {
    const found = await stat(path).catch(() => null)
    if (!found) throw new UserError(`there is no file or folder ${path}`)
    if (found.isDirectory()) files.push(...(await imagesIn(path)))
    else files.push(resolve(path))
  }
  const unique = [...new Set(files)]
  if (!unique.length)
    throw new UserError(
      `no images in ${paths.join(', ')}: supported file types are ${imageExtensions.join(', ')}${await foreignIn(paths[0])}`,
    )
  return named(unique)
}

/** Expands files with several pages into NAME-p1, NAME-p2 …; unreadable files are kept and fail when they are read. */
export async function everyPage(inputs: readonly InputImage[]): Promise<InputImage[]> {
  const all: InputImage[] = []
  for (const input of inputs) {
    const pages = await countPages(input.path).catch(() => 1)
    if (pages === 1) all.push(input)
    else for (let page = 0; page < pages; page++) all.push({ ...input, name: `${input.name}-p${page + 1}`, page })
  }
  return all
}

async function imagesIn(folder: string): Promise<string[]> {
  const list = async (path: string) =>
    (await readdir(path, { withFileTypes: true }).catch(noneIfMissing(path)))
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .filter(({ name }) => imageExtensions.includes(extname(name).toLowerCase()))
      .map(({ name }) => name)
      .sort((a, b) => naturalOrder(stemOf(a), stemOf(b)))
      .map((name) => resolve(path, name))
  const direct = await list(folder)
  return direct.length ? direct : list(join(folder, 'images'))
}

function named(paths: readonly string[]): InputImage[] {
  const count = new Map<string, number>()
  // A.png and a.png are the same file on a file system that ignores case
  for (const path of paths) count.set(key(stemOf(path)), (count.get(key(stemOf(path))) ?? 0) + 1)
  const taken = new Set<string>()
  return paths.map((path) => {
    const stem = stemOf(path)
    const wanted = count.get(key(stem))! > 1 ? `${stem}.${extname(path).slice(1)}` : stem
    let name = wanted
    for (let i = 2; taken.has(key(name)); i++) name = `${wanted}-${i}`
    taken.add(key(name))
    return { path, name }
  })
}

const key = (name: string) => name.toLowerCase().normalize('NFC')
