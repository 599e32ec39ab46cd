/** @file What adapters other than this machine's can run. */
import type { KernelCapabilities } from '../../engine/device/kernel-variants'

/** A GPU without subgroups and matrix units, at the highest precision, but for the given properties. */
export const capabilities = (properties: Partial<KernelCapabilities> = {}): KernelCapabilities => ({
  software: false,
  subgroupSize: 0,
  matrixUnits: null,
  precision: 'highest',
  ...properties,
})

/** Those of an NVIDIA GPU with matrix units. */
export const withMatrixUnits = (properties: Partial<KernelCapabilities> = {}): KernelCapabilities =>
  capabilities({ subgroupSize: 32, matrixUnits: { m: 16, n: 16, k: 16, subgroupSize: 32 }, ...properties })
