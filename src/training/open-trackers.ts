/** @file A run's trackers, as its configuration asks for them. */
import { randomInt } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { type TrackerName, trackers } from '../tracking/tracker-names'
import { Tracker, type TrackerOptions } from '../tracking/tracker'
import type { TrainConfig } from './config'
import type { MetricsRecord } from '../tracking/records'

const asked = ({ tracking }: TrainConfig): TrackerName[] => trackers.filter((name) => tracking.to.includes(name))

/** The configuration with a run id where trackers are asked for: drawn once, then kept in the run's config.json. */
export function withId(config: TrainConfig): TrainConfig {
  if (config.tracking.id !== null || !asked(config).length) return config
  const id = Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('')
  return { ...config, tracking: { ...config.tracking, id } }
}

interface Opening extends Pick<TrackerOptions, 'log' | 'gpuBytes'> {
  config: TrainConfig
  /** The run's folder. */
  root: string
  past: readonly MetricsRecord[]
  told: number
}

/** Null where the configuration asks for none. */
export async function openTracker({ config, root, past, told, log, gpuBytes }: Opening): Promise<Tracker | null> {
  const to = asked(config)
  if (!to.length) return null
  const { id, project, name, notes, tags } = config.tracking
  const run = { folder: root, id: id!, project, name: name ?? basename(resolve(root)), notes, tags, config, past, told }
  return Tracker.open({ run, to, log, gpuBytes })
}
