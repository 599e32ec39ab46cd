/** @file Opens what a run works with: first the data, which is checked whole, then the model on the GPU and its step. */
import { copyFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import type { Engine } from '../../engine/device/engine'
import type { SamModel } from '../../engine/sam/sam'
import { type LoraConfig, type LoraLayer, attachLora, loraLayers, loraSpecs } from '../../engine/train/lora'
import { ParameterSet } from '../../engine/train/parameters'
import { Rng } from '../../engine/train/rng'
import { TrainingStep } from '../../engine/train/step'
import { type DatasetItem, describeBad, openDataset } from '../data/dataset'
import { type Part, openSplit } from '../data/split'
import { UserError } from '../errors'
import { Progress } from '../host/progress'
import { openModel } from '../model'
import { type TrainConfig, readConfigFile } from './config'
import { slotsOf } from './examples'
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
  layers: LoraLayer[]
  parameters: ParameterSet
  step: TrainingStep
  microBatch: number
}

export const loraConfig = ({ lora }: TrainConfig): LoraConfig => ({ ...lora, alpha: lora.alpha ?? lora.rank })

/** Puts the model on the GPU with a new adapter beside it, and records the training step. */
export async function openSession(engine: Engine, config: TrainConfig, log: Log): Promise<Session> {
  const toy = config.modelConfig ? await readConfigFile(config.modelConfig) : undefined
  const model = await openModel(engine, config.model, { inputSize: config.size, config: toy, fetch: true })
  const lora = loraConfig(config)
  const layers = user(() => loraLayers(model, lora))
  const parameters = user(() => new ParameterSet(engine, loraSpecs(layers, lora.rank, new Rng(config.seed, 0x10a))))
  attachLora(layers, lora, (name) => parameters.get(name))
  warnOfRank(layers, lora.rank, log)
  const { step, microBatch } = await createStep(model, parameters, config)
  return { model, layers, parameters, step, microBatch }
}

/** A mistake in the configuration that only the engine can see. */
function user<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw new UserError((error as Error).message)
  }
}

/** r·(in + out) parameters in place of in·out are a saving only below this rank. */
function warnOfRank(layers: readonly LoraLayer[], rank: number, log: Log): void {
  const dense = layers.flatMap(({ linear, parts }) =>
    parts.filter(({ start, end }) => {
      const [rows, columns] = [end - start, linear.weight.shape[1]]
      return rank * (rows + columns) > rows * columns
    }),
  )
  if (!dense.length) return
  const all = layers.reduce((sum, { parts }) => sum + parts.length, 0)
  log(
    `note: at rank ${rank} the adapters of ${dense.length} of ${all} matrices have more parameters than the matrices ` +
      `themselves (half their width is the limit); a lower --rank learns as much there`,
  )
}

/**
 * The step at the micro-batch asked for. 'auto': the largest divisor of the batch whose tensors the adapter can bind; on a
 * software adapter, which gains nothing from more images at once, 1.
 */
async function createStep(model: SamModel, parameters: ParameterSet, config: TrainConfig) {
  const { batch, prompts, loss, optimizer } = config
  const { algorithm, beta1, beta2, eps, weightDecay, maxNorm } = optimizer
  const divisors = Array.from({ length: batch }, (_, i) => batch - i).filter((n) => batch % n === 0)
  const automatic = model.engine.device.adapterInfo.isFallbackAdapter ? [1] : divisors
  const candidates = config.microBatch === 'auto' ? automatic : [config.microBatch]
  let refusal: Error | undefined
  for (const microBatch of candidates) {
    try {
      const step = await TrainingStep.create(model, parameters, {
        microBatch,
        prompts: prompts.count,
        slots: slotsOf(config),
        loss,
        optimizer: { algorithm, betas: [beta1, beta2], eps, weightDecay, maxNorm },
      })
      return { step, microBatch }
    } catch (error) {
      model.engine.check()
      refusal = error as Error
    }
  }
  throw new UserError(`this training step does not fit the adapter: ${refusal!.message}`)
}
