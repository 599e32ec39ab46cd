// Installs Mesa's Vulkan drivers through apt, from Debian's backports where the release's own are too old for Dawn.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { aptInstall, aptUpdate, rootRunner } from './apt.mjs'

/** The oldest major version of Mesa that Dawn accepts. */
const MINIMUM_MESA = 24
const BACKPORTS = '/etc/apt/sources.list.d/wgsam-backports.sources'

/** The package sources in a sources file's text: one-line (`deb URI suite component`) or deb822 (`URIs: ...`). */
export function parseSources(text) {
  const words = (value) => (value ?? '').trim().split(/\s+/).filter(Boolean)
  const lines = [...text.matchAll(/^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/gm)].map(
    ([, options, uri, suite, rest]) => ({
      uris: [uri],
      suites: [suite],
      components: words(rest.replace(/#.*/, '')),
      signedBy: /signed-by=(\S+)/.exec(options ?? '')?.[1],
    }),
  )
  const paragraphs = text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .map((p) =>
      Object.fromEntries(
        [...p.matchAll(/^([\w-]+):[ \t]*(.*)$/gm)].map(([, key, value]) => [key.toLowerCase(), value]),
      ),
    )
    .filter((f) => f.uris && words(f.types).includes('deb') && f.enabled !== 'no')
    .map((f) => ({
      uris: words(f.uris),
      suites: words(f.suites),
      components: words(f.components),
      // a key in the text itself has no value on this line
      signedBy: f['signed-by'] || undefined,
    }))
  return [...lines, ...paragraphs]
}

/** A deb822 source of the release's backports, at the mirror that the release itself comes from; null if no mirror is configured. */
export function backportsSource(sources, codename) {
  const own = sources.find(({ suites, components }) => suites.includes(codename) && components.includes('main'))
  if (!own) return null
  const fields = {
    Types: 'deb',
    URIs: own.uris[0],
    Suites: `${codename}-backports`,
    Components: 'main',
    'Signed-By': own.signedBy,
  }
  return Object.entries(fields)
    .filter(([, value]) => value)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')
}

/** The suite that offers a new enough Mesa among the lines of `apt-cache madison`, or null. */
export function newEnough(madison) {
  for (const line of madison.split('\n')) {
    const [, version = '', source = ''] = line.split('|').map((s) => s.trim())
    if (parseInt(version) >= MINIMUM_MESA) return { version, suite: source.split(/\s+/)[1].split('/')[0] }
  }
  return null
}

const configured = () => {
  const folder = '/etc/apt/sources.list.d'
  const listed = existsSync(folder) ? readdirSync(folder).filter((f) => /\.(list|sources)$/.test(f)) : []
  return ['/etc/apt/sources.list', ...listed.map((f) => join(folder, f))]
    .filter((f) => existsSync(f))
    .flatMap((f) => parseSources(readFileSync(f, 'utf8')))
}

/**
 * Installs Mesa's Vulkan drivers. Returns a sentence that says which and from where. Throws with the reason where apt, root or
 * a new enough Mesa is missing.
 */
export function installMesa({ id, codename }) {
  const run = rootRunner()
  const offered = () => newEnough(execFileSync('apt-cache', ['madison', 'mesa-vulkan-drivers'], { encoding: 'utf8' }))
  aptUpdate(run)
  let found = offered()
  let added = ''
  if (!found && id === 'debian' && codename) {
    const text = backportsSource(configured(), codename)
    if (!text) throw new Error(`no source of ${codename} is configured, so the address of its backports is not known`)
    const work = mkdtempSync(join(tmpdir(), 'wgsam-'))
    writeFileSync(join(work, 'sources'), text)
    run('install', '-m', '644', join(work, 'sources'), BACKPORTS)
    rmSync(work, { recursive: true })
    try {
      aptUpdate(run)
      found = offered()
    } finally {
      if (!found) run('rm', '-f', BACKPORTS)
    }
    added = ` (enabled in ${BACKPORTS})`
  }
  if (!found) throw new Error(`the configured sources offer no Mesa ${MINIMUM_MESA} or later`)
  aptInstall(run, ['mesa-vulkan-drivers', 'libvulkan1'], ['-t', found.suite])
  return `installed Mesa ${found.version} from ${found.suite}${added}`
}
