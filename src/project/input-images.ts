/** @file Which images a command line means: files and folders, each image under a name of its own. */
import { readdir, stat } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { stemOf } from '../dataset/file-stems'
import { imageExtensions } from '../images/sniff-image'
import { countPages } from '../images/micrograph'
import { UserError } from '../host/errors'

export interface InputImage {
  path: string
  /** The name of its files in the project: the file's without extension, and with it where two would be the same. */
  name: string
  /** Of a file of several pages, from 0. */
  page?: number
}

/**
 * The files given, and of the folders given the images directly in them (or in their images/), in alphabetical order.
 * @throws UserError where a path does not exist or nothing is left
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
    throw new UserError(`no images in ${paths.join(', ')}: files of ${imageExtensions.join(', ')} are looked for`)
  return named(unique)
}

/** Every page of files that have several, as NAME-p1, NAME-p2 …; files that cannot be read are left for later to refuse. */
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
    (await readdir(path, { withFileTypes: true }).catch(() => []))
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .filter(({ name }) => imageExtensions.includes(extname(name).toLowerCase()))
      .map(({ name }) => resolve(path, name))
      .sort()
  const direct = await list(folder)
  return direct.length ? direct : list(join(folder, 'images'))
}

function named(paths: readonly string[]): InputImage[] {
  const count = new Map<string, number>()
  // file systems that ignore case would take A.png for a.png
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
