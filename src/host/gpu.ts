/** @file Obtains a WebGPU device in Node from Dawn's bindings. */
import { Engine } from '../../engine/device/engine'
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import { messageOf, UserError } from './errors'
import { patiently } from './idle-wait'
import { useSwiftShader } from './swiftshader'
import { savedVariants } from './kernel-tuning'

/**
 * Dawn's instances, held for ever: when the object that create() gives is garbage-collected the process crashes,
 * whatever adapters and devices of it are still in use.
 */
const instances: GPU[] = []

/** Features of which the engine has faster variants, asked for where the adapter has them. None is needed. */
export const OPTIONAL_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

/** What every kernel's baseline text may use: the least an adapter must give. */
export const FLOOR = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as const

/** The limits asked for, as large as the adapter has them. Textures and dynamic offsets are not used. */
export const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxUniformBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[]

export interface GpuOptions {
  /** Arguments of Dawn's create(), e.g. ['enable-dawn-features=allow_unsafe_apis']; WGSAM_TOGGLES adds to them. */
  toggles?: string[]
  /** Part of the adapter's name; WGSAM_ADAPTER by default. */
  adapter?: string
}

/**
 * The first adapter that answers, or null where there is none: Dawn's own choice (a discrete GPU before an integrated
 * one before a processor), else SwiftShader where `wgsam doctor --install` has put it in the cache folder.
 * Throws a UserError where a name is asked for and no adapter has it, or where Dawn's library does not load.
 */
export async function findAdapter(options: GpuOptions = {}): Promise<GPUAdapter | null> {
  // not imported above: what needs no GPU (--help, doctor's advice) must work where Dawn's library does not load
  const { create, globals } = await import('webgpu').catch((error: Error) => {
    throw new UserError(`Dawn, which gives Node its WebGPU, does not load here: ${error.message}`)
  })
  Object.assign(globalThis, globals)
  const toggles = [...(options.toggles ?? []), ...(process.env.WGSAM_TOGGLES?.split(/\s+/).filter(Boolean) ?? [])]
  const name = options.adapter ?? process.env.WGSAM_ADAPTER
  if (name) toggles.push(`adapter=${name}`)
  const ask = async () => {
    const gpu = create(toggles)
    instances.push(gpu)
    try {
      return await gpu.requestAdapter({ powerPreference: 'high-performance' })
    } catch (error) {
      // Dawn's answer to a name that fits none
      if (name) refusal = messageOf(error)
      else throw error
      return null
    }
  }
  let refusal = ''
  const adapter = (await ask()) ?? (useSwiftShader() ? await ask() : null)
  if (!adapter && name) throw new UserError(`no WebGPU adapter with "${name}" in its name answers; ${refusal}`)
  return adapter
}

/** The adapter's name as its driver gives it. */
export function adapterName({ info }: GPUAdapter): string {
  return (
    info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed adapter'
  )
}

/** Each limit of the adapter that is below the floor, as a sentence; empty for an adapter of use. */
export function belowFloor(adapter: GPUAdapter): string[] {
  return Object.entries(FLOOR)
    .filter(([name, least]) => adapter.limits[name as keyof typeof FLOOR] < least)
    .map(([name, least]) => `${name} is ${adapter.limits[name as keyof typeof FLOOR]}, wgsam needs ${least}`)
}

/** A device with the adapter's limits and those optional features that it has. Throws a UserError below the floor. */
export async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const missing = belowFloor(adapter)
  if (missing.length) throw new UserError(`${adapterName(adapter)} is too small for wgsam: ${missing.join('; ')}`)
  return adapter.requestDevice({
    requiredFeatures: OPTIONAL_FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  })
}

/** The engine on a device, waiting as suits it, with the kernels that `wgsam bench --tune` has found to be the fastest. */
export function engineOf(device: GPUDevice): Engine {
  const engine = isSoftwareAdapter(device.adapterInfo) ? new Engine(device, patiently) : new Engine(device)
  const saved = savedVariants(engine)
  if (saved) engine.variants = saved
  return engine
}

/** The engine on this machine's adapter. Throws a UserError that says what to do where there is none. */
export async function openEngine(options: GpuOptions = {}): Promise<Engine> {
  const adapter = await findAdapter(options)
  if (!adapter) throw new UserError('no WebGPU adapter answers on this machine; `wgsam doctor` says what to install')
  return engineOf(await openDevice(adapter))
}
