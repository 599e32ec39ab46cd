/** @file A training that is not finished: kept with its last checkpoint, so that it continues after a reload or a lost device. */
import { signal } from '@preact/signals'
import { messageOf } from '../../../host/errors'
import { notify } from '../../../review/page/state/notices'
import type { Labelled, TrainPoint, TrainSettings } from '../../calls'
import { read, write } from '../../store/database'

/** All that a training began with, and how far it is. */
export interface KeptTraining {
  settings: TrainSettings
  model: string
  inputSize: number
  /** The masks are those of the beginning: a checkpoint does not continue with others. */
  samples: Omit<Labelled, 'pixels'>[]
  validation: Omit<Labelled, 'pixels'>[]
  step: number
  totalSteps: number | null
  course: TrainPoint[]
}

/** The training that can be continued; null if there is none. */
export const unfinished = signal<KeptTraining | null>(null)

const RECORD = 'training'
const CHECKPOINT = 'training checkpoint'

/** Finds what an earlier visit left. */
export async function findUnfinished(): Promise<void> {
  unfinished.value = ((await read('values', RECORD)) as KeptTraining | undefined) ?? null
}

export const keptCheckpoint = async (): Promise<Uint8Array | null> =>
  unfinished.value && ((await read('values', CHECKPOINT)) as Uint8Array)

let full = false

/** Keeps the state of a training. Where there is no room it continues all the same. */
export async function keepCheckpoint(training: KeptTraining, checkpoint: Uint8Array): Promise<void> {
  try {
    await write([
      { store: 'values', key: RECORD, value: training },
      { store: 'values', key: CHECKPOINT, value: checkpoint },
    ])
    unfinished.value = training
  } catch (error) {
    if (!full) notify('error', `This training could not be continued after a reload: ${messageOf(error)}`)
    full = true
  }
}

export async function forgetTraining(): Promise<void> {
  unfinished.value = null
  await write([
    { store: 'values', remove: RECORD },
    { store: 'values', remove: CHECKPOINT },
  ])
}
