/** @file The description of a run that every tracker's sink is opened with. */
import type { MetricsRecord } from './records'

export interface TrackedRun {
  /** The run's folder; each sink writes into its own folder there. */
  folder: string
  /** Unique identifier: lower-case letters and digits. */
  id: string
  project: string
  name: string
  notes: string
  tags: readonly string[]
  /** The whole configuration. */
  config: Record<string, unknown>
  /**
   * Records of earlier sessions, up to the checkpoint that the run resumes from; empty for a new run. A sink that lacks
   * some (it was not configured before, or was killed before they were on the disk) adds them.
   */
  past: readonly MetricsRecord[]
  /** Last step whose events are complete: events of later steps will come again. Below 0 for a new run. */
  reported: number
}

/** The time at which a run would have begun had it never paused, in milliseconds since 1970. */
export function startTime({ past }: TrackedRun): number {
  return Date.now() - 1000 * (past.at(-1)?.time.seconds ?? 0)
}
