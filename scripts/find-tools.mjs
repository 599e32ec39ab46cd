// Where the tools of the tests are: scripts/test-tools.mjs installs what is missing, test/support opens what is there.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** The folder of the Python environment that `npm test` makes. */
export const PYTHON_FOLDER = join('.cache', 'python-trackers')
export const INSTALLED_PYTHON = join(PYTHON_FOLDER, 'bin', 'python')

/** The path of Chromium: WGSAM_CHROMIUM, else the first one found in PATH. Undefined if there is none. */
export function findChromium() {
  const { WGSAM_CHROMIUM: given, PATH = '' } = process.env
  if (given) return given
  return PATH.split(delimiter)
    .flatMap((folder) => CHROMIUM.map((name) => join(folder, name)))
    .find((path) => existsSync(path))
}

/** The folder in which `npm test` installs Deno and Bun, from npm. */
export const HOSTS_FOLDER = join('.cache', 'hosts')
/** Where the npm packages have the executable of each platform: the scope, and the path in one of its packages. */
const HOSTS = { deno: ['@deno', 'deno'], bun: ['@oven', join('bin', 'bun')] }

/** The path of `deno` or `bun`: the first one in PATH, else the installed one. Undefined if there is none. */
export function findHost(name) {
  const [scope, path] = HOSTS[name]
  const end = process.platform === 'win32' ? '.exe' : ''
  const packages = join(HOSTS_FOLDER, 'node_modules', scope)
  const installed = existsSync(packages) ? readdirSync(packages).map((one) => join(packages, one, path + end)) : []
  const inPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name + end))
  const found = [...inPath, ...installed].find((file) => existsSync(file))
  return found && resolve(found)
}

/** The first Python that imports wandb and tensorboard: WGSAM_PYTHON, the installed one, the machine's. Undefined if none does. */
export const findTrackerPython = () =>
  [process.env.WGSAM_PYTHON, existsSync(INSTALLED_PYTHON) && INSTALLED_PYTHON, 'python3'].find(
    (python) => python && importsTrackers(python),
  )

export const importsTrackers = (python) =>
  spawnSync(python, ['-c', 'import wandb, tensorboard'], { stdio: 'ignore', timeout: 60_000 }).status === 0

/** The path of the launcher of `openmpi` or `mpich`, under the names that Debian gives them or as `mpirun`. Undefined if there is none. */
export function findMpirun(name) {
  const word = { openmpi: /Open MPI|OpenRTE/, mpich: /HYDRA|MPICH/ }[name]
  const folders = (process.env.PATH ?? '').split(delimiter)
  return [`mpirun.${name}`, 'mpirun', 'mpiexec']
    .flatMap((program) => folders.map((folder) => join(folder, program)))
    .find((path) => existsSync(path) && word.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? ''))
}
