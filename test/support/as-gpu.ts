/** @file Records what a GPU would, on any adapter: its kernel variants, its number of lanes and of elements a lane. */
import type { Engine } from '../../engine/device/engine'
import { defaultVariants } from '../../engine/device/kernel-variants'

/** Calls `run` while the engine takes itself for a GPU without subgroups and matrix units. */
export async function asGpu<T>(engine: Engine, run: () => Promise<T>): Promise<T> {
  const { software, variants } = engine
  const open = engine as { software: boolean }
  open.software = false
  engine.variants = defaultVariants({ software: false, subgroupSize: 0, matrixUnits: null, precision: 'highest' })
  try {
    return await run()
  } finally {
    open.software = software
    engine.variants = variants
  }
}
