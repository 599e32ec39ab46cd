/** @file The machine that computed a result: adapter, driver, processor, system and versions. */
import { cpus } from 'node:os'
import type { Engine } from '../../engine/device/engine'
import { optionalDependencies, version } from '../../package.json'
import { inspectSystem } from './machine'

export interface Hardware {
  adapter: string
  /** Vendor, and the driver's own description. */
  driver: string
  /** True if the adapter runs on the processor. */
  software: boolean
  /** The precision of matrix products, and what computes them. Files of earlier versions lack it. */
  products?: string
  processor: string
  system: string
  versions: string
}

/** The precision of matrix products and attention as text. */
export function precisionText({ precision, matrixUnits }: Pick<Engine, 'precision' | 'matrixUnits'>): string {
  if (!matrixUnits) return `precision ${precision}, in f32: no matrix units`
  return `precision ${precision}, on matrix units where they are faster`
}

export async function hardwareOf(engine: Engine): Promise<Hardware> {
  const { device, software } = engine
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
    products: precisionText(engine),
    processor: `${cores[0]?.model.trim() ?? 'unknown'}, ${cores.length} cores`,
    system: [system.os.name || system.platform, system.arch].join(', '),
    versions: `wgsam ${version}, Node ${system.node}, Dawn (webgpu ${optionalDependencies.webgpu})`,
  }
}
