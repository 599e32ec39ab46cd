/** @file Checks the options of a training that are not settings of its recipe. */
import { SettingError } from '../setting-error'
import type { TrainOptions } from './train-options'

/** All names; the compiler notices one that is missing. */
const NAMES: Record<keyof TrainOptions, true> = {
  ...{ batch: true, epochs: true, maxSteps: true, minutes: true, seed: true, augment: true, average: true },
  ...{ storage: true, synthetic: true, lora: true, loss: true, head: true, optimizer: true, schedule: true },
  ...{ prompts: true, validation: true, validationSamples: true, foreignSamples: true, strength: true },
  ...{ comparedScenes: true, tuneImages: true, microBatch: true, recompute: true, modelName: true, from: true },
  ...{ resume: true, signal: true, onStep: true, onValidation: true, onMeasure: true, onCheckpoint: true },
  checkpointSeconds: true,
}

/** @throws SettingError that names the first option that does not exist or has a wrong value */
export function checkOptions(options: TrainOptions): void {
  for (const name of Object.keys(options))
    if (!Object.hasOwn(NAMES, name))
      throw new SettingError(`there is no option ${name} of a training: there are ${Object.keys(NAMES).join(', ')}`)
  for (const name of ['onStep', 'onValidation', 'onMeasure', 'onCheckpoint'] as const)
    if (options[name] !== undefined && typeof options[name] !== 'function')
      throw new SettingError(`${name} must be a function`)
  const { strength = 'auto', comparedScenes = 0, tuneImages = 0, checkpointSeconds = 0, resume } = options
  if (strength !== 'auto' && strength !== 'full')
    throw new SettingError(`strength must be 'auto' or 'full', not ${String(strength)}`)
  if (typeof checkpointSeconds !== 'number' || !(checkpointSeconds >= 0))
    throw new SettingError(`checkpointSeconds must be a number of seconds, not ${String(checkpointSeconds)}`)
  if (resume !== undefined && !(resume instanceof Uint8Array))
    throw new SettingError('resume takes the bytes of a checkpoint, a Uint8Array')
  for (const [name, value, most] of [
    ['comparedScenes', comparedScenes, 100],
    ['tuneImages', tuneImages, 1e6],
  ] as const)
    if (!Number.isInteger(value) || value < 0 || value > most)
      throw new SettingError(`${name} must be a whole number from 0 to ${most}, not ${String(value)}`)
}
