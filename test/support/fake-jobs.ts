/** @file Processes for tests of jobs: they do nothing, and end when the test says so. */
import type { ProcessEvents, RunningProcess } from '../../src/start/job-process'

export interface FakeProcess extends ProcessEvents {
  args: readonly string[]
  /** How often it was asked to stop. */
  stops: number
  /** Ends it with an exit code. */
  end(code: number): void
}

/** Processes in the order of their start. A stopped one ends with 130, unless `stubborn` says that it saves for long. */
export class FakeProcesses {
  readonly started: FakeProcess[] = []
  stubborn = false

  start = (args: readonly string[], events: ProcessEvents): RunningProcess => {
    let end: (code: number) => void = () => {}
    const ended = new Promise<number>((resolve) => (end = resolve))
    const process: FakeProcess = { args, ...events, stops: 0, end }
    this.started.push(process)
    return {
      ended,
      stop: () => {
        process.stops++
        if (!this.stubborn || process.stops > 1) end(130)
      },
    }
  }

  get last(): FakeProcess {
    return this.started.at(-1)!
  }
}
