/** Python with the trackers' own readers: the machine's, or one set up once under .cache/; null where none can be had. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What is installed where nothing is there yet: about 270 MB. */
const PACKAGES = ['wandb==0.31.0', 'tensorboard==2.21.0']
const FOLDER = join('.cache', 'python-trackers')
/** Waiting longer for a slow network would cost every test run more than it is worth. */
const MOST_MS = 100_000

const works = (python: string) =>
  spawnSync(python, ['-c', 'import wandb, tensorboard'], { stdio: 'ignore', timeout: 60_000 }).status === 0

/** The program and nothing, or null and why there is none. */
export function trackerPython(): { python: string | null; why: string } {
  const own = join(FOLDER, 'bin', 'python')
  for (const python of [process.env.WGSAM_PYTHON, own, 'python3'])
    if (python && (python !== own || existsSync(own)) && works(python)) return { python, why: '' }
  // nobody who runs the tests expects 270 MB of another language: CI asks for it
  if (process.env.WGSAM_TEST_PYTHON !== 'install')
    return { python: null, why: 'WGSAM_TEST_PYTHON=install would install them' }
  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, { stdio: 'ignore', timeout: MOST_MS }).status === 0
  if (!run('python3', '-m', 'venv', FOLDER)) return { python: null, why: 'there is no python3 with venv' }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', ...PACKAGES]
  if (run(own, ...pip) && works(own)) return { python: own, why: '' }
  rmSync(FOLDER, { recursive: true, force: true })
  return { python: null, why: `pip cannot install ${PACKAGES.join(' and ')} here` }
}
