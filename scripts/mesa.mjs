// Installs Mesa's Vulkan drivers through apt, from Debian's backports where the release's own are too old for Dawn.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const LEAST = 24
const BACKPORTS = '/etc/apt/sources.list.d/wgsam-backports.sources'

/** What to put before a command that needs root; null where there is no way without a password. */
function privilege() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : null
}

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

/** A deb822 text that adds the release's backports from the mirror that the release itself comes from; null where none is seen. */
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
    if (parseInt(version) >= LEAST) return { version, suite: source.split(/\s+/)[1].split('/')[0] }
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

/** Returns what was done, as a sentence. Throws with the reason where apt, the rights or a new enough Mesa are missing. */
export function installMesa({ id, codename }) {
  const root = privilege()
  if (!existsSync('/usr/bin/apt-get')) throw new Error('there is no apt on this machine')
  if (!root) throw new Error('apt-get needs root, and sudo asks for a password')
  const run = (...command) => {
    const [program, ...args] = [...root, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command]
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`\`${command.join(' ')}\` failed:\n${(stderr + stdout).trim()}`)
  }
  const update = () => run('apt-get', 'update', '-q')
  const offered = () => newEnough(execFileSync('apt-cache', ['madison', 'mesa-vulkan-drivers'], { encoding: 'utf8' }))
  update()
  let found = offered()
  let added = ''
  if (!found && id === 'debian' && codename) {
    const text = backportsSource(configured(), codename)
    if (!text) throw new Error(`no source of ${codename} itself is configured, so that of its backports is not known`)
    const work = mkdtempSync(join(tmpdir(), 'wgsam-'))
    writeFileSync(join(work, 'sources'), text)
    run('install', '-m', '644', join(work, 'sources'), BACKPORTS)
    rmSync(work, { recursive: true })
    try {
      update()
      found = offered()
    } finally {
      if (!found) run('rm', '-f', BACKPORTS)
    }
    added = ` (enabled in ${BACKPORTS})`
  }
  if (!found) throw new Error(`the configured sources offer no Mesa ${LEAST} or later`)
  const lock = ['-o', 'DPkg::Lock::Timeout=120']
  run(
    'apt-get',
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
    ...lock,
    '-t',
    found.suite,
    'mesa-vulkan-drivers',
    'libvulkan1',
  )
  return `installed Mesa ${found.version} from ${found.suite}${added}`
}
