/** @file Obtains a WebGPU device in Node from Dawn's bindings. */
import { create, globals } from 'webgpu'
import { Engine } from '../../engine/device/engine'
import { UserError } from '../errors'

Object.assign(globalThis, globals)

/**
 * Dawn's instances, held for ever: when the object that create() gives is garbage-collected the process crashes,
 * whatever adapters and devices of it are still in use.
 */
const instances: GPU[] = []

const WANTED_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups']

export interface GpuOptions {
  /** Dawn toggles, e.g. ['enable-dawn-features=allow_unsafe_apis']. */
  toggles?: string[]
}

/** The first adapter Dawn offers, or null where there is none. */
export async function findAdapter(options: GpuOptions = {}): Promise<GPUAdapter | null> {
  const gpu = create(options.toggles ?? [])
  instances.push(gpu)
  return gpu.requestAdapter({ powerPreference: 'high-performance' })
}

/** A device with all the limits of its adapter and those optional features that the engine can use. */
export async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits: Record<string, number> = {}
  for (const name of Object.keys(Object.getPrototypeOf(adapter.limits)).concat(Object.keys(adapter.limits))) {
    const value = (adapter.limits as unknown as Record<string, unknown>)[name]
    if (typeof value === 'number') requiredLimits[name] = value
  }
  const requiredFeatures = WANTED_FEATURES.filter((f) => adapter.features.has(f))
  return adapter.requestDevice({ requiredFeatures, requiredLimits })
}

/** The engine on this machine's adapter. Throws a UserError that says what to install where there is none. */
export async function openEngine(options: GpuOptions = {}): Promise<Engine> {
  const adapter = await findAdapter(options)
  if (!adapter)
    throw new UserError(
      'no WebGPU adapter answers on this machine: install your GPU vendor’s Vulkan driver, or a software adapter ' +
        '(`wgsam doctor` says which packages)',
    )
  return new Engine(await openDevice(adapter))
}
