/** @file Finds the image files that annotations name. Nothing outside the given folder is ever opened. */
import { extname, join, posix } from 'node:path'
import { imageExtensions } from '../images/sniff-image'
import { stemOf } from './file-stems'
import { UserError } from '../host/errors'
import { listFiles } from './list-files'

/** The images in a folder and its subfolders. */
export class ImageFolder {
  private readonly paths = new Set<string>()
  private readonly byName = new Map<string, string[]>()
  private readonly byPathStem = new Map<string, string[]>()
  private readonly byStem = new Map<string, string[]>()

  private constructor(
    readonly folder: string,
    files: readonly string[],
  ) {
    const add = (map: Map<string, string[]>, key: string, file: string) => map.set(key, [...(map.get(key) ?? []), file])
    for (const file of files) {
      this.paths.add(file)
      add(this.byName, posix.basename(file), file)
      add(this.byPathStem, file.slice(0, -extname(file).length), file)
      add(this.byStem, stemOf(file), file)
    }
  }

  /** @throws UserError if the folder cannot be read or contains no images */
  static async open(folder: string): Promise<ImageFolder> {
    const files = (await listFiles(folder)).filter((file) => imageExtensions.includes(extname(file).toLowerCase()))
    if (!files.length) throw new UserError(`there are no images in ${folder}`)
    return new ImageFolder(folder, files)
  }

  /**
   * The path of the image with this name: at this path below the folder, else with this file name anywhere in it.
   * @param byStem true if `named` has no extension
   * @throws Error if there is none or more than one, or if the name leads out of the folder
   */
  find(named: string, byStem = false): string {
    if (/^[a-z]+:\/\//i.test(named)) throw new Error(`${JSON.stringify(named)} is a URL, not a file`)
    const path = posix.normalize(named.replaceAll('\\', '/'))
    if (path.startsWith('../') || path === '..' || posix.isAbsolute(path) || /^[a-z]:/i.test(path))
      throw new Error(`the name ${JSON.stringify(named)} leads out of the folder of images`)
    if (!byStem && this.paths.has(path)) return join(this.folder, path)
    const name = posix.basename(path)
    const exact = byStem ? this.byPathStem.get(path) : undefined
    const found = exact ?? (byStem ? this.byStem : this.byName).get(name) ?? []
    if (!found.length) throw new Error(`there is no image ${JSON.stringify(named)} in ${this.folder}`)
    if (found.length > 1)
      throw new Error(`the name ${JSON.stringify(named)} is ambiguous: it may be ${found.join(' or ')}`)
    return join(this.folder, found[0])
  }
}
