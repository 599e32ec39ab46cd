/** @file Engines of both precisions on one device, so that one run of the benchmarks compares them. */
import type { Engine } from '../engine/device/engine'
import type { Precision } from '../engine/device/precision'
import { engineOf } from '../src/host/gpu'

const others = new WeakMap<GPUDevice, Engine>()

/**
 * The engine itself, or one of the given precision on the same device.
 * @throws Error without matrix units, where both would be the same
 */
export function withPrecision(engine: Engine, precision: Precision | undefined): Engine {
  if (!precision || precision === engine.precision) return engine
  if (!engine.matrixUnits) throw new Error('without matrix units both precisions are f32')
  let other = others.get(engine.device)
  if (!other) others.set(engine.device, (other = engineOf(engine.device, precision)))
  return other
}

/**
 * Engines of both precisions on one device. Without matrix units any engine computes as `highest`, and that of `high` rounds operands
 * as those units would read them, and multiplies in f32: its results have the errors of `high`, its times mean nothing.
 */
export function bothPrecisions(engine: Engine): Record<Precision, Engine> {
  if (engine.matrixUnits) return { highest: withPrecision(engine, 'highest'), high: withPrecision(engine, 'high') }
  const high = engineOf(engine.device, 'high')
  high.variants = { ...high.variants, roundOperands: true }
  return { highest: engine, high }
}

interface Named {
  name: string
  precision?: Precision
}

/** The same case in precision `high`. */
export const inHigh = <T extends Named>(one: T, separator: string): T => ({
  ...one,
  name: `${one.name}${separator}high`,
  precision: 'high',
})
