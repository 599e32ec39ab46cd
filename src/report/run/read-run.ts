/** @file Reads the folder of a run for a report. What cannot be read is omitted and listed as a problem. */
import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { chooseImages, parts } from '../../dataset/split'
import { messageOf, UserError } from '../../host/errors'
import { checkConfig, readConfigFile, type TrainConfig } from '../../training/config'
import { MetricsFile } from '../../tracking/metrics-file'
import type { StepRecord, ValidationRecord } from '../../tracking/records'
import { checkpointStep } from '../../training/checkpoint-file'
import { isTraining, type RunFolder, runFolder } from '../../training/run-folder'
import { totalSteps } from '../../../engine/finetune/schedule'
import { type AdapterProfile, readAdapterProfile } from '../../weights/adapter-profile'
import { readPictures, type ShownPicture } from './picture-folder'
import { readSessions, type RunSession } from './sessions'

const Names = v.array(v.string())
/** The ids of the images in each part. */
const SplitNames = v.object({ train: Names, val: Names, test: Names, hash: v.optional(v.string()) })

export interface RunView {
  name: string
  folder: string
  config: TrainConfig | null
  split: v.InferOutput<typeof SplitNames> | null
  steps: readonly StepRecord[]
  validations: readonly ValidationRecord[]
  /** Steps of the whole run when finished; null if configuration or split cannot be read. */
  total: number | null
  /** Seconds of training and validation. */
  seconds: number
  /** Whether a program trains it at this moment. */
  running: boolean
  /** The step of the last checkpoint; null if there is none. */
  saved: number | null
  sessions: RunSession[]
  pictures: ShownPicture[]
  /** The profile of the best adapter, or of the last; {} if there is none. */
  profile: AdapterProfile
  /** What is missing or damaged, as text. */
  problems: string[]
  /** The problems that leave configuration or metrics incomplete. */
  damage: string[]
}

/** What the report of an evaluation shows of a run; nothing of it may be missing. */
export type CompleteRun = Pick<RunView, 'steps' | 'validations' | 'seconds'> & { config: TrainConfig }

/** Reads a run, repeatedly while it is in progress: metrics read before are not read again. */
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
    const damage: string[] = []
    const report = (problem: string, essential = false) => {
      problems.push(problem)
      if (essential) damage.push(problem)
    }
    /** Null, and a problem, if reading fails. */
    const attempt = async <T>(read: () => Promise<T>, essential = false): Promise<T | null> => {
      try {
        return await read()
      } catch (error) {
        report(v.isValiError(error) ? 'a file in the folder is damaged' : messageOf(error), essential)
        return null
      }
    }
    const config = existsSync(run.config) ? await attempt(() => readConfig(run.config), true) : null
    if (!existsSync(run.config)) report('config.json is missing: the recipe is unknown', true)
    const names = existsSync(run.split) ? await attempt(() => readNames(run.split)) : null
    const split = names && config ? { ...names, train: chooseImages(names.train, config.images, config.seed) } : names
    if (!existsSync(run.split))
      report('split.json is missing: the run ended before its data was read, or the file was deleted')
    const exists = await attempt(() => metrics.read(), true)
    if (exists === false) report('metrics.jsonl is missing: the run has not begun to train', true)
    else if (exists && !metrics.steps.length) report('metrics.jsonl contains no step yet')
    const { length: damaged } = metrics.damagedLines
    if (damaged) report(`${damaged} lines of metrics.jsonl are damaged and omitted`, true)
    if (metrics.endsWithinLine)
      report('metrics.jsonl ends within a line: it is being written at this moment, or the run was killed', true)
    const sessions = await attempt(() => labelled(readSessions(run.root), 'sessions.json'))
    const pictures = await attempt(() => labelled(readPictures(run.root), 'pictures/'))
    const profile = await attempt(async () => ({
      ...(await readAdapterProfile(run.last)),
      ...(await readAdapterProfile(run.best)),
    }))
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
      running: isTraining(run),
      saved: await checkpointStep(run.last),
      sessions: sessions ?? [],
      pictures: pictures ?? [],
      profile: profile ?? {},
      problems,
      damage,
    }
  }
}

/**
 * Reads a run whose configuration and metrics must be complete; null if the folder contains none.
 * @throws UserError if one of them is damaged
 */
export async function readCompleteRun(root: string): Promise<CompleteRun | null> {
  const { config, metrics } = runFolder(root)
  if (!existsSync(config) || !existsSync(metrics)) return null
  const view = await new RunReader(root).read()
  if (!view.config || view.damage.length)
    throw new UserError(`the training run in ${root} is damaged: ${view.damage.join('; ')}`)
  const { steps, validations, seconds } = view
  return { config: view.config, steps, validations, seconds }
}

/** Reads what there is of a run. @throws UserError if the folder contains no run */
export async function readRunView(root: string, name: string): Promise<RunView> {
  if (!existsSync(root)) throw new UserError(`there is no run ${root}`)
  if (!statSync(root).isDirectory()) throw new UserError(`${root} is a file: wgsam report expects the folder of a run`)
  const { config, metrics } = runFolder(root)
  if (!existsSync(config) && !existsSync(metrics))
    throw new UserError(`${root} contains no training run: it has neither config.json nor metrics.jsonl`)
  return new RunReader(root, name).read()
}

const labelled = <T>(reading: Promise<T>, file: string): Promise<T> =>
  reading.catch((error: Error) => {
    throw new Error(`${file} is omitted: ${v.isValiError(error) ? 'it is damaged' : messageOf(error)}`)
  })

const readConfig = async (path: string): Promise<TrainConfig> => checkConfig(await readConfigFile(path), path)

async function readNames(path: string) {
  try {
    return v.parse(SplitNames, JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    throw new Error(
      `${path} is damaged: ${v.isValiError(error) ? `it has no lists ${parts.join(', ')}` : messageOf(error, path)}`,
    )
  }
}
