/**
 * @file A stand-in GPUDevice that computes nothing and holds no memory. A model and a training step recorded on it are
 * planned to the byte at next to no cost. Whatever is read from it is zero.
 */
import { Engine } from './engine'

/** What recording asks of a device. */
export interface DeviceProperties {
  limits: GPUSupportedLimits
  features: GPUSupportedFeatures
  adapterInfo: GPUAdapterInfo
}

/** An engine that records the same as `engine` (same limits, features, precision and kernel variants) but computes nothing. */
export function planningEngine(engine: Engine): Engine {
  const { precision, matrixUnits, software } = engine
  const planning = new Engine(planningDevice(engine.device), { precision, matrixUnits, software })
  planning.variants = engine.variants
  planning.uploads = null
  return planning
}

/** A device with these properties that computes nothing. */
export function planningDevice({ limits, features, adapterInfo }: DeviceProperties): GPUDevice {
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
      getMappedRange: (_: number, bytes = size) => new ArrayBuffer(bytes),
      unmap: nothing,
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
