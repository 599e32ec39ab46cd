/** @file Counts the parameters that a configuration trains, from the checkpoint's shapes alone: no GPU is needed. */
import { Tensor } from '../../engine/device/tensor'
import type { Linear } from '../../engine/ops/linear'
import { type AdaptedLayer, loraLayers } from '../../engine/train/lora'
import { messageOf, UserError } from '../host/errors'
import { loraConfig } from '../../engine/finetune/adaptation'
import { pastBreakEven } from '../training/adaptation'
import { readConfigFile, type TrainConfig } from '../training/config'
import { inferArchitecture, validateCheckpoint } from '../weights/architecture'
import { openCheckpoint } from '../weights/checkpoint'
import { locateModel } from '../weights/locate-model'

/** Linear layers by their path; their weights have shapes but no memory. */
export type LinearShapes = ReadonlyMap<string, Linear>

/** Reads the shapes of the linear layers of a configuration's model. @throws UserError if it cannot be read */
export async function linearShapes({ model, modelConfig }: TrainConfig): Promise<LinearShapes> {
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

export interface ParameterCount {
  parameters: number
  /** The number of matrices whose adapters have more parameters than the matrices themselves. */
  dense: number
  /** The number of all adapted matrices. */
  all: number
}

/** @throws UserError if the configuration adapts no layer of the model */
export function countParameters(shapes: LinearShapes, config: TrainConfig): ParameterCount {
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
