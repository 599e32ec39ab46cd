/**
 * @file TensorBoard: event files in the run's tensorboard/, one per session. The file of a resumed run says from which step
 * on events in earlier files are void; TensorBoard's reader discards them.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { makeFolder } from '../../host/files'
import type { MetricsRecord } from '../records'
import { metricRow } from '../metric-rows'
import { startTime, type TrackedRun } from '../tracked-run'
import type { Sink, SystemEvent, TrackingEvent } from '../sink'
import * as events from './events'
import { frame } from './tfrecord'

export class TensorBoardSink implements Sink {
  private config: Record<string, unknown>

  private constructor(
    /** The folder for `tensorboard --logdir`. */
    readonly path: string,
    private readonly file: FileHandle,
    { config }: TrackedRun,
  ) {
    this.config = config
  }

  static async open(run: TrackedRun): Promise<TensorBoardSink> {
    const folder = join(run.folder, 'tensorboard')
    await makeFolder(folder)
    const { file, first } = await newFile(folder)
    const sink = new TensorBoardSink(folder, file, run)
    await sink.write(events.version(Date.now()))
    // the first file of a run that was not tracked before gets all its records
    const reported = first ? -1 : run.reported
    if (!first) await sink.write(events.sessionStart(Date.now(), reported + 1))
    await sink.writeConfig()
    const start = startTime(run)
    for (const record of run.past)
      if (record.step > reported) await sink.addRecord(record, start + 1000 * record.time.seconds)
    return sink
  }

  async append(event: TrackingEvent): Promise<void> {
    const now = Date.now()
    switch (event.kind) {
      case 'step':
      case 'validation':
        return this.addRecord(event, now)
      case 'image':
        return this.write(events.image(now, event))
      case 'system':
        return this.write(events.scalars(event.at, event.step, scalarsOf(event)))
      case 'config':
        this.config = { ...this.config, ...event.values }
        return this.writeConfig()
    }
  }

  flush(): Promise<void> {
    return this.file.sync()
  }

  async close(): Promise<void> {
    try {
      await this.file.sync()
    } finally {
      await this.file.close()
    }
  }

  private addRecord(record: MetricsRecord, at: number): Promise<void> {
    const { epoch, ...row } = metricRow(record)
    // the record of the same step has its epoch already
    return this.write(events.scalars(at, record.step, record.kind === 'step' ? { epoch, ...row } : row))
  }

  private writeConfig(): Promise<void> {
    // an indented block is code in Markdown
    const content = JSON.stringify(this.config, null, 2).replace(/^/gm, '    ')
    return this.write(events.text(Date.now(), 0, 'config', content))
  }

  private async write(event: Uint8Array): Promise<void> {
    const bytes = frame(event)
    const { bytesWritten } = await this.file.write(bytes)
    if (bytesWritten < bytes.length) throw new Error('only a part of an event could be written to the disk')
  }
}

/** Creates an event file whose name sorts after the existing ones: TensorBoard reads files in the order of their names. */
async function newFile(folder: string): Promise<{ file: FileHandle; first: boolean }> {
  const times = (await readdir(folder))
    .map((name) => Number(/^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1] ?? NaN))
    .filter(Number.isFinite)
  const time = Math.max(Math.floor(Date.now() / 1000), ...times.map((t) => t + 1))
  const host = hostname().replace(/[^\w.-]/g, '_')
  const file = await open(join(folder, `events.out.tfevents.${time}.${host}.${process.pid}.0`), 'wx')
  return { file, first: times.length === 0 }
}

function scalarsOf({ metrics }: SystemEvent): Record<string, number> {
  const { cpuPercent, rssBytes, gpuBytes } = metrics
  return {
    'system/cpu_percent': cpuPercent,
    'system/rss_mib': rssBytes / 2 ** 20,
    ...(gpuBytes !== null && { 'system/gpu_mib': gpuBytes / 2 ** 20 }),
  }
}
