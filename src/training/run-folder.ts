/** @file A run's folder: what lies where in it, beginning one, and going on with one. */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../host/errors'
import { writeFileAtomic } from '../host/files'
import { takeLock } from '../host/folder-lock'
import { CHECKPOINT, removeHalves } from './checkpoint'
import { type RawConfig, type TrainConfig, checkConfig, configDifferences, mergeConfig, readConfigFile } from './config'

export interface RunFolder {
  root: string
  config: string
  split: string
  metrics: string
  /** Each holds a checkpoint, and the adapter as other programs read it. */
  last: string
  best: string
}

export function runFolder(root: string): RunFolder {
  const at = (name: string) => join(root, name)
  return {
    root,
    config: at('config.json'),
    split: at('split.json'),
    metrics: at('metrics.jsonl'),
    last: at('last'),
    best: at('best'),
  }
}

/** Whether a run in this folder has come as far as its first checkpoint. */
export const hasCheckpoint = ({ last }: RunFolder): boolean => existsSync(join(last, CHECKPOINT))

export const saveConfig = ({ config: path }: RunFolder, config: TrainConfig): Promise<void> =>
  writeFileAtomic(path, JSON.stringify(config, null, 2) + '\n')

/** @throws UserError where the folder holds no run to go on with */
export function checkRun({ root, config }: RunFolder): void {
  if (!existsSync(config)) throw new UserError(`${root} holds no training run: ${config} is missing`)
}

/**
 * Keeps other programs from training in this folder, before anything is written there.
 * @returns gives it back
 * @throws UserError where one does
 */
export const lockRun = ({ root }: RunFolder): Promise<() => Promise<void>> =>
  takeLock(join(root, 'lock'), 'wgsam train')

/** Makes the folder of a new run and writes its configuration. @throws UserError where a run lies there already */
export async function beginRun(run: RunFolder, config: TrainConfig): Promise<void> {
  if (hasCheckpoint(run))
    throw new UserError(
      `${run.root} holds a run already: \`wgsam train --resume ${run.root}\` goes on with it, another --out begins a new one`,
    )
  await mkdir(run.root, { recursive: true })
  await removeHalves(run.root)
  // of a start that did not come as far as a checkpoint
  for (const path of [run.split, run.metrics]) await rm(path, { force: true })
  await saveConfig(run, config)
}

/**
 * The configuration of a run to go on with. `over` may say where model and data lie now and how often to save.
 * @throws UserError where it says more, which would make another run of it
 */
export async function resumeRun(run: RunFolder, over: RawConfig): Promise<TrainConfig> {
  checkRun(run)
  await removeHalves(run.root)
  const kept = await readConfigFile(run.config)
  const before = checkConfig(kept, run.config)
  // what was computed again was chosen for the memory there was
  const again = over.memory === undefined ? {} : { recompute: 'auto' }
  const now = checkConfig(mergeConfig(kept, { ...again, ...over }), `${run.config} with what was given now`)
  const differences = configDifferences(before, now)
  if (differences.length)
    throw new UserError(
      `a resumed run keeps its configuration, and these differ:\n${differences.map((line) => `  ${line}`).join('\n')}\n` +
        'Leave them out, or begin a new run with another --out.',
    )
  return now
}
