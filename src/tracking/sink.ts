/** @file The events of a run in progress, and the interface of what receives them: a file, an experiment tracker, a page. */
import type { MetricsRecord } from './records'

/** A picture made at a step, e.g. of the predicted masks of a validation image. */
export interface ImageEvent {
  kind: 'image'
  step: number
  /** `group/name`, e.g. `val/image_1`; the same name at another step is a later state of the same picture. */
  name: string
  /** A PNG file's bytes, 8-bit RGB. */
  png: Uint8Array
  width: number
  height: number
  caption: string
}

/** The load of the machine. */
export interface SystemEvent {
  kind: 'system'
  /** Milliseconds since 1970. */
  at: number
  /** The training step at that time. */
  step: number
  metrics: SystemMetrics
}

export interface SystemMetrics {
  /** CPU use of this process in percent of one core: above 100 if it uses several. */
  cpuPercent: number
  /** Resident memory of this process. */
  rssBytes: number
  /** Free and total memory of the machine. */
  freeBytes: number
  totalBytes: number
  /** GPU memory allocated by this program, by its own account; null if unknown. */
  gpuBytes: number | null
}

/** Facts added to the configuration that are known only when the run is open: hardware, counts. */
export interface ConfigEvent {
  kind: 'config'
  values: Record<string, unknown>
}

/** Values that summarise the whole run; a later value replaces an earlier one of the same name. */
export interface SummaryEvent {
  kind: 'summary'
  values: Record<string, number | string>
}

/** A line of the run's log. */
export interface OutputEvent {
  kind: 'output'
  line: string
}

export type TrackingEvent = MetricsRecord | ImageEvent | SystemEvent | ConfigEvent | SummaryEvent | OutputEvent

/** Receives the events of a run in order, and ignores those it has no use for. */
export interface Sink {
  /** True if it uses pictures: they are made only if a sink does. */
  readonly wantsImages?: boolean
  append(event: TrackingEvent): void | Promise<void>
  /** Resolves when all events appended are on the disk; called before each checkpoint. */
  flush(): Promise<void>
  /** Ends it. Exit code 0: the run is finished; 130: it was stopped; any other: it failed. */
  close(exitCode: number): Promise<void>
}
