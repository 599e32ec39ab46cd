/** @file How many parameters a cell trains, from the checkpoint's shapes alone: no GPU is needed. */
import { Tensor } from '../../engine/device/tensor'
import type { Linear } from '../../engine/ops/linear'
import { type AdaptedLayer, loraLayers } from '../../engine/train/lora'
import { messageOf, UserError } from '../host/errors'
import { loraConfig, pastBreakEven } from '../training/adaptation'
import { readConfigFile, type TrainConfig } from '../training/config'
import { inferArchitecture, validateCheckpoint } from '../weights/architecture'
import { openCheckpoint } from '../weights/checkpoint'
import { locateModel } from '../weights/locate-model'

export type Shapes = ReadonlyMap<string, Linear>

/** The linear layers of a configuration's model, without their values. @throws UserError where it cannot be read */
export async function shapesOf({ model, modelConfig }: TrainConfig): Promise<Shapes> {
  const checkpoint = await openCheckpoint(await locateModel(model, true))
  try {
    const toy = modelConfig ? await readConfigFile(modelConfig) : undefined
    validateCheckpoint(checkpoint, inferArchitecture(checkpoint, toy))
    const linears = new Map<string, Linear>()
    for (const [name, { shape }] of checkpoint.tensors)
      if (name.endsWith('.weight') && shape.length === 2) {
        const weight = new Tensor({ kind: 'weight', label: name, bytes: 0, buffer: null, offset: 0 }, [...shape])
        linears.set(name.slice(0, -'.weight'.length), { weight })
      }
    return linears
  } finally {
    await checkpoint.close()
  }
}

export interface Count {
  parameters: number
  /** Matrices whose adapters have more parameters than they themselves, and all. */
  dense: number
  all: number
}

/** @throws UserError where the configuration names no layer of the model */
export function countOf(shapes: Shapes, config: TrainConfig): Count {
  const lora = loraConfig(config)
  let layers: AdaptedLayer[]
  try {
    layers = loraLayers({ linears: shapes }, lora)
  } catch (error) {
    throw new UserError(messageOf(error))
  }
  const full = config.lora.kind === 'full'
  const parameters = layers.reduce((sum, { linear, parts }) => {
    const inDim = linear.weight.shape[1]
    const rows = parts.reduce((n, { start, end }) => n + end - start, 0)
    return sum + (full ? rows * inDim : lora.rank * (parts.length * inDim + rows))
  }, 0)
  const { dense, all } = pastBreakEven(layers, lora.rank)
  return { parameters, dense: full ? 0 : dense, all }
}
