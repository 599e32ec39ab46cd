/** @file What a plan costs, for people: dispatches and bytes by kind. */
import type { Engine } from '../device/engine'
import type { Segment } from './graph'
import type { Program } from './program'
import type { TensorKind } from '../device/tensor'

export interface Report {
  dispatches: number
  /** Bytes of persistent tensors by kind, and of intermediates as if nothing shared memory. */
  persistent: Record<TensorKind, number>
  intermediates: Partial<Record<TensorKind, number>>
  /** Bytes that the intermediates take with liveness: the arenas. */
  arenas: number
  /** The most of them that live at once: no arenas could be smaller. */
  live: number
  /** All of it: persistent tensors, arenas and the dispatches' parameters. */
  peak: number
  /** The tensor of which one binding spans the most bytes. */
  largest: { label: string; bytes: number }
  /** Parts of the model that have a backward, and whether they are computed again in it. */
  segments: readonly Segment[]
}

/** Of everything the engine holds and the given programs. */
export function reportOf(engine: Engine, programs: readonly Program[], segments: readonly Segment[] = []): Report {
  const intermediates: Report['intermediates'] = {}
  for (const { plan } of programs) {
    for (const [kind, bytes] of Object.entries(plan.intermediateBytes) as [TensorKind, number][])
      intermediates[kind] = (intermediates[kind] ?? 0) + bytes
  }
  const sum = (pick: (program: Program) => number) => programs.reduce((total, program) => total + pick(program), 0)
  const persistent = { ...engine.bytes }
  const held = Object.values(persistent).reduce((a, b) => a + b, 0)
  const arenas = sum(({ plan }) => plan.arenaBytes)
  const largest = programs.map(({ plan }) => plan.largest).reduce((a, b) => (b.bytes > a.bytes ? b : a))
  return {
    dispatches: sum(({ plan }) => plan.dispatches),
    persistent,
    intermediates,
    arenas,
    live: sum(({ plan }) => plan.liveBytes),
    peak: held + sum(({ bytes }) => bytes),
    largest,
    segments,
  }
}
