/** @file Opens what a run works with: first the data, which is checked whole, then the model on the GPU and its step. */
import { copyFile, mkdir } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import type { Engine } from '../../engine/device/engine'
import type { SamModel } from '../../engine/sam/sam-model'
import { TrainingStep } from '../../engine/train/training-step'
import { type DatasetItem, describeBad, openDataset } from '../dataset/dataset'
import { type Part, openSplit } from '../dataset/split'
import { UserError } from '../host/errors'
import { Progress } from '../host/progress'
import { openModel } from '../model/open-model'
import { modelShapes } from '../weights/weight-shapes'
import { type Adaptation, openAdaptation } from './adaptation'
import { type TrainConfig, readConfigFile } from './config'
import { FeatureCache, FrozenEncoder } from './feature-cache'
import { explainDevice } from './divergence-guard'
import { planRun, type RunPlan, stepConfig } from './memory-planner'
import type { RunFolder } from './run-folder'

export type Log = (line: string) => void

export type RunData = Record<Part, DatasetItem[]>

/** Opens the dataset and its split, which is kept in the run's folder. Lists what is bad before anything else happens. */
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
  if (config.split && !existsSync(run.split)) {
    if (!existsSync(config.split)) throw new UserError(`there is no split file ${config.split}`)
    // an ablation's folder is made by what first goes into it
    await mkdir(run.root, { recursive: true })
    await copyFile(config.split, run.split)
  }
  const split = await openSplit(run.split, dataset.items, { seed, shares })
  const byId = new Map(dataset.items.map((item) => [item.id, item]))
  const part = (name: Part) => split[name].map((id) => byId.get(id)!)
  const items: RunData = { train: part('train'), val: part('val'), test: part('test') }
  if (!items.train.length) throw new UserError(`${run.split} leaves no image to train on`)
  const particles = items.train.reduce((sum, item) => sum + item.instances, 0)
  log(
    `${items.train.length} images with ${particles} instances to train on, ` +
      `${items.val.length} to validate, ${items.test.length} kept for the test (${run.split})`,
  )
  return items
}

export interface Session {
  model: SamModel
  adaptation: Adaptation
  step: TrainingStep
  plan: RunPlan
  /** Null where the step begins with the images. */
  frozen: FrozenEncoder | null
  /** Frees all of it. */
  release(): void
}

/** The plan of a run: from the model's shapes alone. @throws UserError where it does not fit */
export async function planSession(engine: Engine, config: TrainConfig, { fetch = true } = {}): Promise<RunPlan> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  return planRun(engine, await modelShapes(config.model, toy, { fetch }), config)
}

/** Plans the run, puts the model on the GPU with a new adapter beside it, and records the training step. */
export async function openSession(
  engine: Engine,
  config: TrainConfig,
  log: Log,
  features = new FeatureCache(),
): Promise<Session> {
  const plan = await planSession(engine, config)
  try {
    const session = await placed(engine, config, plan, log, features)
    // what there was no room for is reported on the side
    await engine.idle()
    return session
  } catch (error) {
    throw explainDevice(error, engine, '')
  }
}

async function placed(
  engine: Engine,
  config: TrainConfig,
  plan: RunPlan,
  log: Log,
  features: FeatureCache,
): Promise<Session> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, {
    inputSize: config.size,
    storage: config.storage,
    config: toy,
    fetch: true,
  })
  const adaptation = await openAdaptation(model, config, log)
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
    ? `nothing before ${first.path} trains: each image is encoded up to there once, and kept`
    : 'the encoder does not change: each image is encoded once'
}
