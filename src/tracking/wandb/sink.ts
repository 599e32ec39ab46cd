/**
 * @file Weights & Biases: an offline run that `wandb sync` sends, written without any network. All sessions of a run go
 * into one log, so that it can be sent at any time and again: a resumed run cuts the log where its checkpoint is.
 */
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { version } from '../../../package.json'
import type { MetricsRecord } from '../records'
import { rowOf } from '../metric-rows'
import { begun, type TrackedRun } from '../tracked-run'
import type { ImageEvent, Sink, SystemEvent, TrackingEvent } from '../sink'
import { environment, metadata } from './environment'
import { WandbFile } from './file'
import { WandbFolder } from './folder'
import * as records from './records'
import { messageOf } from '../../host/errors'

export class WandbSink implements Sink {
  /** The current step's: one step is one row of W&B's history, and its validation and pictures belong to it. */
  private row: { step: number; values: Record<string, unknown> } | null = null
  private readonly summary: Record<string, unknown> = {}
  /** Since the run's start, of the last record. */
  private seconds = 0

  private constructor(
    private readonly folder: WandbFolder,
    private readonly file: WandbFile,
    private config: Record<string, unknown>,
  ) {}

  /** Where the run lies: what `wandb sync` is given. */
  get path(): string {
    return this.folder.path
  }

  /** Begins the run's log, or goes on with it. `note` is told of a damaged log that had to be left. */
  static async open(run: TrackedRun, note: (line: string) => void = () => {}): Promise<WandbSink> {
    const old = run.past.length ? await reopen(run, note) : null
    const folder = old?.folder ?? (await WandbFolder.create(run.folder, run.id))
    const file = old?.file ?? (await WandbFile.create(folder.log))
    if (!old) await file.append('header', records.header(`wgsam ${version}`))
    const sink = new WandbSink(folder, file, run.config)
    const start = file.begun ?? begun(run)
    await file.append('run', records.run({ ...run, host: hostname(), begun: start }))
    await sink.describe()
    const clock = begun(run)
    for (const record of run.past)
      if (record.step > file.step) await sink.addRecord(record, clock + 1000 * record.time.seconds)
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
        return this.file.append('stats', records.stats(event.at, figures(event)))
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

  /** What machine and program this session is of. */
  private async describe(): Promise<void> {
    const facts = environment()
    await this.file.append('environment', records.environment(facts))
    await this.folder.writeJson('wandb-metadata.json', metadata(facts))
    await this.file.append('files', records.file('wandb-metadata.json', 'wandb'))
    await this.folder.writeConfig(this.config)
  }

  private async addRecord(record: MetricsRecord, at: number): Promise<void> {
    const { step, kind, time } = record
    const row = await this.rowOf(step)
    Object.assign(row, rowOf(record), { _runtime: time.seconds, _timestamp: at / 1000 })
    this.seconds = time.seconds
    // the last that is told of a step
    if (kind === 'validation') await this.writeRow()
  }

  private async addImage(event: ImageEvent): Promise<void> {
    const { value, path } = await this.folder.addImage(event)
    await this.file.append('files', records.file(path, 'media'))
    const row = await this.rowOf(event.step)
    row[event.name] = value
  }

  /** The row of a step; that of another step is written before. */
  private async rowOf(step: number): Promise<Record<string, unknown>> {
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

/** The run's folder and log as an earlier session left them; null where there are none that can be gone on with. */
async function reopen({ folder: root, id, told }: TrackedRun, note: (line: string) => void) {
  const folder = await WandbFolder.find(root, id)
  if (!folder) return null
  try {
    const file = await WandbFile.reopen(folder.log, told)
    await folder.unmarkSynced()
    return { folder, file }
  } catch (error) {
    note(`W&B: ${folder.log} cannot be gone on with (${messageOf(error)}); a new log begins beside it`)
    return null
  }
}

/** The names under which W&B's pages show figures of the system. */
function figures({ figures }: SystemEvent): Record<string, number> {
  const { cpuPercent, rssBytes, freeBytes, totalBytes, gpuBytes } = figures
  return {
    cpu: cpuPercent,
    'proc.memory.rssMB': rssBytes / 2 ** 20,
    'proc.memory.percent': (100 * rssBytes) / totalBytes,
    'proc.memory.availableMB': freeBytes / 2 ** 20,
    memory_percent: 100 * (1 - freeBytes / totalBytes),
    ...(gpuBytes !== null && { 'gpu.0.memoryAllocatedBytes': gpuBytes }),
  }
}
