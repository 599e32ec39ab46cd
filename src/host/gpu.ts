/** @file WebGPU adapters, devices and the engine in Node, through the bindings of Dawn. */
import { Engine } from '../../engine/device/engine'
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import { messageOf, UserError } from './errors'
import { waitWithNaps } from './idle-wait'
import { useSwiftShader } from './swiftshader'
import { savedVariants } from './kernel-tuning'

/**
 * Dawn's instances, never released: if the object returned by create() is garbage-collected, the process crashes, even
 * if its adapters and devices are still in use.
 */
const instances: GPU[] = []

/** Features for which the engine has faster kernel variants. They are enabled if the adapter has them. */
export const OPTIONAL_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

/** The limits that the default variants of all kernels rely on. An adapter must have at least these. */
export const MINIMUM_LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
} as const

/** The limits requested for a device, at the adapter's maximum. Textures and dynamic offsets are not used. */
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
  /** Arguments of Dawn's create(), e.g. ['enable-dawn-features=allow_unsafe_apis']. Those in WGSAM_TOGGLES are added. */
  toggles?: string[]
  /** Part of the adapter's name. Default: WGSAM_ADAPTER. */
  adapter?: string
}

/**
 * Dawn's preferred adapter (a discrete GPU before an integrated one before a processor), or else SwiftShader if
 * `wgsam doctor --install` has installed it in the cache folder. Null if there is neither.
 * @throws UserError if no adapter has the requested name, or Dawn's library cannot be loaded
 */
export async function findAdapter(options: GpuOptions = {}): Promise<GPUAdapter | null> {
  // imported here because --help and the advice of doctor must work even if Dawn's library cannot be loaded
  const { create, globals } = await import('webgpu').catch((error: Error) => {
    throw new UserError(`the WebGPU library Dawn cannot be loaded on this machine: ${error.message}`)
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
      // Dawn throws if no adapter has the requested name
      if (name) refusal = messageOf(error)
      else throw error
      return null
    }
  }
  let refusal = ''
  const adapter = (await ask()) ?? (useSwiftShader() ? await ask() : null)
  if (!adapter && name) throw new UserError(`no WebGPU adapter has "${name}" in its name; ${refusal}`)
  return adapter
}

/** The adapter's name as reported by its driver. */
export function adapterName({ info }: GPUAdapter): string {
  return (
    info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed adapter'
  )
}

/** A sentence for each limit of the adapter that is too low; empty for a usable adapter. */
export function unmetLimits(adapter: GPUAdapter): string[] {
  return Object.entries(MINIMUM_LIMITS)
    .filter(([name, minimum]) => adapter.limits[name as keyof typeof MINIMUM_LIMITS] < minimum)
    .map(
      ([name, minimum]) => `${name} is ${adapter.limits[name as keyof typeof MINIMUM_LIMITS]}, wgsam needs ${minimum}`,
    )
}

/**
 * A device with the adapter's limits and all of its optional features.
 * @throws UserError if the adapter's limits are too low
 */
export async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const missing = unmetLimits(adapter)
  if (missing.length)
    throw new UserError(`the limits of ${adapterName(adapter)} are too low for wgsam: ${missing.join('; ')}`)
  return adapter.requestDevice({
    requiredFeatures: OPTIONAL_FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  })
}

/**
 * The engine on a device, with the kernel variants that `wgsam bench --tune` saved for it. While it waits for a software
 * adapter the thread sleeps: see idle-wait.ts.
 */
export function engineOf(device: GPUDevice): Engine {
  const engine = isSoftwareAdapter(device.adapterInfo) ? new Engine(device, { wait: waitWithNaps }) : new Engine(device)
  const saved = savedVariants(engine)
  if (saved) engine.variants = saved
  return engine
}

/** The engine on this machine's adapter. @throws UserError if there is none, or it cannot be used */
export async function openEngine(options: GpuOptions = {}): Promise<Engine> {
  const adapter = await findAdapter(options)
  if (!adapter) throw new UserError('no WebGPU adapter was found on this machine; `wgsam doctor` says what to install')
  return engineOf(await openDevice(adapter))
}
