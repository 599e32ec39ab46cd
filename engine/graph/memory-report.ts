/** @file The memory that recorded steps need: dispatches, and bytes by kind of tensor. */
import type { Engine } from '../device/engine'
import type { ModelSegment } from './graph'
import type { Program } from './program'
import type { TensorKind } from '../device/tensor'

/** What recorded programs take, in bytes, and the lower bound of any placement. */
export interface MemoryReport {
  dispatches: number
  /** Bytes of persistent tensors by kind. */
  persistent: Record<TensorKind, number>
  /** Bytes of intermediates by kind, as if no two shared memory. */
  intermediates: Partial<Record<TensorKind, number>>
  /** Bytes that the intermediates really take: the arenas, in which tensors that are not live together share memory. */
  arenas: number
  /** Maximum bytes of intermediates live at one dispatch: a lower bound of `arenas`. */
  live: number
  /** All bytes on the GPU: persistent tensors, arenas and the dispatches' parameters. */
  peak: number
  /** The tensor with the largest binding. */
  largest: { label: string; bytes: number }
  /** Segments of the model that have a backward pass. */
  segments: readonly ModelSegment[]
}

/** The memory of all persistent tensors of the engine and of the given programs together. */
export function memoryReport(
  engine: Engine,
  programs: readonly Program[],
  segments: readonly ModelSegment[] = [],
): MemoryReport {
  const intermediates: MemoryReport['intermediates'] = {}
  for (const { memory } of programs) {
    for (const [kind, bytes] of Object.entries(memory.intermediateBytes) as [TensorKind, number][])
      intermediates[kind] = (intermediates[kind] ?? 0) + bytes
  }
  const sum = (pick: (program: Program) => number) => programs.reduce((total, program) => total + pick(program), 0)
  const persistent = { ...engine.bytes }
  const held = Object.values(persistent).reduce((a, b) => a + b, 0)
  const arenas = sum(({ memory }) => memory.arenaBytes)
  const largest = programs.map(({ memory }) => memory.largest).reduce((a, b) => (b.bytes > a.bytes ? b : a))
  return {
    dispatches: sum(({ memory }) => memory.dispatches),
    persistent,
    intermediates,
    arenas,
    live: sum(({ memory }) => memory.liveBytes),
    peak: held + sum(({ bytes }) => bytes),
    largest,
    segments,
  }
}
