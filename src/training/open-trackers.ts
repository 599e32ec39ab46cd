/** @file Opens the experiment trackers that a run's configuration names. */
import { randomInt } from 'node:crypto'
import { basename, resolve } from 'node:path'
import { type TrackerName, trackers } from '../tracking/tracker-names'
import { Trackers, type TrackersOptions } from '../tracking/tracker'
import type { TrainConfig } from './config'
import type { MetricsRecord } from '../tracking/records'

const requested = ({ tracking }: TrainConfig): TrackerName[] => trackers.filter((name) => tracking.to.includes(name))

/** Adds a random run id if the configuration names trackers and has none yet; it is then kept in the run's config.json. */
export function withRunId(config: TrainConfig): TrainConfig {
  if (config.tracking.id !== null || !requested(config).length) return config
  const id = Array.from({ length: 8 }, () => randomInt(36).toString(36)).join('')
  return { ...config, tracking: { ...config.tracking, id } }
}

interface OpenOptions extends Pick<TrackersOptions, 'log' | 'gpuBytes'> {
  config: TrainConfig
  /** The run's folder. */
  root: string
  /** See TrackedRun. */
  past: readonly MetricsRecord[]
  reported: number
}

/** Null if the configuration names no tracker. */
export async function openTrackers({
  config,
  root,
  past,
  reported,
  log,
  gpuBytes,
}: OpenOptions): Promise<Trackers | null> {
  const to = requested(config)
  if (!to.length) return null
  const { id, project, name, notes, tags } = config.tracking
  const run = {
    folder: root,
    id: id!,
    project,
    name: name ?? basename(resolve(root)),
    notes,
    tags,
    config,
    past,
    reported,
  }
  return Trackers.open({ run, to, log, gpuBytes })
}
