/** @file The machine that computed a result: adapter, driver, processor, system and versions. */
import { cpus } from 'node:os'
import type { Engine } from '../../engine/device/engine'
import { dependencies, version } from '../../package.json'
import { inspectSystem } from './machine'

export interface Hardware {
  adapter: string
  /** Vendor, and the driver's own description. */
  driver: string
  /** True if the adapter runs on the processor. */
  software: boolean
  processor: string
  system: string
  versions: string
}

export async function hardwareOf({ device, software }: Engine): Promise<Hardware> {
  const info = device.adapterInfo
  const system = await inspectSystem()
  const cores = cpus()
  const adapter = info.device || info.architecture || info.vendor || 'unnamed'
  return {
    adapter,
    driver: [info.vendor, info.description, system.mesa && software ? `Mesa ${system.mesa}` : '']
      .filter((text, i, all) => text && text !== adapter && all.indexOf(text) === i)
      .join(', '),
    software,
    processor: `${cores[0]?.model.trim() ?? 'unknown'}, ${cores.length} cores`,
    system: [system.os.name || system.platform, system.arch].join(', '),
    versions: `wgsam ${version}, Node ${system.node}, Dawn (webgpu ${dependencies.webgpu})`,
  }
}
