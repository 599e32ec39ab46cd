/** @file Training in the worker: what it will take, the training itself, and its end before time. */
import {
  defaultRecipe,
  NothingFitsError,
  planTraining,
  type SamModel,
  Trainer,
  type TrainResult,
} from '../../../engine/index'
import { finishCost } from '../../../engine/finetune/measuring-effort'
import { totalSteps } from '../../../engine/finetune/schedule'
import type { Calls, Forecast, Labelled, StoredAdapter, TrainPoint, TrainRequest, TrainSettings } from '../calls'
import type { StoredModel } from '../store/records'
import { knownSettings } from './known-settings'
import { pixelsOf } from './pixels'
import type { CallHooks } from './studio'

/** A checkpoint is kept this often. */
const CHECKPOINT_SECONDS = 60

/** What the page says of the measurements after the last step. */
const MEASURING = { strength: 'Comparing with the base model', thresholds: 'Tuning the thresholds' }

const recipeOf = ({ minutes, rank, maxSteps }: TrainSettings) => ({ minutes, maxSteps, lora: { rank } })

const planOf = ({ engine, architecture, inputSize: size }: SamModel, settings: TrainSettings) =>
  planTraining({ engine, architecture, size, memory: settings.memory, ...recipeOf(settings) })

/** What a training will take, before it begins. @throws Error if no device of this kind can train the model */
export async function forecast(
  model: SamModel,
  { images, validation, ...settings }: Calls['forecast']['request'],
): Promise<Forecast> {
  const { batch } = defaultRecipe
  const recipe = { ...defaultRecipe, maxSteps: settings.maxSteps }
  const steps = totalSteps(recipe, images)
  const end = finishCost(recipe, model.engine.software, images, { validated: validation, foreign: 0 }) / batch
  try {
    const { total, recompute } = await planOf(model, settings)
    const recomputes = recompute.decoder || recompute.blocks > 0
    return { memory: total, fits: true, recomputes, steps, batch, end }
  } catch (error) {
    if (!(error instanceof NothingFitsError) || !error.smallest) throw error
    return { memory: error.smallest.total, fits: false, recomputes: true, steps, batch, end }
  }
}

export class Training {
  private trainer: Trainer | null = null
  private ending: { use: boolean } | null = null

  /** Ends the training after its present step: with the adapter as it is, or to be continued later. */
  end(how: { use: boolean }): void {
    this.ending = how
    this.trainer?.pause()
  }

  /** @returns null if it was paused @throws as Trainer.create and Trainer.run */
  async run(
    model: SamModel,
    stored: StoredModel,
    { samples, validation, resume, ...settings }: TrainRequest,
    { signal, onProgress }: CallHooks,
  ): Promise<StoredAdapter | null> {
    onProgress({ doing: 'Planning its memory', done: 0, total: null })
    const { microBatch, recompute } = await planOf(model, settings)
    signal.throwIfAborted()
    onProgress({ doing: 'Compiling shaders, then measuring the base model', done: 0, total: null })
    let [done, total] = [0, null as number | null]
    let endBegan: number | null = null
    const report = (point: TrainPoint, secondsLeft?: number | null) =>
      onProgress({ doing: 'Training', done: (done = point.step), total, secondsLeft, point })
    const labelled = async ({ pixels, masks }: Labelled) => ({ image: await pixelsOf(pixels), masks })
    const trainer = await Trainer.create(model, await Promise.all(samples.map(labelled)), {
      ...recipeOf(settings),
      ...{ microBatch, recompute, signal },
      ...(resume && { resume }),
      validationSamples: await Promise.all(validation.map(labelled)),
      modelName: stored.name,
      onStep: ({ step, runningLoss, totalSteps, secondsLeft }) => {
        total = totalSteps
        report({ step, loss: runningLoss }, secondsLeft)
      },
      onValidation: ({ step, score }) => report({ step, score }),
      onMeasure: ({ measuring, ...progress }) => {
        endBegan ??= performance.now()
        onProgress({ doing: MEASURING[measuring], ...progress })
      },
      onCheckpoint: (checkpoint) => onProgress({ doing: 'Training', done, total, checkpoint }),
      checkpointSeconds: CHECKPOINT_SECONDS,
    })
    try {
      this.trainer = trainer
      total = trainer.totalSteps
      // asked for while the shaders were compiled
      if (this.ending && !this.ending.use) return null
      const finished = await trainer.run()
      if (!finished && !this.ending?.use) return null
      const endSeconds = endBegan === null ? 0 : (performance.now() - endBegan) / 1000
      onProgress({ doing: 'Reading the adapter', done: 0, total: null })
      const trained = { samples, validation, rank: settings.rank, endSeconds }
      return storedAdapter(await trainer.result(), trained, stored, model)
    } finally {
      trainer.destroy()
    }
  }
}

type Trained = Pick<TrainRequest, 'samples' | 'validation' | 'rank'> & { endSeconds: number }

function storedAdapter(
  { adapter, head, profile, steps, seconds, base, best }: TrainResult,
  { samples, validation, rank, endSeconds }: Trained,
  stored: StoredModel,
  { inputSize }: SamModel,
): StoredAdapter {
  const images = samples.map(({ image }) => image)
  const training = {
    ...{ images, steps, seconds, endSeconds, before: base, after: best?.score ?? null },
    ownImages: validation.some(({ image }) => images.includes(image)),
    time: new Date().toISOString(),
  }
  return {
    adapter,
    head,
    ...{ profile, model: stored.name, inputSize },
    summary: { file: null, rank, head: head.length > 0, training, ...knownSettings(profile, head.length > 0) },
  }
}
