/**
 * @file A device that computes nothing and holds no memory: a model and a step recorded on an engine over it are planned
 * to the byte, and cost next to nothing. What is read from it is zero.
 */
import { Engine } from './engine'

export interface Planned {
  limits: GPUSupportedLimits
  features: GPUSupportedFeatures
  adapterInfo: GPUAdapterInfo
}

/** An engine that records what `engine` would, on an adapter of the same limits, and computes nothing. */
export function planningEngine(engine: Engine): Engine {
  const planned = new Engine(planningDevice(engine.device))
  planned.products = engine.products
  planned.attention = engine.attention
  return planned
}

/** A device of these limits and features. */
export function planningDevice({ limits, features, adapterInfo }: Planned): GPUDevice {
  const nothing = () => {}
  const empty = () => ({})
  const pass = { setPipeline: nothing, setBindGroup: nothing, dispatchWorkgroups: nothing, end: nothing }
  const device = {
    limits,
    features,
    adapterInfo,
    lost: new Promise<never>(() => {}),
    queue: { submit: nothing, writeBuffer: nothing, onSubmittedWorkDone: () => Promise.resolve() },
    addEventListener: nothing,
    createBuffer: ({ size }: GPUBufferDescriptor) => ({
      size,
      mapAsync: () => Promise.resolve(),
      getMappedRange: () => new ArrayBuffer(size),
      destroy: nothing,
    }),
    createShaderModule: empty,
    createBindGroupLayout: empty,
    createPipelineLayout: empty,
    createBindGroup: empty,
    createComputePipelineAsync: () => Promise.resolve({}),
    createCommandEncoder: () => ({ beginComputePass: () => pass, copyBufferToBuffer: nothing, finish: empty }),
    destroy: nothing,
  }
  return device as unknown as GPUDevice
}
