/** @file What the ranks of a training exchange: its beginning, its parameters, the sums of its steps, its validations. */
import type { Moment } from '../../engine/finetune/training-loop'
import type { LoopOptions } from '../../engine/finetune/training-loop'
import type { ParameterSet } from '../../engine/train/parameters'
import type { TrainingStep } from '../../engine/train/training-step'
import type { TalliedMode } from '../evaluation/evaluate'
import { amount, duration } from '../host/progress'
import { broadcastValue, type Communicator, gatherValues } from '../mpi/communicator'
import type { TrainingProgress } from './checkpoint-file'
import type { TrainConfig } from './config'
import type { DatasetItem } from '../dataset/dataset'
import type { Part } from '../dataset/split'

/** What rank 0 tells the others before they load the model. */
export interface JointPlan {
  config: TrainConfig
  data: Record<Part, DatasetItem[]>
}

/** What rank 0 tells them when it has restored the last checkpoint, or has found none. The parameters follow. */
export interface JointBeginning {
  config: TrainConfig
  progress: TrainingProgress
}

/** Gives all ranks the parameters of rank 0, with their moments and averages. */
export async function shareParameters(ranks: Communicator, parameters: ParameterSet): Promise<void> {
  if (ranks.size === 1) return
  const own = await parameters.download()
  const arrays = own.flatMap(({ values, m, v, average }) => [values, m, v, ...(average ? [average] : [])])
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    all.set(array, at)
    at += array.length
  }
  const bytes = await ranks.broadcast(new Uint8Array(all.buffer))
  if (bytes.byteLength !== all.byteLength) throw new Error('the ranks do not train the same parameters')
  if (ranks.rank === 0) return
  const given = new Float32Array(bytes.buffer, bytes.byteOffset, all.length)
  at = 0
  for (const array of arrays) array.set(given.subarray(at, (at += array.length)))
  parameters.upload(own)
}

/** The step of a session, as the training loop calls it. */
export function jointStep(step: TrainingStep, ranks: Communicator): LoopOptions['session']['step'] {
  if (ranks.size === 1) return step
  return { run: (batches, rate) => step.runWith(ranks, batches, rate), report: () => step.report() }
}

/**
 * What all ranks act upon: any of them may be asked to stop, and rank 0 keeps the time.
 * @param savedStep the step of the last checkpoint, which rank 0 knows
 * @param onSaved receives that at every rank
 * @param onNewCheckpoint called at all ranks, between the same steps, when rank 0 has written one
 */
export function agreement(
  ranks: Communicator,
  savedStep: () => number,
  onSaved: (step: number) => void = () => {},
  onNewCheckpoint: () => Promise<unknown> = async () => {},
): ((seen: Moment) => Promise<Moment>) | undefined {
  if (ranks.size === 1) return undefined
  let known: number | null = null
  return async ({ stop, seconds }) => {
    const all = await ranks.agree([stop ? 1 : 0, seconds, savedStep()])
    const saved = all[0][2]
    onSaved(saved)
    if (known !== null && saved !== known) await onNewCheckpoint()
    known = saved
    return { stop: all.some(([asked]) => asked === 1), seconds: all[0][1] }
  }
}

/** The tallies of the images of all ranks, in their order, at rank 0; null at the others, and everywhere if any rank was stopped. */
export async function gatherTallies(ranks: Communicator, own: TalliedMode[] | null): Promise<TalliedMode[] | null> {
  const parts = await gatherValues(ranks, own)
  if (!parts) return null
  const done = parts.flatMap((part) => (part ? [part] : []))
  if (done.length < parts.length) return null
  return done[0].map(({ prompt }, mode) => ({
    prompt,
    images: done.flatMap((part) => part[mode].images),
    seconds: done.flatMap((part) => part[mode].seconds),
  }))
}

/** The same value at every rank: that of rank 0. */
export const decidedByFirst = <T>(ranks: Communicator, value: T): Promise<T> => broadcastValue(ranks, value)

/** What the ranks have cost each other, for people and as numbers. */
export interface JointCost {
  ranks: number
  /** Seconds of the training in which rank 0 waited for others, and in which sums were exchanged; bytes that it sent. */
  waiting: number
  moving: number
  bytes: number
  /** Seconds of both that passed while rank 0's GPU was still computing, so that they cost nothing. */
  hidden: number
}

export const costOf = ({ size, cost }: Communicator, hidden: number): JointCost | null =>
  size === 1 ? null : { ranks: size, ...cost, hidden }

/** @param seconds of this session's training */
export function describeCost({ ranks, waiting, moving, bytes, hidden }: JointCost, seconds: number): string {
  const share = (part: number) => `${duration(part)} (${((100 * part) / Math.max(seconds, 1e-9)).toFixed(1)} %)`
  return (
    `communication of ${ranks} ranks: ${share(moving)} of ${duration(seconds)} to exchange gradients, of which rank 0 sent ` +
    `${amount(bytes, 'bytes')}, and ${share(waiting)} to wait for ranks that were still computing` +
    (hidden >= 0.05 ? `; ${share(hidden)} of both passed while its GPU was computing` : '')
  )
}
