/** @file What is to be tracked: the description of a run that every sink begins with. */
import type { MetricsRecord } from './records'

export interface TrackedRun {
  /** The run's folder; a sink writes into a folder of its own there. */
  folder: string
  /** Lower-case letters and digits: the name of the run where names must not clash. */
  id: string
  project: string
  name: string
  notes: string
  tags: readonly string[]
  /** The whole configuration. */
  config: Record<string, unknown>
  /**
   * Records of earlier sessions, up to the checkpoint that the run goes on from; empty for a new one. A sink that has
   * not got them (it was not asked for before, or was killed before they were on the disk) takes them from here.
   */
  past: readonly MetricsRecord[]
  /** The last step of which everything is told: what a sink holds of later ones is told again. Below 0 for a new run. */
  told: number
}

/** Milliseconds since 1970 at which a run began, had it never paused. */
export function begun({ past }: TrackedRun): number {
  return Date.now() - 1000 * (past.at(-1)?.time.seconds ?? 0)
}
