/** @file Benchmark cases of whole runs, such as a training step: prepared on an engine, then run repeatedly. */
import type { Engine } from '../../engine/device/engine'
import type { Precision } from '../../engine/device/precision'
import type { Program } from '../../engine/graph/program'

export interface OpenedMacro {
  /** The number of images, prompts or points that one run processes, for the rate. */
  items: number
  unit: string
  /** The host's part: writes the inputs, encodes and submits. Null if host and GPU alternate. */
  submit: (() => void) | null
  /** Waits for the result on the host; the entire run if `submit` is null. */
  finish(): Promise<void>
  /** The time of each dispatch of a run. */
  profile?(): ReturnType<Program['profile']>
  dispatches: number
  /** The peak of GPU memory according to the memory plan. */
  plannedBytes: number
  release(): void
}

export interface MacroCase {
  /** KIND:MODEL-SIZE. It identifies a row in result files, so it must not change. */
  name: string
  about: string
  /** Part of the small set for slow adapters. */
  quick: boolean
  /** The precision to measure; by default that of the engine. */
  precision?: Precision
  open(engine: Engine): Promise<OpenedMacro>
}
