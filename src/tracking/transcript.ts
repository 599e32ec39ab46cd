/** @file What a run says to people, handed on to its trackers too: lines said before there are any wait for them. */
import type { Sink } from './sink'

export class Transcript {
  private waiting: string[] = []
  private sink: Pick<Sink, 'append'> | null = null

  constructor(private readonly log: (line: string) => void) {}

  readonly say = (line: string): void => {
    this.log(line)
    this.keep(line)
  }

  /** Hands a line on without saying it. */
  keep(line: string): void {
    if (this.sink) void this.sink.append({ kind: 'output', line })
    else this.waiting.push(line)
  }

  attach(sink: Pick<Sink, 'append'>): void {
    this.sink = sink
    for (const line of this.waiting) this.keep(line)
    this.waiting = []
  }
}
