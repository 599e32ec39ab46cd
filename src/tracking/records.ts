/** @file The records of a run: what metrics.jsonl contains, one record per line. */
import type { StepRecord, Time } from '../../engine/finetune/records'

export type { StepRecord } from '../../engine/finetune/records'

/** Each 0 to 1; defined in docs/metrics.md. */
export interface Measures {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

/** A validation; that of step 0 is of the base model, or of the adapter that the run began with. */
export interface ValidationRecord {
  kind: 'validation'
  step: number
  epoch: number
  /** The mean Dice by points and boxes. */
  score: number
  /** F1 of the particles that the prompt head finds, if one trains. selectionOf says which validation is the best. */
  head?: number
  point: Measures
  box: Measures
  /** The scores of each folder of images, if there are several. */
  sources?: Record<string, number>
  /** Why the run ended early, in its last validation: these had stopped improving, or the time limit had passed. */
  early?: 'patience' | 'time'
  time: Time
}

export type MetricsRecord = StepRecord | ValidationRecord
