/** @file A run's folder as a report sees it: what cannot be read is told of and left out. */
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { parts } from '../../dataset/split'
import { messageOf, UserError } from '../../host/errors'
import { checkConfig, readConfigFile, type TrainConfig } from '../../training/config'
import type { StepRecord, ValidationRecord } from '../../tracking/records'
import { type RunFolder, runFolder } from '../../training/run-folder'
import { totalSteps } from '../../training/schedule'
import { MetricsFile } from './metrics-file'
import { readPictures, type ShownPicture } from './picture-folder'
import { readSessions, type RunSession } from './sessions'

const Names = v.array(v.string())
const SplitNames = v.object({ train: Names, val: Names, test: Names, hash: v.optional(v.string()) })

export interface RunView {
  name: string
  folder: string
  config: TrainConfig | null
  split: v.InferOutput<typeof SplitNames> | null
  steps: readonly StepRecord[]
  validations: readonly ValidationRecord[]
  /** Steps of the whole run; null where configuration or split do not tell. */
  total: number | null
  /** Of training and validation. */
  seconds: number
  sessions: RunSession[]
  pictures: ShownPicture[]
  /** What is missing or damaged, in sentences. */
  problems: string[]
}

/** Reads a run again and again while it goes on. */
export class RunReader {
  private readonly run: RunFolder
  private readonly metrics: MetricsFile

  constructor(
    root: string,
    private readonly name = root,
  ) {
    this.run = runFolder(root)
    this.metrics = new MetricsFile(this.run.metrics)
  }

  async read(): Promise<RunView> {
    const { run, metrics, name } = this
    const problems: string[] = []
    /** What is there, or null and why. */
    const tried = async <T>(read: () => Promise<T>): Promise<T | null> => {
      try {
        return await read()
      } catch (error) {
        problems.push(v.isValiError(error) ? 'a file in the folder is damaged' : messageOf(error))
        return null
      }
    }
    const config = existsSync(run.config) ? await tried(() => readConfig(run.config)) : null
    if (!existsSync(run.config)) problems.push('config.json is missing: the recipe is not known')
    const split = existsSync(run.split) ? await tried(() => readNames(run.split)) : null
    if (!existsSync(run.split))
      problems.push('split.json is missing: the run ended before its data were read, or it was deleted')
    const there = await tried(() => metrics.read())
    if (there === false) problems.push('metrics.jsonl is missing: the run has not begun to train')
    else if (there && !metrics.steps.length) problems.push('metrics.jsonl has no step yet')
    if (metrics.damaged) problems.push(`${metrics.damaged} lines of metrics.jsonl are damaged and left out`)
    if (metrics.half) problems.push('metrics.jsonl ends within a line: the run goes on this moment, or was killed')
    const sessions = await tried(() => labelled(readSessions(run.root), 'sessions.json'))
    const pictures = await tried(() => labelled(readPictures(run.root), 'pictures/'))
    const { steps, validations } = metrics
    return {
      name,
      folder: run.root,
      config,
      split,
      steps,
      validations,
      total: config && split?.train.length ? totalSteps(config, split.train.length) : null,
      seconds: Math.max(steps.at(-1)?.time.seconds ?? 0, validations.at(-1)?.time.seconds ?? 0),
      sessions: sessions ?? [],
      pictures: pictures ?? [],
      problems,
    }
  }
}

/** A run for a report. @throws UserError where the folder is none of a run */
export async function readRunView(root: string, name: string): Promise<RunView> {
  if (!existsSync(root)) throw new UserError(`there is no run ${root}`)
  if (!statSync(root).isDirectory()) throw new UserError(`${root} is a file: wgsam report takes the folder of a run`)
  const { config, metrics } = runFolder(root)
  if (!existsSync(config) && !existsSync(metrics))
    throw new UserError(`${root} holds no training run: there is neither config.json nor metrics.jsonl`)
  return new RunReader(root, name).read()
}

const labelled = <T>(reading: Promise<T>, file: string): Promise<T> =>
  reading.catch((error: Error) => {
    throw new Error(`${file} is left out: ${v.isValiError(error) ? 'it is damaged' : error.message}`)
  })

const readConfig = async (path: string): Promise<TrainConfig> => checkConfig(await readConfigFile(path), path)

async function readNames(path: string) {
  try {
    return v.parse(SplitNames, JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new Error(
      `${path} is damaged: ${v.isValiError(error) ? `it has no lists ${parts.join(', ')}` : messageOf(error)}`,
    )
  }
}
