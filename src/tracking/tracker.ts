/**
 * @file The trackers of a run as one sink. They are guests: one that fails (a full disk, a folder taken away) is told of
 * once and left out from then on, and training goes on. What they are told waits in one queue, so that nothing overlaps.
 */
import { type TrackerName, trackers } from './tracker-names'
import type { TrackedRun } from './tracked-run'
import type { Sink, TrackingEvent } from './sink'
import { systemProbe } from './system-metrics'
import { TensorBoardSink } from './tensorboard/sink'
import { WandbSink } from './wandb/sink'
import { messageOf } from '../host/errors'

const titles: Record<TrackerName, string> = { wandb: 'W&B', tensorboard: 'TensorBoard' }

/** Between two looks at the system, milliseconds: as often as wandb's own client. */
const LOOK_EVERY = 15_000

export interface TrackerOptions {
  run: TrackedRun
  to: readonly TrackerName[]
  /** Takes lines for people: where a run is tracked, and what went wrong. */
  log: (line: string) => void
  /** What is taken of the GPU's memory. */
  gpuBytes?: () => number | null
}

export class Tracker implements Sink {
  private readonly guests = new Map<TrackerName, Sink>()
  private queue: Promise<void> = Promise.resolve()
  private timer: NodeJS.Timeout | null = null
  private step: number

  private constructor(
    { run, gpuBytes = () => null }: TrackerOptions,
    private readonly log: (line: string) => void,
  ) {
    this.step = Math.max(0, run.past.at(-1)?.step ?? 0)
    this.look = systemProbe(gpuBytes)
  }

  private readonly look: ReturnType<typeof systemProbe>

  static async open(options: TrackerOptions): Promise<Tracker> {
    const { run, to, log } = options
    const tracker = new Tracker(options, log)
    for (const name of trackers)
      if (to.includes(name))
        await tracker.guard(name, async () => {
          if (name === 'wandb') {
            const sink = await WandbSink.open(run, log)
            tracker.guests.set(name, sink)
            log(`W&B run ${run.id}, offline: \`wandb sync ${sink.path}\` sends it`)
          } else {
            const sink = await TensorBoardSink.open(run)
            tracker.guests.set(name, sink)
            log(`TensorBoard: \`tensorboard --logdir ${sink.path}\` shows it`)
          }
        })
    tracker.timer = setInterval(() => void tracker.append(tracker.system()), LOOK_EVERY)
    tracker.timer.unref()
    return tracker
  }

  /** Whether anyone takes pictures. */
  get wantsImages(): boolean {
    return this.guests.size > 0
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
    this.guests.clear()
  }

  private system(): TrackingEvent {
    return { kind: 'system', at: Date.now(), step: this.step, figures: this.look() }
  }

  private each(act: (sink: Sink) => void | Promise<void>): Promise<void> {
    this.queue = this.queue.then(async () => {
      for (const [name, sink] of this.guests) await this.guard(name, () => act(sink))
    })
    return this.queue
  }

  private async guard(name: TrackerName, act: () => void | Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      const sink = this.guests.get(name)
      this.guests.delete(name)
      this.log(
        `warning: tracking for ${titles[name]} has ended: ${messageOf(error)}. ` +
          'Training goes on, and metrics.jsonl has all its numbers.',
      )
      // it may have a file open; that it cannot end well is known
      await Promise.resolve(sink?.close(1)).catch(() => {})
    }
  }
}
