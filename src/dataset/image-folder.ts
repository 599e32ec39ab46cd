/** @file Finds the image files that annotations name. Nothing outside the given folder is ever opened. */
import { extname, join, posix } from 'node:path'
import { imageExtensions } from '../images/sniff-image'
import { stemOf } from './file-stems'
import { foreignIn } from '../text/foreign-file'
import { UserError } from '../host/errors'
import { listFiles } from './list-files'

/** The images in a folder and its subfolders. */
export class ImageFolder {
  private readonly byPath = new Map<string, string[]>()
  private readonly byName = new Map<string, string[]>()
  private readonly byPathStem = new Map<string, string[]>()
  private readonly byStem = new Map<string, string[]>()
  private readonly byAnyCase = new Map<string, string[]>()

  private constructor(
    readonly folder: string,
    files: readonly string[],
  ) {
    const add = (map: Map<string, string[]>, key: string, file: string) => {
      const list = map.get(oneForm(key))
      if (list) list.push(file)
      else map.set(oneForm(key), [file])
    }
    for (const file of files) {
      add(this.byPath, file, file)
      add(this.byName, posix.basename(file), file)
      add(this.byPathStem, file.slice(0, -extname(file).length), file)
      add(this.byStem, stemOf(file), file)
      add(this.byAnyCase, posix.basename(file).toLowerCase(), file)
    }
  }

  /** @throws UserError if the folder cannot be read or, unless it `mayBeEmpty`, contains no images */
  static async open(folder: string, { mayBeEmpty = false } = {}): Promise<ImageFolder> {
    const files = (await listFiles(folder)).filter((file) => imageExtensions.includes(extname(file).toLowerCase()))
    if (!files.length && !mayBeEmpty) throw new UserError(`there are no images in ${folder}${await foreignIn(folder)}`)
    return new ImageFolder(folder, files)
  }

  /**
   * The path of each image, or why there is none. A file that only has the name of several images in other folders is none of
   * them for certain, and an image that another one names with its whole path is not taken by its name alone.
   */
  findAll(images: readonly { file: string; byStem?: boolean }[]): (string | Error)[] {
    const places = images.map(({ file, byStem }) => {
      try {
        return this.locate(file, byStem)
      } catch (error) {
        return error as Error
      }
    })
    const claims = new Map<string, { named: Set<string>; exact?: string }>()
    places.forEach((place, i) => {
      if (place instanceof Error) return
      const claim = claims.get(place.path) ?? { named: new Set() }
      claims.set(place.path, claim)
      if (place.exact) claim.exact = images[i].file
      else claim.named.add(localPath(images[i].file))
    })
    return places.map((place, i) => {
      if (place instanceof Error || place.exact) return place instanceof Error ? place : place.path
      const { exact, named } = claims.get(place.path)!
      const wanted = JSON.stringify(images[i].file)
      if (exact !== undefined && localPath(exact) !== localPath(images[i].file))
        return new Error(
          `there is no image ${wanted} in ${this.folder}; ${place.path} is annotated twice: it has this name, but is ${JSON.stringify(exact)}`,
        )
      if (named.size > 1)
        return new Error(
          `it is unclear whether ${place.path} is ${[...named]
            .slice(0, 3)
            .map((name) => JSON.stringify(name))
            .join(' or ')}: name the folder that has both by --images`,
        )
      return place.path
    })
  }

  /**
   * The path of the image with this name: at this path below the folder, else with this file name anywhere in it. Of a URL, and
   * of a path that leads out of the folder as those of other machines do, only the file name counts.
   * @param byStem true if `named` has no extension
   * @throws Error if there is none or more than one
   */
  find(named: string, byStem?: boolean): string {
    return this.locate(named, byStem).path
  }

  /** As `find`; `exact` if the file has the whole path that was named, not only its name. */
  private locate(named: string, byStem = false): { path: string; exact: boolean } {
    const path = posix.normalize(localPath(named))
    const name = posix.basename(path)
    const byPaths = byStem ? this.byPathStem : this.byPath
    const lists = [byPaths.get(oneForm(path)), (byStem ? this.byStem : this.byName).get(oneForm(name))]
    if (!byStem) lists.push(this.byAnyCase.get(oneForm(name.toLowerCase())))
    // a name out of an address, or without its extension
    const plain = decoded(name)
    if (plain !== name) lists.push((byStem ? this.byStem : this.byName).get(oneForm(plain)))
    if (!byStem && !imageExtensions.includes(extname(name).toLowerCase())) lists.push(this.byStem.get(oneForm(name)))
    // Label Studio puts a random number before the names of files that are uploaded to it
    const [, original] = /^[0-9a-f]{8}-(.+)$/.exec(name) ?? []
    if (original) lists.push((byStem ? this.byStem : this.byName).get(oneForm(original)))
    const found = lists.find((list) => list !== undefined) ?? []
    if (!found.length) {
      const looked = oneForm(name) === oneForm(named) ? '' : `, looked for as ${JSON.stringify(name)}`
      const [similar] = this.byStem.get(oneForm(stemOf(name))) ?? []
      const other = similar
        ? `; ${similar} differs in its extension: if it is the image, name it so in the annotations`
        : ''
      throw new Error(`there is no image ${JSON.stringify(named)} in ${this.folder}${looked}${other}`)
    }
    if (found.length > 1)
      throw new Error(`the name ${JSON.stringify(named)} is ambiguous: it may be ${found.join(' or ')}`)
    return { path: join(this.folder, found[0]), exact: found === lists[0] }
  }
}

/** A name in one Unicode form: macOS stores an accent as a separate character. */
const oneForm = (name: string) => name.normalize('NFC')

/** The path that a name, a path of any machine, or a URL refers to. */
function localPath(named: string): string {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(named) && !/^\/data\/(upload|local-files)\//.test(named))
    return named.replaceAll('\\', '/')
  // Label Studio: /data/local-files/?d=folder/name.png
  const [, local] = /[?&]d=([^&#]+)/.exec(named) ?? []
  const path = local ?? named.replace(/[?#].*$/s, '')
  return decoded(path).replaceAll('\\', '/')
}

/** The text with its percent escapes decoded; as it is if they are none. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
