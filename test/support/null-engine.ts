/** @file Dawn's null backend, which validates and compiles shaders and runs nothing, with all features and limits it has. */
import { create, globals } from 'webgpu'
import { Engine } from '../../engine/device/engine'
import { MATRIX_FEATURES } from '../../engine/device/matrix-units'
import type { Shader } from '../../engine/device/shader'
import { LIMITS } from '../../src/host/device-needs'

const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
// held until the process ends: the process crashes when create()'s object is collected
Object.assign(globalThis, globals, { nullGpu: gpu })

/** An engine with the features of matrix units. The caller destroys it. */
export async function openNullEngine(): Promise<Engine> {
  const adapter = await gpu.requestAdapter()
  if (!adapter) throw new Error("Dawn's null backend has no adapter")
  const missing = MATRIX_FEATURES.filter((feature) => !adapter.features.has(feature))
  if (missing.length) throw new Error(`Dawn's null backend lacks ${missing.join(', ')}`)
  const device = await adapter.requestDevice({
    requiredFeatures: [...MATRIX_FEATURES] as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  })
  return new Engine(device)
}

/** Bytes of workgroup memory of the smallest adapters with matrix units. */
const WORKGROUP_BYTES = 32_768

/**
 * Compiles an entry point that needs matrix units. The null backend has 16 KiB of workgroup memory only, and that is the last
 * thing that Dawn checks, so up to 32 KiB, or `bytes` of a kernel that asks for the device's limit, are no error here. @throws Error if the entry point does not compile, or needs more
 */
export async function compileForMatrixUnits(
  engine: Engine,
  shader: Shader,
  entry: string,
  constants: Record<string, number> = {},
  bytes = WORKGROUP_BYTES,
): Promise<void> {
  try {
    await engine.pipeline(shader, entry, constants)
  } catch (error) {
    const [, taken] = /total use of workgroup storage \((\d+) bytes\) is larger/.exec((error as Error).message) ?? []
    if (!taken || Number(taken) > bytes) throw error
  }
}
