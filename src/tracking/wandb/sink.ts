/**
 * @file Weights & Biases: an offline run, written without any network access, that `wandb sync` uploads. All sessions of a
 * run share one log, which can be uploaded at any time and repeatedly: a resumed run cuts the log at its checkpoint.
 */
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { version } from '../../../package.json'
import type { MetricsRecord } from '../records'
import { metricRow } from '../metric-rows'
import { startTime, type TrackedRun } from '../tracked-run'
import type { ImageEvent, Sink, SystemEvent, TrackingEvent } from '../sink'
import { environment, metadata } from './environment'
import { WandbFile } from './file'
import { WandbFolder } from './folder'
import * as records from './records'
import { messageOf } from '../../host/errors'

export class WandbSink implements Sink {
  /** The history row of the current step. W&B has one row per step, including its validation and pictures. */
  private row: { step: number; values: Record<string, unknown> } | null = null
  private readonly summary: Record<string, unknown> = {}
  /** Seconds from the run's start to the last record. */
  private seconds = 0

  private constructor(
    private readonly folder: WandbFolder,
    private readonly file: WandbFile,
    private config: Record<string, unknown>,
  ) {}

  /** The folder for `wandb sync`. */
  get path(): string {
    return this.folder.path
  }

  /** Creates the run's log, or continues it. `note` receives a warning if an existing log is damaged. */
  static async open(run: TrackedRun, note: (line: string) => void = () => {}): Promise<WandbSink> {
    const old = run.past.length ? await reopen(run, note) : null
    const folder = old?.folder ?? (await WandbFolder.create(run.folder, run.id))
    const file = old?.file ?? (await WandbFile.create(folder.log))
    if (!old) await file.append('header', records.header(`wgsam ${version}`))
    const sink = new WandbSink(folder, file, run.config)
    const startedAt = file.startedAt ?? startTime(run)
    await file.append('run', records.run({ ...run, host: hostname(), startedAt }))
    await sink.describe()
    const start = startTime(run)
    for (const record of run.past)
      if (record.step > file.step) await sink.addRecord(record, start + 1000 * record.time.seconds)
    return sink
  }

  async append(event: TrackingEvent): Promise<void> {
    switch (event.kind) {
      case 'step':
      case 'validation':
        return this.addRecord(event, Date.now())
      case 'image':
        return this.addImage(event)
      case 'system':
        return this.file.append('stats', records.stats(event.at, statsOf(event)))
      case 'summary':
        Object.assign(this.summary, event.values)
        return
      case 'config':
        this.config = { ...this.config, ...event.values }
        await this.file.append('config', records.configUpdate(event.values))
        return this.folder.writeConfig(this.config)
      case 'output':
        await this.file.append('output', records.output(Date.now(), event.line))
        return appendFile(this.folder.file('output.log'), `${event.line}\n`)
    }
  }

  async flush(): Promise<void> {
    await this.writeSummary()
    await this.file.flush()
  }

  async close(exitCode: number): Promise<void> {
    try {
      await this.writeRow()
      await this.writeSummary()
      await this.file.append('exit', records.exit(exitCode, this.seconds))
      await this.file.append('final', records.final())
      await this.file.flush()
    } finally {
      await this.file.close()
    }
  }

  /** Writes the machine and program of this session. */
  private async describe(): Promise<void> {
    const facts = environment()
    await this.file.append('environment', records.environment(facts))
    await this.folder.writeJson('wandb-metadata.json', metadata(facts))
    await this.file.append('files', records.file('wandb-metadata.json', 'wandb'))
    await this.folder.writeConfig(this.config)
  }

  private async addRecord(record: MetricsRecord, at: number): Promise<void> {
    const { step, kind, time } = record
    const row = await this.valuesOf(step)
    Object.assign(row, metricRow(record), { _runtime: time.seconds, _timestamp: at / 1000 })
    this.seconds = time.seconds
    // the validation is the last event of a step
    if (kind === 'validation') await this.writeRow()
  }

  private async addImage(event: ImageEvent): Promise<void> {
    const { value, path } = await this.folder.addImage(event)
    await this.file.append('files', records.file(path, 'media'))
    const row = await this.valuesOf(event.step)
    row[event.name] = value
  }

  /** The values of a step's row; the row of another step is written first. */
  private async valuesOf(step: number): Promise<Record<string, unknown>> {
    if (this.row && this.row.step !== step) await this.writeRow()
    this.row ??= { step, values: {} }
    return this.row.values
  }

  private async writeRow(): Promise<void> {
    if (!this.row) return
    const { step, values } = this.row
    this.row = null
    const row = { ...values, _step: step }
    await this.file.append('history', records.history(step, row))
    Object.assign(this.summary, row)
  }

  private async writeSummary(): Promise<void> {
    const values = { ...this.summary, _wandb: { runtime: Math.round(this.seconds) } }
    await this.file.append('summary', records.summary(values))
    await this.folder.writeJson('wandb-summary.json', values)
  }
}

/** Opens the run's folder and log of an earlier session; null if there is none, or it is damaged. */
async function reopen({ folder: root, id, reported }: TrackedRun, note: (line: string) => void) {
  const folder = await WandbFolder.find(root, id)
  if (!folder) return null
  try {
    const file = await WandbFile.reopen(folder.log, reported)
    await folder.unmarkSynced()
    return { folder, file }
  } catch (error) {
    note(`W&B: ${folder.log} cannot be continued (${messageOf(error)}); a new log begins beside it`)
    return null
  }
}

/** Metrics of the system under the names that W&B's pages know. */
function statsOf({ metrics }: SystemEvent): Record<string, number> {
  const { cpuPercent, rssBytes, freeBytes, totalBytes, gpuBytes } = metrics
  return {
    cpu: cpuPercent,
    'proc.memory.rssMB': rssBytes / 2 ** 20,
    'proc.memory.percent': (100 * rssBytes) / totalBytes,
    'proc.memory.availableMB': freeBytes / 2 ** 20,
    memory_percent: 100 * (1 - freeBytes / totalBytes),
    ...(gpuBytes !== null && { 'gpu.0.memoryAllocatedBytes': gpuBytes }),
  }
}
