/** @file Where an adapter is: its own folder or file, found also from the folder of a run and from a file inside its folder. */
import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileHash } from '../host/file-hash'
import { CONFIG, OLD_TENSORS, TENSORS } from './adapter-files'
import { PROMPT_HEAD } from './prompt-head-file'

/** Folders of a run that hold adapters, the better one first. */
const OF_RUN = ['best', 'last']

/**
 * The folder or file of an adapter: of a run's folder its best adapter (its last if there is no best), of one of PEFT's two files
 * the folder that holds it. Any other path is returned as it is, also if nothing is there.
 */
export function adapterLocation(path: string): string {
  const info = statSync(path, { throwIfNoEntry: false })
  if (
    info?.isFile() &&
    [CONFIG, TENSORS, OLD_TENSORS].includes(basename(path)) &&
    existsSync(join(dirname(path), CONFIG))
  )
    return dirname(path)
  if (!info?.isDirectory() || existsSync(join(path, CONFIG))) return path
  const own = OF_RUN.find((name) => existsSync(join(path, name, CONFIG)))
  return own ? join(path, own) : path
}

/**
 * SHA-256 of all that an adapter consists of. A single file has its own hash. For a folder it is that of what `sha256sum` prints for
 * adapter_config.json, adapter_model.safetensors (or .bin) and, if there is one, prompt_head.safetensors, in this order. Thresholds and other
 * findings about the adapter (wgsam.json) do not count.
 */
export async function adapterHash(path: string): Promise<string> {
  if (!statSync(path).isDirectory()) return fileHash(path)
  const names = [CONFIG, TENSORS, OLD_TENSORS, PROMPT_HEAD].filter((name) => existsSync(join(path, name)))
  const lines: string[] = []
  for (const name of names) lines.push(`${await fileHash(join(path, name))}  ${name}\n`)
  return createHash('sha256').update(lines.join('')).digest('hex')
}
