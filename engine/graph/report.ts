/** @file What a plan costs, for people: dispatches and bytes by kind. */
import type { Engine } from '../device/engine'
import type { Program } from './program'
import type { TensorKind } from './tensor'

export interface Report {
  dispatches: number
  /** Bytes of persistent tensors by kind, and of intermediates as if nothing shared memory. */
  persistent: Record<TensorKind, number>
  intermediates: Partial<Record<TensorKind, number>>
  /** Bytes that the intermediates take with liveness: the arenas. */
  arenas: number
  /** All of it: persistent tensors and arenas. */
  peak: number
}

/** Of everything the engine holds and the given programs. */
export function reportOf(engine: Engine, programs: readonly Program[]): Report {
  const intermediates: Report['intermediates'] = {}
  for (const { plan } of programs) {
    for (const [kind, bytes] of Object.entries(plan.intermediateBytes) as [TensorKind, number][])
      intermediates[kind] = (intermediates[kind] ?? 0) + bytes
  }
  const arenas = programs.reduce((sum, { plan }) => sum + plan.arenaBytes, 0)
  const persistent = { ...engine.bytes }
  const held = Object.values(persistent).reduce((a, b) => a + b, 0)
  const dispatches = programs.reduce((sum, { plan }) => sum + plan.dispatches, 0)
  return { dispatches, persistent, intermediates, arenas, peak: held + arenas }
}
