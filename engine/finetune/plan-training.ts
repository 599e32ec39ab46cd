/** @file How a training fits a GPU's memory, before anything is loaded or allocated: for any host, also without a GPU. */
import { elements } from '../device/shape'
import { Engine } from '../device/engine'
import { planningDevice } from '../device/planning-device'
import type { Architecture } from '../sam/architecture'
import type { Recomputation } from '../sam/recomputation'
import { expectedTensors } from '../sam/tensor-shapes'
import type { WeightSource } from '../sam/weights'
import { SettingError } from '../setting-error'
import type { LoraTarget } from '../train/lora'
import { checkRecipe, type RecipeOptions } from './check-recipe'
import { type ModelShapes, planRun, type RunPlan } from './memory-planner'
import { validationPredictor } from './validator'

/** What is to be planned: a model, its input, and the settings of `train`, which have the same defaults. */
export interface PlanOptions extends RecipeOptions {
  architecture: Architecture
  /** Side of the model's input, pixels; the model's own by default. */
  size?: number
  /** Rank and targets of LoRA: short for `lora: { rank, targets }`. */
  rank?: number
  targets?: LoraTarget[]
  /** Bytes on the GPU, at most; without it up to 8 GiB are used. */
  memory?: number
  /** Images on the GPU at once, a divisor of `batch`; by default the most that fit. */
  microBatch?: number
  /** What the backward pass recomputes; by default as little as `memory` allows. */
  recompute?: Recomputation
  /** The engine that is to train, whose limits and kernels the plan is for; by default those that every WebGPU device has. */
  engine?: Engine
}

/**
 * Plans the memory of a training to the byte, by recording it on a device that computes nothing: seconds for a large model, and no
 * weights are needed. `microBatch` and `recompute` of the plan are what `train` takes; `total` is the sum of all bytes on the GPU.
 * @throws NothingFitsError if `memory` is too little; its `smallest` is the plan that needs least · SettingError for a wrong setting
 * @example
 * const { microBatch, recompute, total } = await planTraining({ architecture, size: 512, batch: 8, rank: 16, memory: 4 * 2 ** 30 })
 * await train(model, samples, { batch: 8, lora: { rank: 16 }, microBatch, recompute })
 */
export async function planTraining(options: PlanOptions): Promise<RunPlan> {
  const { architecture, size, rank, targets, memory, microBatch, recompute, engine, ...settings } = options
  const lora = { ...settings.lora, ...(rank !== undefined && { rank }), ...(targets && { targets }) }
  const recipe = checkRecipe({ ...settings, lora }, size ?? architecture.imageSize)
  if (memory !== undefined && !(memory > 0))
    throw new SettingError(`memory is ${memory}, not a number of bytes above 0`)
  if (microBatch !== undefined && !Number.isInteger(recipe.batch / microBatch))
    throw new SettingError(`microBatch is ${microBatch}, which does not divide the batch of ${recipe.batch}`)
  const request = { ...recipe, microBatch: microBatch ?? 'auto', recompute: recompute ?? 'auto' } as const
  return planRun(
    engine ?? anyEngine(),
    shapesOfArchitecture(architecture),
    request,
    memory ?? null,
    validationPredictor,
  )
}

/** An engine of a GPU with WebGPU's default limits and no features. */
function anyEngine(): Engine {
  const limits = {
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
    maxComputeWorkgroupStorageSize: 2 ** 14,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupSizeY: 256,
    maxComputeWorkgroupSizeZ: 64,
    maxComputeWorkgroupsPerDimension: 65535,
    maxStorageBuffersPerShaderStage: 8,
    minStorageBufferOffsetAlignment: 256,
    minUniformBufferOffsetAlignment: 256,
    maxUniformBufferBindingSize: 2 ** 16,
  } as GPUSupportedLimits
  const adapterInfo = { vendor: '', architecture: '', device: '', description: '' } as GPUAdapterInfo
  const device = planningDevice({ limits, features: new Set<string>() as never, adapterInfo })
  return new Engine(device, { software: false })
}

/** Shapes of an architecture; widths that it leaves open are those of the public models. */
export const shapesOfArchitecture = (architecture: Architecture): ModelShapes => ({
  architecture,
  source: zeroWeights(expectedTensors(architecture)),
})

/** Zeros in given shapes. */
export const zeroWeights = (shapes: ReadonlyMap<string, number[]>): WeightSource => ({
  checked: true,
  has: (name) => shapes.has(name),
  read: async (name) => {
    const shape = shapes.get(name)
    if (!shape) throw new Error(`no tensor ${name}`)
    return { shape, data: new Float32Array(elements(shape)) }
  },
})
