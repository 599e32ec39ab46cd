/** @file The worker's GPU device, and what to do where there is none. */
import { SettingError } from '../../../engine/setting-error'
import {
  DeviceLostError,
  Engine,
  findMatrixUnits,
  GpuOutOfMemoryError,
  MATRIX_FEATURES,
  NothingFitsError,
} from '../../../engine/index'
import { LIMITS, OPTIONAL_FEATURES, unmetLimits } from '../../host/device-needs'
import { messageOf, UserError } from '../../host/errors'
import { HttpError } from '../../host/http-error'
import type { CallError, Failure, GpuReport } from '../calls'

/** Something that the page has advice for. */
class PlaygroundError extends Error {
  constructor(
    readonly kind: Failure,
    message: string,
  ) {
    super(message)
  }
}

/** @throws PlaygroundError if the browser has no WebGPU, or no adapter for it */
async function requestAdapter(): Promise<GPUAdapter> {
  const gpu = (navigator as Partial<Navigator>).gpu
  if (!gpu) throw new PlaygroundError('no WebGPU', 'this browser offers no WebGPU to this page')
  const adapter =
    (await gpu.requestAdapter({ powerPreference: 'high-performance' })) ??
    (await gpu.requestAdapter({ forceFallbackAdapter: true }))
  if (!adapter) throw new PlaygroundError('no adapter', 'the browser has WebGPU, but no graphics card that it can use')
  return adapter
}

/** A device with all that the engine can use. */
export async function openGpu(): Promise<{ engine: Engine; report: GpuReport }> {
  const adapter = await requestAdapter()
  const unmet = unmetLimits(adapter)
  if (unmet.length) throw new PlaygroundError('weak adapter', `this graphics card is not enough: ${unmet.join('; ')}`)
  const units = findMatrixUnits(adapter.features, adapter.info)
  const wanted = [...OPTIONAL_FEATURES, ...(units ? MATRIX_FEATURES : [])]
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter((feature) => adapter.features.has(feature)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  })
  const engine = new Engine(device, { matrixUnits: units })
  const { description, device: card, vendor, architecture } = adapter.info
  const name = description || card || [vendor, architecture].filter(Boolean).join(' ') || 'a graphics card'
  return { engine, report: { name, software: engine.software } }
}

/** An error in the form in which it is sent to the page. */
export function callError(error: unknown, signal?: AbortSignal): CallError {
  const message = messageOf(error)
  if (signal?.aborted) return { message, kind: 'stopped' }
  if (error instanceof HttpError) return { message, kind: 'other', status: error.status }
  if (error instanceof PlaygroundError) return { message, kind: error.kind }
  if (error instanceof NothingFitsError) return { message, kind: 'training too large' }
  if (error instanceof UserError || error instanceof SettingError) return { message, kind: 'input' }
  if (error instanceof GpuOutOfMemoryError || error instanceof RangeError) return { message, kind: 'out of memory' }
  if (error instanceof DeviceLostError) return { message, kind: 'device lost' }
  return { message, kind: 'other' }
}
