/** @file Devices with all that the engine can use of an adapter. */
import { findMatrixUnits, MATRIX_FEATURES, type MatrixUnits } from '../../engine/device/matrix-units'
import { adapterName } from './dawn'
import { LIMITS, OPTIONAL_FEATURES, unmetLimits } from './device-needs'
import { UserError } from './errors'

/** Further features, which are enabled together, and only if the adapter's matrix units can be used. */
const WITH_MATRIX_UNITS: string[] = [...MATRIX_FEATURES, 'subgroup-size-control']

/** The matrix units of devices, which only their adapters are sure to report. */
const units = new WeakMap<GPUDevice, MatrixUnits | null>()
/** Devices on whose matrix units attention cannot run. */
const withoutAttention = new WeakSet<GPUDevice>()

/** The matrix units that a device of `openDevice` was opened with. */
export const matrixUnitsOf = (device: GPUDevice): MatrixUnits | null => units.get(device) ?? null

/** False if attention must not use the matrix units of a device of `openDevice`. */
export const attentionAllowed = (device: GPUDevice): boolean => !withoutAttention.has(device)

/**
 * A device with the adapter's limits and all of its optional features. `attention`: whether its matrix units may compute that.
 * @throws UserError if the adapter's limits are too low
 */
export async function openDevice(adapter: GPUAdapter, attention = true): Promise<GPUDevice> {
  const missing = unmetLimits(adapter)
  if (missing.length)
    throw new UserError(`the limits of ${adapterName(adapter)} are too low for wgsam: ${missing.join('; ')}`)
  const found = findMatrixUnits(adapter.features, adapter.info)
  const wanted = new Set<string>([...OPTIONAL_FEATURES, ...(found ? WITH_MATRIX_UNITS : [])])
  const device = await adapter.requestDevice({
    requiredFeatures: [...wanted].filter((f) => adapter.features.has(f)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  })
  units.set(device, found)
  if (!attention) withoutAttention.add(device)
  return device
}
