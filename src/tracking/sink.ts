/** @file What a run tells while it goes on, event by event, and what takes it: a file, an experiment tracker, a page. */
import type { MetricsRecord } from './records'

/** A picture of a step, e.g. of what the model makes of a validation image. */
export interface ImageEvent {
  kind: 'image'
  step: number
  /** Grouped by its first part, as in `val/image_1`: the same name at another step is another state of it. */
  name: string
  /** A PNG file's bytes, 8-bit RGB. */
  png: Uint8Array
  width: number
  height: number
  caption: string
}

/** How the machine fares. */
export interface SystemEvent {
  kind: 'system'
  /** Milliseconds since 1970, and the training step then. */
  at: number
  step: number
  figures: SystemFigures
}

export interface SystemFigures {
  /** Of this process, in percent of one core: above 100 where several are at work. */
  cpuPercent: number
  /** Resident memory of this process. */
  rssBytes: number
  /** Memory of the machine. */
  freeBytes: number
  totalBytes: number
  /** What this program has taken of the GPU's memory, by its own account; null where it is not known. */
  gpuBytes: number | null
}

/** Facts beside the configuration, known only once the run is open: hardware, counts. */
export interface ConfigEvent {
  kind: 'config'
  values: Record<string, unknown>
}

/** What stands for the whole run; a later value replaces an earlier one of the same name. */
export interface SummaryEvent {
  kind: 'summary'
  values: Record<string, number | string>
}

/** A line that the run said to people. */
export interface OutputEvent {
  kind: 'output'
  line: string
}

export type TrackingEvent = MetricsRecord | ImageEvent | SystemEvent | ConfigEvent | SummaryEvent | OutputEvent

/** Takes a run's events in their order. Those it has no use for it passes over. */
export interface Sink {
  /** Whether it has a use for pictures: they are made only where one has. */
  readonly wantsImages?: boolean
  append(event: TrackingEvent): void | Promise<void>
  /** Resolves when everything appended is on the disk; called before each checkpoint. */
  flush(): Promise<void>
  /** The end: 0 for a run that is finished, 130 for one that was asked to stop, another number for one that failed. */
  close(exitCode: number): Promise<void>
}
