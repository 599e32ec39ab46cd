/** @file Finds the image files that annotations name. Nothing outside the given folder is ever opened. */
import { extname, join, posix } from 'node:path'
import { imageExtensions } from '../images/sniff-image'
import { stemOf } from './file-stems'
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
    if (!files.length && !mayBeEmpty) throw new UserError(`there are no images in ${folder}`)
    return new ImageFolder(folder, files)
  }

  /**
   * The path of the image with this name: at this path below the folder, else with this file name anywhere in it. Of a URL, and
   * of a path that leads out of the folder as those of other machines do, only the file name counts.
   * @param byStem true if `named` has no extension
   * @throws Error if there is none or more than one
   */
  find(named: string, byStem = false): string {
    const path = posix.normalize(localPath(named))
    const name = posix.basename(path)
    const lists = byStem
      ? [this.byPathStem.get(oneForm(path)), this.byStem.get(oneForm(name))]
      : [
          this.byPath.get(oneForm(path)),
          this.byName.get(oneForm(name)),
          this.byAnyCase.get(oneForm(name.toLowerCase())),
        ]
    // Label Studio puts a random number before the names of files that are uploaded to it
    const [, original] = /^[0-9a-f]{8}-(.+)$/.exec(name) ?? []
    if (original) lists.push((byStem ? this.byStem : this.byName).get(oneForm(original)))
    const found = lists.find((list) => list !== undefined) ?? []
    if (!found.length) {
      const looked = oneForm(name) === oneForm(named) ? '' : `, looked for as ${JSON.stringify(name)}`
      throw new Error(`there is no image ${JSON.stringify(named)} in ${this.folder}${looked}`)
    }
    if (found.length > 1)
      throw new Error(`the name ${JSON.stringify(named)} is ambiguous: it may be ${found.join(' or ')}`)
    return join(this.folder, found[0])
  }
}

/** A name in one Unicode form: macOS stores an accent as a character of its own. */
const oneForm = (name: string) => name.normalize('NFC')

/** The path that a name, a path of any machine, or a URL refers to. */
function localPath(named: string): string {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(named) && !/^\/data\/(upload|local-files)\//.test(named))
    return named.replaceAll('\\', '/')
  // Label Studio: /data/local-files/?d=folder/name.png
  const [, local] = /[?&]d=([^&#]+)/.exec(named) ?? []
  const path = local ?? named.replace(/[?#].*$/s, '')
  try {
    return decodeURIComponent(path).replaceAll('\\', '/')
  } catch {
    return path
  }
}
