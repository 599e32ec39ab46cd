/** @file Opens what a run needs: the dataset with its split, then the model on the GPU and its recorded training step. */
import { copyFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import type { Engine } from '../../engine/device/engine'
import type { SamModel } from '../../engine/sam/sam-model'
import { TrainingStep } from '../../engine/train/training-step'
import { type DatasetItem, describeBad, describeRemarks, openDataset } from '../dataset/dataset'
import { type Part, chooseImages, openSplit } from '../dataset/split'
import { UserError } from '../host/errors'
import { makeFolder } from '../host/files'
import { Progress } from '../host/progress'
import { openModel } from '../model/open-model'
import { modelShapes } from '../weights/weight-shapes'
import type { Adaptation } from '../../engine/finetune/adaptation'
import { openAdaptation } from './adaptation'
import { type TrainConfig, readConfigFile } from './config'
import { FeatureCache, FrozenEncoder } from '../../engine/finetune/feature-cache'
import { explainDeviceFailure } from './device-failure'
import { stepConfig } from '../../engine/finetune/step-config'
import { planRun, type RunPlan } from './memory-planner'
import type { RunFolder } from './run-folder'
import { readStart } from './read-start'
import type { StartingAdapter } from '../../engine/finetune/starting-values'

export type Log = (line: string) => void

export type RunData = Record<Part, DatasetItem[]>

/**
 * Opens the dataset and its split, which is stored in the run's folder.
 * @throws UserError that lists unusable pairs (unless they are to be skipped), or if no image is left to train on
 */
export async function openData(config: TrainConfig, run: RunFolder, log: Log): Promise<RunData> {
  const { data, coco, groupBy, onBad, seed, shares } = config
  const reading = new Progress('reading images', undefined)
  const dataset = await openDataset(data, {
    onBad,
    coco: coco ?? undefined,
    groupBy: groupBy ?? undefined,
    onProgress: (done, total) => reading.update(done, '', total),
  })
  if (dataset.bad.length) log(`skipped: ${describeBad(dataset.bad, data.join(', '))}`)
  if (dataset.remarks.length) log(describeRemarks(dataset.remarks))
  if (config.split && !existsSync(run.split)) {
    if (!existsSync(config.split)) throw new UserError(`there is no split file ${config.split}`)
    // an ablation's folder does not exist yet
    await makeFolder(run.root)
    await copyFile(config.split, run.split)
  }
  const split = await openSplit(run.split, dataset.items, { seed, shares })
  const byId = new Map(dataset.items.map((item) => [item.id, item]))
  const itemsOf = (ids: readonly string[]) => ids.map((id) => byId.get(id)!)
  const chosen = chooseImages(split.train, config.images, seed)
  const items: RunData = { train: itemsOf(chosen), val: itemsOf(split.val), test: itemsOf(split.test) }
  if (!items.train.length) throw new UserError(`${run.split} contains no image to train on`)
  const particles = items.train.reduce((sum, item) => sum + item.instances, 0)
  log(
    `${counted(items.train.length)}${chosen.length < split.train.length ? ` of ${split.train.length}` : ''} with ` +
      `${particles} instances to train on, ${items.val.length} to validate, ${items.test.length} kept for the test (${run.split})`,
  )
  if (!items.val.length && config.validation.every)
    log(
      'warning: no image is left to validate on, so nothing shows whether training helps, the last step is the result (in last/, there is no ' +
        'best/), and thresholds are not tuned. Another labelled image would be used for it',
    )
  return items
}

const counted = (images: number) => `${images} ${images === 1 ? 'image' : 'images'}`

/** A model on the GPU with its trained parameters and its recorded training step. */
export interface TrainingSession {
  model: SamModel
  adaptation: Adaptation
  step: TrainingStep
  plan: RunPlan
  /** Runs the frozen first parts of the encoder; null if the training step contains the whole encoder. */
  frozen: FrozenEncoder | null
  /** Frees all GPU memory of the session. */
  release(): void
}

/** Plans a run from the shapes of its model. @throws UserError if it does not fit the adapter or the memory budget */
export async function planSession(engine: Engine, config: TrainConfig, ranks = 1): Promise<RunPlan> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  return planRun(engine, await modelShapes(config.model, toy), config, ranks)
}

export interface SessionOptions {
  features?: FeatureCache
  /** True if all parameters come from a checkpoint, or from another rank, afterwards, so that the adapter is not needed. */
  restored?: boolean
  /** The plan, if it was made before. */
  plan?: RunPlan
}

/**
 * Plans the run, loads the model with newly initialised trained parameters, or those of the adapter that the configuration names
 * in `from`, and records the training step.
 * @throws UserError if the run does not fit, or the GPU is out of memory
 */
export async function openSession(
  engine: Engine,
  config: TrainConfig,
  log: Log,
  { features = new FeatureCache(), restored = false, plan: planned }: SessionOptions = {},
): Promise<TrainingSession> {
  const plan = planned ?? (await planSession(engine, config))
  try {
    const session = await loadSession(engine, config, plan, log, features, restored)
    // failed allocations are reported asynchronously
    await engine.idle()
    return session
  } catch (error) {
    throw explainDeviceFailure(error, engine, '')
  }
}

async function loadSession(
  engine: Engine,
  config: TrainConfig,
  plan: RunPlan,
  log: Log,
  features: FeatureCache,
  restored: boolean,
): Promise<TrainingSession> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, {
    inputSize: plan.size,
    storage: config.storage,
    config: toy,
  })
  const start = restored ? null : await readStart(config, model.architecture.outChannels)
  const adaptation = await openAdaptation(model, config, log, { start })
  if (start) log(describeStart(start, config))
  const frozen = await FrozenEncoder.open(model, config, features)
  if (frozen) log(describeFrozen(model, frozen))
  const settings = stepConfig(config, plan.microBatch, plan.recompute, frozen?.parts)
  const step = await TrainingStep.create(model, adaptation.parameters, settings, adaptation.record)
  const release = () => {
    step.destroy()
    frozen?.destroy()
    adaptation.release()
    model.release()
  }
  return { model, adaptation, step, plan, frozen, release }
}

function describeFrozen({ parts }: SamModel, frozen: FrozenEncoder): string {
  const first = parts[frozen.parts]
  return first
    ? `nothing before ${first.path} is trained: each image is encoded up to there once, and its features are cached`
    : 'the encoder is not trained: each image is encoded once'
}

function describeStart({ name, head }: StartingAdapter, config: TrainConfig): string {
  const prompts = config.head.weight > 0
  const heads =
    prompts && !head?.length
      ? '; it has no prompt head, so that a new one is trained'
      : head?.length && !prompts
        ? '; its prompt head is left out'
        : ''
  return `the run begins with the adapter ${name}${heads}`
}
