/** @file The log of a run, sent to its trackers too. Lines logged before the trackers are open are kept for them. */
import type { Sink } from './sink'

export class Transcript {
  private waiting: string[] = []
  private sink: Pick<Sink, 'append'> | null = null

  constructor(private readonly log: (line: string) => void) {}

  /** Logs a line and sends it to the trackers. */
  readonly say = (line: string): void => {
    this.log(line)
    this.keep(line)
  }

  /** Sends a line to the trackers only. */
  keep(line: string): void {
    if (this.sink) void this.sink.append({ kind: 'output', line })
    else this.waiting.push(line)
  }

  /** Sends the lines kept so far, and all later ones, to a sink. */
  attach(sink: Pick<Sink, 'append'>): void {
    this.sink = sink
    for (const line of this.waiting) this.keep(line)
    this.waiting = []
  }
}
