/** @file What a benchmark of a whole is: something opened on an engine that can be run again and again. */
import type { Engine } from '../../engine/device/engine'
import type { Program } from '../../engine/graph/program'

export interface OpenedMacro {
  /** What one run does, for a rate: 8 images, 64 prompts. */
  items: number
  unit: string
  /** The host's part: writes the inputs, encodes and submits. Null where host and GPU take turns. */
  submit: (() => void) | null
  /** The rest, to the result on the host; all of the run where there is no `submit`. */
  finish(): Promise<void>
  /** Time of each dispatch of a run. */
  profile?(): ReturnType<Program['profile']>
  dispatches: number
  /** As the plans say. */
  plannedBytes: number
  release(): void
}

export interface MacroCase {
  /** what:model-size; the same in every file. */
  name: string
  about: string
  /** Part of the small set for slow adapters. */
  quick: boolean
  open(engine: Engine): Promise<OpenedMacro>
}
