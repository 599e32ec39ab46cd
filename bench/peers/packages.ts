/** @file The other libraries: fetched only when `wgsam bench --peers` asks for them, into the cache folder, never into a project. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { UserError } from '../../src/host/errors'
import { cacheFolder } from '../../src/host/cache-folder'

export const PACKAGES = {
  tfjs: ['@tensorflow/tfjs-core@4.22.0', '@tensorflow/tfjs-backend-webgpu@4.22.0'],
  onnxruntime: ['onnxruntime-node@1.30.0'],
} as const
export type PeerName = keyof typeof PACKAGES
export const peerNames = Object.keys(PACKAGES) as PeerName[]

const folderOf = (peer: PeerName) => join(cacheFolder(), 'peers', peer)
const nameOf = (spec: string) => spec.slice(0, spec.lastIndexOf('@'))

/** Whether these very versions are there: the folder's name appears when npm is done. */
const installed = (peer: PeerName) => {
  const require = createRequire(join(folderOf(peer), 'package.json'))
  return PACKAGES[peer].every((spec) => {
    const manifest = join(folderOf(peer), 'node_modules', nameOf(spec), 'package.json')
    return existsSync(manifest) && `${nameOf(spec)}@${(require(manifest) as { version: string }).version}` === spec
  })
}

/** Fetches a peer's packages where they are not there. @throws UserError that says why they cannot be had */
export async function installPeer(peer: PeerName, log: (line: string) => void): Promise<void> {
  if (installed(peer)) return
  const specs = PACKAGES[peer]
  if (process.env.WGSAM_NO_INSTALL === '1')
    throw new UserError(`${specs.join(' and ')} are not in ${folderOf(peer)}, and WGSAM_NO_INSTALL=1 forbids fetching`)
  log(`fetching ${specs.join(' and ')} from the npm registry into ${folderOf(peer)}`)
  await mkdir(join(cacheFolder(), 'peers'), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), 'peers', 'part-'))
  try {
    // no script of theirs runs: onnxruntime's would only fetch libraries for CUDA
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
    const shell = process.platform === 'win32'
    await promisify(execFile)('npm', ['install', '--prefix', work, ...flags, ...specs], { shell }).catch((error) => {
      const why = String(error.stderr || error.message)
        .trim()
        .split('\n')[0]
      throw new UserError(`npm could not fetch ${specs.join(' and ')}: ${why}`)
    })
    await rm(folderOf(peer), { recursive: true, force: true })
    await rename(work, folderOf(peer))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** A package of an installed peer; nothing of its types is known here. */
export function loadPackage<T>(peer: PeerName, name: string): T {
  return createRequire(join(folderOf(peer), 'package.json'))(name) as T
}
