/**
 * @file SwiftShader, a Vulkan driver that runs on the processor, for Linux machines on which system packages cannot be
 * installed. It is taken, with a Vulkan loader, from an npm package that contains Chromium. Slower than Mesa's lavapipe.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompressSync } from 'node:zlib'
import { messageOf, UserError } from './errors'
import { makeFolder } from './files'
import { cacheFolder } from './cache-folder'

const PACKAGE = '@sparticuz/chromium@147.0.0'
const ARCHIVE = 'node_modules/@sparticuz/chromium/bin/swiftshader.tar.br'
const ARCHIVE_SHA256 = 'f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a'
const LOADER = 'libvulkan.so.1'
const MANIFEST = 'vk_swiftshader_icd.json'
const FILES = [LOADER, MANIFEST, 'libvk_swiftshader.so']

const folder = () => join(cacheFolder(), 'swiftshader')

/** True if the package has a build for this machine. */
const swiftShaderFits = (): boolean => process.platform === 'linux' && process.arch === 'x64'

const swiftShaderInstalled = (): boolean => swiftShaderFits() && FILES.every((f) => existsSync(join(folder(), f)))

let used = false

/**
 * Makes the SwiftShader in the cache folder the Vulkan driver of this process.
 * @returns false if it is not installed, or in use already
 */
export function useSwiftShader(): boolean {
  if (used || !swiftShaderInstalled()) return false
  used = true
  process.env.VK_ICD_FILENAMES = process.env.VK_DRIVER_FILES = join(folder(), MANIFEST)
  try {
    // Dawn looks for the Vulkan loader by this file's name and finds the one already loaded into the process.
    // RTLD_NOW | RTLD_NODELETE (0x1000): Node rejects it as an addon and would unload it again
    process.dlopen({ exports: {} }, join(folder(), LOADER), 2 | 0x1000)
  } catch (error) {
    if (!/did not self-register/.test(messageOf(error))) return false
  }
  return true
}

/**
 * Downloads the package from the user's npm registry and puts the driver's files (7 MB) into the cache folder.
 * @throws UserError on other systems, or if the download fails or differs from the expected file
 */
export async function installSwiftShader(): Promise<void> {
  if (!swiftShaderFits()) throw new UserError('SwiftShader is available for Linux on x86-64 only')
  await makeFolder(cacheFolder())
  const work = await mkdtemp(join(cacheFolder(), 'swiftshader-'))
  try {
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
    await promisify(execFile)('npm', ['install', '--prefix', work, ...flags, PACKAGE]).catch((error) => {
      throw new UserError(`npm could not download ${PACKAGE}: ${String(error.stderr || error.message).trim()}`)
    })
    const archive = await readFile(join(work, ARCHIVE))
    const sha256 = createHash('sha256').update(archive).digest('hex')
    if (sha256 !== ARCHIVE_SHA256)
      throw new UserError(`${PACKAGE}: its SwiftShader is not the expected file (sha256 ${sha256})`)
    const ready = join(work, 'ready')
    await mkdir(ready)
    for (const [name, data] of untar(brotliDecompressSync(archive)))
      if (FILES.includes(name)) await writeFile(join(ready, name), data)
    await rm(folder(), { recursive: true, force: true })
    await rename(ready, folder())
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Names and contents of the files in a tar archive. */
function* untar(tar: Buffer): Generator<[string, Buffer]> {
  const field = (at: number, length: number) => tar.toString('latin1', at, at + length).replace(/\0.*$/s, '')
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = parseInt(field(at + 124, 12), 8)
    yield [field(at, 100).replace(/^\.\//, ''), tar.subarray(at + 512, at + 512 + size)]
    at += 512 + Math.ceil(size / 512) * 512
  }
}
