/** @file What a report tells of a training run, from the run's folder. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { checkConfig, readConfigFile, type TrainConfig } from '../training/config'
import { type MetricsRecord, readMetrics, type StepRecord, type ValidationRecord } from '../tracking/records'

export interface ReportedRun {
  config: TrainConfig
  steps: StepRecord[]
  validations: ValidationRecord[]
  /** Of training and validation. */
  seconds: number
}

/** Reads the folder of a run; null where it holds none. @throws UserError where its files are damaged */
export async function readRun(folder: string): Promise<ReportedRun | null> {
  const [config, metrics] = ['config.json', 'metrics.jsonl'].map((name) => join(folder, name))
  if (!existsSync(config) || !existsSync(metrics)) return null
  const records: MetricsRecord[] = await readMetrics(metrics)
  const steps = records.filter((record) => record.kind === 'step')
  const validations = records.filter((record) => record.kind === 'validation')
  const seconds = Math.max(0, ...records.map(({ time }) => time.seconds))
  return { config: checkConfig(await readConfigFile(config), config), steps, validations, seconds }
}
