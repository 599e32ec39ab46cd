/** @file The numbers that a run tells of itself, record by record; src/tracking says who takes them. */
import { readFile } from 'node:fs/promises'
import type { LossParts } from '../../engine/train/training-step'
import { UserError } from '../host/errors'

/** The wall clock's part of a record: the one thing that differs between two runs of the same bits. */
export interface Time {
  /** Since the start, of training and validation, summed over resumed sessions. */
  seconds: number
  imagesPerSecond?: number
}

export interface StepRecord {
  kind: 'step'
  step: number
  /** Passes over the training images, as a fraction. */
  epoch: number
  loss: number
  /** What it is the weighted sum of; runs of older versions do not tell. */
  parts?: LossParts
  learningRate: number
  gradientNorm: number
  /** Whether the update was left out because a gradient was not finite. */
  skipped?: true
  time: Time
}

/** 0 to 1 each; see docs/metrics.md. */
export interface Measures {
  dice: number
  miou: number
  accuracy: number
  instanceDice: number
}

export interface ValidationRecord {
  kind: 'validation'
  step: number
  epoch: number
  /** What the best checkpoint is chosen by. */
  score: number
  point: Measures
  box: Measures
  time: Time
}

export type MetricsRecord = StepRecord | ValidationRecord

/** The records of a run's file. @throws UserError naming the line that is none */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UserError(`cannot read ${path}: ${error.message}`)
  })
  return text
    .split('\n')
    .filter(Boolean)
    .map((line, i) => {
      try {
        return JSON.parse(line) as MetricsRecord
      } catch {
        throw new UserError(`${path}: line ${i + 1} is not JSON`)
      }
    })
}
