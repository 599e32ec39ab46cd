/**
 * @file The trackers of a run as one sink. A tracker never ends a run: one that fails (a full disk, a deleted folder) is
 * reported once, then disabled, and training continues. Events wait in one queue, so that writes do not overlap.
 */
import { type TrackerName, trackers } from './tracker-names'
import type { TrackedRun } from './tracked-run'
import type { Sink, TrackingEvent } from './sink'
import { systemProbe } from './system-metrics'
import { TensorBoardSink } from './tensorboard/sink'
import { WandbSink } from './wandb/sink'
import { messageOf } from '../host/errors'

const titles: Record<TrackerName, string> = { wandb: 'W&B', tensorboard: 'TensorBoard' }

/** Milliseconds between two measurements of the system: as often as wandb's own client. */
const SYSTEM_INTERVAL = 15_000

export interface TrackersOptions {
  run: TrackedRun
  to: readonly TrackerName[]
  /** Receives log lines: where a run is tracked, and what went wrong. */
  log: (line: string) => void
  /** Returns the GPU memory in use; null if unknown. */
  gpuBytes?: () => number | null
}

export class Trackers implements Sink {
  private readonly sinks = new Map<TrackerName, Sink>()
  private queue: Promise<void> = Promise.resolve()
  private timer: NodeJS.Timeout | null = null
  private step: number

  private constructor(
    { run, gpuBytes = () => null }: TrackersOptions,
    private readonly log: (line: string) => void,
  ) {
    this.step = Math.max(0, run.past.at(-1)?.step ?? 0)
    this.measure = systemProbe(gpuBytes)
  }

  private readonly measure: ReturnType<typeof systemProbe>

  static async open(options: TrackersOptions): Promise<Trackers> {
    const { run, to, log } = options
    const opened = new Trackers(options, log)
    for (const name of trackers)
      if (to.includes(name))
        await opened.guard(name, async () => {
          if (name === 'wandb') {
            const sink = await WandbSink.open(run, log)
            opened.sinks.set(name, sink)
            log(`W&B run ${run.id}, offline: \`wandb sync ${sink.path}\` sends it`)
          } else {
            const sink = await TensorBoardSink.open(run)
            opened.sinks.set(name, sink)
            log(`TensorBoard: \`tensorboard --logdir ${sink.path}\` shows it`)
          }
        })
    opened.timer = setInterval(() => void opened.append(opened.system()), SYSTEM_INTERVAL)
    opened.timer.unref()
    return opened
  }

  /** True while a tracker is working. */
  get wantsImages(): boolean {
    return this.sinks.size > 0
  }

  append(event: TrackingEvent): Promise<void> {
    if (event.kind === 'step' || event.kind === 'validation') this.step = event.step
    return this.each((sink) => sink.append(event))
  }

  flush(): Promise<void> {
    return this.each((sink) => sink.flush())
  }

  async close(exitCode: number): Promise<void> {
    if (this.timer) clearInterval(this.timer)
    await this.append(this.system())
    await this.each((sink) => sink.close(exitCode))
    this.sinks.clear()
  }

  private system(): TrackingEvent {
    return { kind: 'system', at: Date.now(), step: this.step, metrics: this.measure() }
  }

  private each(act: (sink: Sink) => void | Promise<void>): Promise<void> {
    this.queue = this.queue.then(async () => {
      for (const [name, sink] of this.sinks) await this.guard(name, () => act(sink))
    })
    return this.queue
  }

  /** Runs an action of one tracker. If it fails, the tracker is reported and disabled. */
  private async guard(name: TrackerName, act: () => void | Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      const sink = this.sinks.get(name)
      this.sinks.delete(name)
      this.log(
        `warning: tracking for ${titles[name]} has ended: ${messageOf(error)}. ` +
          'Training continues, and metrics.jsonl has all its numbers.',
      )
      // it may have a file open; a second failure needs no report
      await Promise.resolve(sink?.close(1)).catch(() => {})
    }
  }
}
