/** @file Installs the other libraries for `wgsam bench --peers` in the cache folder. They are not dependencies of wgsam. */
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

/** Whether exactly these versions are installed. */
const installed = (peer: PeerName) => {
  const require = createRequire(join(folderOf(peer), 'package.json'))
  return PACKAGES[peer].every((spec) => {
    const manifest = join(folderOf(peer), 'node_modules', nameOf(spec), 'package.json')
    return existsSync(manifest) && `${nameOf(spec)}@${(require(manifest) as { version: string }).version}` === spec
  })
}

/** Installs a peer's packages unless they are installed. @throws UserError with the reason if that fails */
export async function installPeer(peer: PeerName, log: (line: string) => void): Promise<void> {
  if (installed(peer)) return
  const specs = PACKAGES[peer]
  if (process.env.WGSAM_NO_INSTALL === '1')
    throw new UserError(`${specs.join(' and ')} are not in ${folderOf(peer)}, and WGSAM_NO_INSTALL=1 forbids downloads`)
  log(`downloading ${specs.join(' and ')} from the npm registry into ${folderOf(peer)}`)
  await mkdir(join(cacheFolder(), 'peers'), { recursive: true })
  const work = await mkdtemp(join(cacheFolder(), 'peers', 'part-'))
  try {
    // install scripts are not run; onnxruntime's would only download CUDA libraries
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
    const shell = process.platform === 'win32'
    await promisify(execFile)('npm', ['install', '--prefix', work, ...flags, ...specs], { shell }).catch((error) => {
      const why = String(error.stderr || error.message)
        .trim()
        .split('\n')[0]
      throw new UserError(`npm could not install ${specs.join(' and ')}: ${why}`)
    })
    await rm(folderOf(peer), { recursive: true, force: true })
    await rename(work, folderOf(peer))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Loads a package of an installed peer. Its types are declared by the caller, because the package is not a dependency. */
export function loadPackage<T>(peer: PeerName, name: string): T {
  return createRequire(join(folderOf(peer), 'package.json'))(name) as T
}
