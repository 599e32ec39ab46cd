// Installs packages with apt-get on Debian and Ubuntu, where that needs no question: as root, or with sudo without a password.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** The words before a command that needs root; null if root is not to be had without a password. */
function privilege() {
  if (process.getuid?.() === 0) return []
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : null
}

/**
 * Returns a function that runs a command as root and throws with its output if it fails. Throws if there is no apt-get, or
 * if root needs a password.
 */
export function rootRunner() {
  if (!existsSync('/usr/bin/apt-get')) throw new Error('this machine has no apt-get')
  const root = privilege()
  if (!root) throw new Error('apt-get needs root, and sudo asks for a password')
  return (...command) => {
    const [program, ...args] = [...root, 'env', 'DEBIAN_FRONTEND=noninteractive', ...command]
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`\`${command.join(' ')}\` failed:\n${(stderr + stdout).trim()}`)
  }
}

/** Arguments of `apt-get install` that everything here uses: no question, no extras, and patience with another apt. */
const INSTALL = ['install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120']

/** Installs packages; `options` go before their names. */
export const aptInstall = (run, packages, options = []) => run('apt-get', ...INSTALL, ...options, ...packages)

/** Fetches the lists of packages that the configured sources offer. */
export const aptUpdate = (run) => run('apt-get', 'update', '-q')
