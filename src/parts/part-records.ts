/**
 * @file What the parts of a divided command leave for the step that merges them: a file for each image, written when the image is done.
 * No file is written by two parts, so that no lock is needed, which file systems of clusters often do not have; a part that was killed
 * continues after its last image; and the number of parts may change in between. All is below a folder named by a hash of the settings
 * of the command: results of other settings are neither used nor overwritten.
 *
 *   parts/HASH/part-2-of-8.json   the settings, and what only a process that ran the model knows; written when a part begins
 *   parts/HASH/images/NAME.json   the result of an image
 *   parts/HASH/merged.json        the results were merged; those of the images are deleted then
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../host/errors'
import { namesIn, removePartialFiles, writeFileAtomic } from '../host/files'
import { fromExactJson, toExactJson } from './exact-json'
import { type Part, partWith } from './part'

/** What the results depend on: values of options and the like, by name. */
export type Settings = Record<string, unknown>

interface Head {
  version: 1
  settings: Settings
  count: number
  facts: unknown
}

const VERSION = 1
/** Temporary files that are older than this many seconds are what a killed program has left. */
const STALE = 600
/** The maximum number of names that a message lists. */
const LISTED = 10

export class PartRecords {
  private readonly dir: string

  /** @param folder that holds `parts` · @param settings without those on which only the merging depends */
  constructor(
    readonly folder: string,
    readonly settings: Settings,
  ) {
    this.dir = join(folder, 'parts', hash(toExactJson(sorted(settings))).slice(0, 16))
  }

  /**
   * Begins a part. @param facts what the merging needs and only a process with the model knows
   * @returns the numbers of parts that earlier runs were divided into, if they differ
   */
  async begin({ index, count }: Part, facts: unknown): Promise<number[]> {
    await rm(join(this.dir, 'merged.json'), { force: true })
    const earlier = new Set((await this.heads()).map((head) => head.count).filter((other) => other !== count))
    await mkdir(join(this.dir, 'images'), { recursive: true })
    await removePartialFiles([this.dir, join(this.dir, 'images')], STALE)
    const head: Head = { version: VERSION, settings: this.settings, count, facts }
    await writeFileAtomic(join(this.dir, `part-${index}-of-${count}.json`), toExactJson(head) + '\n')
    return [...earlier].sort((a, b) => a - b)
  }

  /** The result of an image; null if there is none that can be read. */
  async read<T>(id: string): Promise<T | null> {
    const text = await readFile(this.path(id), 'utf8').catch(() => null)
    if (text === null) return null
    try {
      const record = fromExactJson(text) as { version: number; id: string; result: T } | null
      return record?.version === VERSION && record.id === id ? record.result : null
    } catch {
      return null // it is made again
    }
  }

  async write(id: string, result: unknown): Promise<void> {
    await writeFileAtomic(this.path(id), toExactJson({ version: VERSION, id, result }) + '\n')
  }

  /** True if the results were merged since the last part began. */
  get merged(): boolean {
    return existsSync(join(this.dir, 'merged.json'))
  }

  /** What `begin` was given, of the first part that can be read. @throws UserError if no part has begun with these settings */
  async facts<T>(): Promise<T> {
    const [head] = await this.heads()
    if (!head) throw new UserError(await this.noParts())
    return head.facts as T
  }

  /**
   * @param ids of all images, in their order, as they were divided · @param done those that have a result
   * @throws UserError that names the images without a result, and the parts which have them
   */
  async expectAll(ids: readonly string[], done: ReadonlySet<string>): Promise<void> {
    const heads = await this.heads()
    if (!heads.length) throw new UserError(await this.noParts())
    const missing = ids.filter((id) => !done.has(id))
    if (!missing.length) return
    const counts = new Set(heads.map(({ count }) => count))
    // with one number of parts it is known which of them have not finished
    const parts =
      counts.size === 1 ? [...new Set(ids.flatMap((id, i) => (done.has(id) ? [] : [partWith(i, heads[0].count)])))] : []
    const named = parts.sort((a, b) => a - b).map((index) => `${index}/${heads[0].count}`)
    const [verb, again] = [
      missing.length === 1 ? 'has' : 'have',
      named.length ? `part${named.length > 1 ? 's' : ''} ${list(named)}` : 'the parts',
    ]
    throw new UserError(
      `${missing.length} of ${ids.length} images ${verb} no result yet: ${list(missing)}. Wait for ${again}, or run ${named.length === 1 ? 'it' : 'them'} again ` +
        'with the same options, which continues after the last finished image; then --merge',
    )
  }

  /** Deletes the results of the images, which are in the merged files now. */
  async finish(): Promise<void> {
    await writeFileAtomic(join(this.dir, 'merged.json'), toExactJson({ version: VERSION }) + '\n')
    for (const name of await namesIn(this.dir))
      if (name !== 'merged.json') await rm(join(this.dir, name), { recursive: true, force: true })
  }

  private async heads(dir = this.dir): Promise<Head[]> {
    const heads: Head[] = []
    for (const name of (await namesIn(dir)).sort()) {
      if (!/^part-\d+-of-\d+\.json$/.test(name)) continue
      const head = await readFile(join(dir, name), 'utf8')
        .then((text) => fromExactJson(text) as Head | null)
        .catch(() => null)
      if (head?.version === VERSION) heads.push(head)
    }
    return heads
  }

  /** Says that there is nothing to merge, and if parts have run with other settings, which differ. */
  private async noParts(): Promise<string> {
    const parts = join(this.folder, 'parts')
    for (const name of await namesIn(parts)) {
      const [head] = await this.heads(join(parts, name))
      if (!head) continue
      const differing = [...new Set([...Object.keys(head.settings), ...Object.keys(this.settings)])].filter(
        (key) => toExactJson([head.settings[key]]) !== toExactJson([this.settings[key]]),
      )
      const show = (value: unknown) => (value === undefined ? 'not given' : toExactJson(value).slice(0, 80))
      const lines = differing.map(
        (key) => `  ${key}: ${show(head.settings[key])} there, ${show(this.settings[key])} here`,
      )
      return `the parts in ${parts} were made with other settings:\n${lines.join('\n')}\nMerge with the options of the parts`
    }
    return `there are no parts in ${parts}: run the same command with --part 1/N to N/N first, in place of --merge`
  }

  private path(id: string): string {
    // the hash keeps apart names that differ by letters which are replaced, or that a file system takes for equal
    const readable = id.replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, 40)
    return join(this.dir, 'images', `${readable}-${hash(id).slice(0, 12)}.json`)
  }
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

const sorted = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)))

const list = (names: readonly string[]): string =>
  names.slice(0, LISTED).join(', ') + (names.length > LISTED ? ` and ${names.length - LISTED} more` : '')
