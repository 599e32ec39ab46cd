/** @file Python with wandb and tensorboard, whose own readers check the files that wgsam writes for them. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Where `npm test` installs them (scripts/test-tools.mjs). */
const INSTALLED = '.cache/python-trackers/bin/python'

const works = (python: string) =>
  spawnSync(python, ['-c', 'import wandb, tensorboard'], { stdio: 'ignore', timeout: 60_000 }).status === 0

/** The first Python that can import both: WGSAM_PYTHON, the one that `npm test` installs, the machine's. Null if there is none. */
export function findTrackerPython(): string | null {
  const candidates = [process.env.WGSAM_PYTHON, existsSync(INSTALLED) ? INSTALLED : undefined, 'python3']
  return candidates.find((python) => python && works(python)) ?? null
}
