/** @file After a training: finds the automatic generator's thresholds for its best adapter, and stores them with it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandText, resumeCommand, tuneCommand } from '../cli/next-command'
import type { Engine } from '../../engine/device/engine'
import { searchThresholds } from '../../engine/tune/search-thresholds'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { describeCalibration } from '../evaluation/calibrate-generator'
import { describeThresholds, thresholdGain } from '../evaluation/tuned-thresholds'
import type { View } from '../../engine/scale/view'
import { namesIn } from '../host/files'
import { Progress } from '../host/progress'
import { broadcastValue, type Communicator, gatherValues } from '../mpi/communicator'
import { adapterBand } from '../model/adapter-band'
import { loadAdapter } from '../model/attach-adapter'
import { describeView } from '../model/describe-view'
import { openModel } from '../model/open-model'
import { evenlySpaced } from '../../engine/evenly-spaced'
import { type AdapterProfile, readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import { readConfigFile, type TrainConfig } from './config'
import { shareOf } from './rank-share'
import { resultFolder, type RunFolder } from './run-folder'
import type { Log } from './session'
import { withWatershed } from './watershed-rival'

export interface TuneAdapterOptions {
  engine: Engine
  config: TrainConfig
  run: RunFolder
  /** The validation images. */
  items: readonly DatasetItem[]
  /** Images on which they are tuned at most, beside the configuration's limit. */
  most?: number
  /** They divide the images; the others call `followTuning`. */
  ranks: Communicator
  /** Polled between decoder passes; true at any rank ends the search without a result. */
  stop(): boolean
  log: Log
}

/**
 * 'done': thresholds are stored, now or earlier. 'nothing': none finds a labelled particle. 'skipped': there is nothing to tune on, or it
 * is switched off.
 */
export type TuningOutcome = 'done' | 'nothing' | 'skipped' | 'stopped'

/**
 * Tunes the thresholds on validation images with the best adapter (the last, if there is no best) and stores them in the
 * profiles of both. Does nothing if they are stored already.
 */
export async function tuneAdapter(options: TuneAdapterOptions): Promise<TuningOutcome> {
  const { config, run, items, ranks, log } = options
  const limit = config.validation.tune
  const skip = () => broadcastValue<TunePlan | null>(ranks, null)
  if (!limit) {
    await skip()
    return 'skipped'
  }
  const folder = resultFolder(run)
  const { thresholds: known, calibration: map } = await readAdapterProfile(folder)
  if (known) {
    await skip()
    if (folder !== run.last) await updateAdapterProfile(run.last, { thresholds: known, calibration: map })
    return 'done'
  }
  if (!items.length) {
    await skip()
    log('the generator’s thresholds are not tuned: there are no validation images')
    return 'skipped'
  }
  const chosen = evenlySpaced(items, Math.min(limit, options.most ?? Infinity))
  const parts = await search(folder, chosen, options)
  if (!parts) {
    log(
      `the thresholds are not tuned; the adapter is complete. \`${commandText(resumeCommand(run.root))}\` or \`${commandText(tuneCommand(folder))}\` does it`,
    )
    return 'stopped'
  }
  return storeTuned(await withWatershed(parts, chosen, log), [folder, run.last], log)
}

/** Stores what was found with adapters, the first of which was tuned; not if no threshold finds a labelled particle. */
export async function storeTuned(
  parts: AdapterProfile,
  folders: readonly string[],
  log: Log,
): Promise<'done' | 'nothing'> {
  const { thresholds, calibration } = parts
  if (!thresholds?.f1.after) {
    const { instances = 0, images = 0 } = thresholds ?? {}
    log(
      `the generator's thresholds are not stored: whatever they are, no mask matches one of the ${instances} labelled particles of ` +
        `${images} validation image${images === 1 ? '' : 's'} (IoU of 0.5 or more). The adapter may need more training, or the labels a look ` +
        `(\`wgsam dataset check\`). \`${commandText(tuneCommand(folders[0]))}\` searches again, by more points if asked`,
    )
    return 'nothing'
  }
  for (const path of new Set(folders)) await updateAdapterProfile(path, parts)
  if (calibration) log(describeCalibration(calibration))
  log(`thresholds ${describeThresholds(thresholds)} (${thresholdGain(thresholds)})`)
  return 'done'
}

/** What rank 0 tells the others. */
interface TunePlan {
  config: TrainConfig
  items: DatasetItem[]
  /** The files of the adapter, by name: only rank 0 needs to reach the run's folder. */
  files: Record<string, Uint8Array>
}

async function search(
  folder: string,
  chosen: DatasetItem[],
  { engine, config, ranks, stop, log }: TuneAdapterOptions,
): Promise<AdapterProfile | null> {
  const files = ranks.size > 1 ? await adapterFiles(folder) : {}
  const plan = await broadcastValue<TunePlan>(ranks, { config, items: chosen, files })
  return searchShare(folder, plan, { engine, ranks, stop, log })
}

type Searcher = Pick<TuneAdapterOptions, 'engine' | 'ranks' | 'stop' | 'log'>

/** The part of another rank than the first in the tuning. */
export async function followTuning(options: Omit<Searcher, 'log'>): Promise<void> {
  const plan = await broadcastValue<TunePlan | null>(options.ranks)
  if (!plan) return
  const folder = await mkdtemp(join(tmpdir(), 'wgsam-adapter-'))
  try {
    for (const [name, bytes] of Object.entries(plan.files)) await writeFile(join(folder, name), bytes)
    await searchShare(folder, plan, { ...options, log: () => {} })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The files of an adapter without the checkpoint beside it. */
async function adapterFiles(folder: string): Promise<TunePlan['files']> {
  const names = (await namesIn(folder)).filter((name) => !name.startsWith('checkpoint'))
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))])))
}

/** Finds the candidates of this rank's part of the images. Rank 0 searches among those of all; null at the others. */
async function searchShare(
  folder: string,
  { config, items }: TunePlan,
  { engine, ranks, stop, log }: Searcher,
): Promise<AdapterProfile | null> {
  const own = items.slice(...shareOf(items.length, ranks))
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, { inputSize: config.size ?? undefined, config: toy })
  const adapter = await loadAdapter(model, folder)
  const bar = new Progress('tuning thresholds', own.length, { unit: 'images' })
  const views: View[] = []
  try {
    const images = own.map((item) => () => loadItem(item))
    const parts = await searchThresholds(model, images, {
      band: await adapterBand(folder, model),
      stop,
      onProgress: (i, part) => bar.update(i + part, own[i].id),
      onImage: (i, view) => (views[i] = view),
      gather: async (found) => {
        const all = await gatherValues(ranks, found && { found, views })
        const done = all?.flatMap((part) => part ?? []) ?? []
        if (done.length < ranks.size) return null
        done
          .flatMap((part) => part.views)
          .forEach((view, i) => {
            if (view.tileSize) log(`thresholds are tuned on ${items[i].id} as it is generated: ${describeView(view)}`)
          })
        return done.flatMap((part) => part.found)
      },
    })
    if (!parts) return null
    bar.update(own.length)
    if (own.length) bar.finish()
    return parts
  } finally {
    adapter.release()
    model.release()
  }
}
