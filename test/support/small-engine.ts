/** @file An engine whose device has WebGPU's default limits, whatever the adapter has: it binds at most 128 MiB at once. */
import type { Engine } from '../../engine/device/engine'
import { OPTIONAL_FEATURES } from '../../src/host/device-needs'
import { engineOf, findAdapter } from '../../src/host/gpu'

export async function smallEngine(): Promise<Engine> {
  const adapter = (await findAdapter())!
  const requiredFeatures = OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature))
  return engineOf(await adapter.requestDevice({ requiredFeatures }))
}
