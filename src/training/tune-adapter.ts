/** @file After a training: finds the automatic generator's thresholds for its best adapter, and stores them with it. */
import { commandText, resumeCommand, tuneCommand } from '../cli/next-command'
import type { Engine } from '../../engine/device/engine'
import { searchThresholds } from '../../engine/tune/search-thresholds'
import { type DatasetItem, loadItem } from '../dataset/dataset'
import { describeCalibration } from '../evaluation/calibrate-generator'
import { describeThresholds, thresholdGain } from '../evaluation/tuned-thresholds'
import { Progress } from '../host/progress'
import { adapterBand } from '../model/adapter-band'
import { loadAdapter } from '../model/attach-adapter'
import { describeView } from '../model/describe-view'
import { openModel } from '../model/open-model'
import { evenlySpaced } from '../../engine/evenly-spaced'
import { type AdapterProfile, readAdapterProfile, updateAdapterProfile } from '../weights/adapter-profile'
import { readConfigFile, type TrainConfig } from './config'
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
  /** Polled between decoder passes; true ends the search without a result. */
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
  const { config, run, items, log } = options
  const limit = config.validation.tune
  if (!limit) return 'skipped'
  const folder = resultFolder(run)
  const { thresholds: known, calibration: map } = await readAdapterProfile(folder)
  if (known) {
    if (folder !== run.last) await updateAdapterProfile(run.last, { thresholds: known, calibration: map })
    return 'done'
  }
  if (!items.length) {
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

async function search(
  folder: string,
  chosen: readonly DatasetItem[],
  { engine, config, stop, log }: TuneAdapterOptions,
): Promise<AdapterProfile | null> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, { inputSize: config.size ?? undefined, config: toy })
  const adapter = await loadAdapter(model, folder)
  const bar = new Progress('tuning thresholds', chosen.length, { unit: 'images' })
  try {
    const images = chosen.map((item) => () => loadItem(item))
    const parts = await searchThresholds(model, images, {
      band: await adapterBand(folder, model),
      stop,
      onProgress: (i, part) => bar.update(i + part, chosen[i].id),
      onImage: (i, view) => {
        if (view.tileSize) log(`thresholds are tuned on ${chosen[i].id} as it is generated: ${describeView(view)}`)
      },
    })
    if (!parts) return null
    bar.update(chosen.length)
    bar.finish()
    return parts
  } finally {
    adapter.release()
    model.release()
  }
}
