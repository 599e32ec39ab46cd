/**
 * @file The checkpoint file, from which a run resumes with the same bits: parameters and Adam's moments as safetensors,
 * everything else as JSON in their metadata. It is written under a temporary name and renamed, so that a complete file
 * exists at every moment.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { gatherParameters, parameterTensors } from '../../engine/train/parameter-tensors'
import type { ParameterState } from '../../engine/train/parameters'
import { messageOf, UserError } from '../host/errors'
import { finiteNumber, problemOf } from '../text/check-value'
import { openSafetensors } from '../weights/safetensors'
import { writeSafetensors } from '../weights/safetensors-writer'

/**
 * Raised when checkpoints of earlier versions can no longer be resumed rightly: when the definition of `configHash`
 * changes, a default of the configuration (the hash covers only values that differ from the defaults), or the bits of a run.
 */
export const CHECKPOINT_VERSION = 9

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const rng = v.strictTuple([count, count, count, count])
const TrainingProgress = v.strictObject({
  version: v.literal(CHECKPOINT_VERSION),
  /** Hashes of the configuration and of the list of training images: see configHash and listHash. */
  config: v.string(),
  images: v.string(),
  /** Optimiser steps taken. */
  step: count,
  /** The step of the last validation; -1 before the first, which is at step 0. */
  validated: v.pipe(v.number(), v.integer(), v.minValue(-1)),
  /** State of the data sampling after this step. */
  data: v.strictObject({
    sampler: v.strictObject({ epoch: count, position: count, order: v.array(count), rng }),
    rng,
  }),
  /** The score of the validation at step 0: of the base model, or of the adapter that the run began with. */
  base: v.nullable(finiteNumber),
  /** The best validation, see selectionOf: its score and, where a prompt head trains, that head's F1. */
  best: v.nullable(
    v.strictObject({ epoch: finiteNumber, step: count, score: finiteNumber, head: v.optional(finiteNumber) }),
  ),
  /** Validations in a row without a better one than the best. */
  waiting: count,
  /** Set when these were enough: the learning rate falls from its value at step `from`, and step `to` is the last. */
  ending: v.nullable(v.strictObject({ from: count, to: count })),
  /** Running mean of the loss, null before the first step. */
  loss: v.nullable(finiteNumber),
  /** The number of consecutive updates skipped because a gradient was not finite. */
  skipped: count,
  /** Seconds of training so far: the only value that differs between two runs with the same bits. */
  seconds: finiteNumber,
  /** The number of ranks that trained together since the last session began; absent for one. */
  ranks: v.optional(count),
})

export type TrainingProgress = v.InferOutput<typeof TrainingProgress>

export interface Checkpoint {
  progress: TrainingProgress
  parameters: ParameterState[]
}

export const CHECKPOINT = 'checkpoint.safetensors'

/** Replaces the checkpoint in a folder. */
export async function writeCheckpoint(folder: string, { progress, parameters }: Checkpoint): Promise<void> {
  const tensors = parameterTensors(parameters)
  const record = JSON.stringify(progress)
  const sha256 = digest(tensors)
  const seal = sealOf(record, sha256, tensors)
  await writeSafetensors(join(folder, CHECKPOINT), tensors, { wgsam: record, sha256, seal })
}

/** SHA-256 over all that the digest of the tensors does not cover: the record and the shapes. */
function sealOf(
  record: string,
  sha256: string,
  tensors: readonly { name: string; shape: readonly number[] }[],
): string {
  const shapes = tensors.map(({ name, shape }) => JSON.stringify([name, shape])).sort()
  return createHash('sha256')
    .update([record, sha256, ...shapes].join('\n'))
    .digest('hex')
}

/** SHA-256 over names and values, in the order of the names. */
function digest(tensors: readonly { name: string; data: Float32Array }[]): string {
  const hash = createHash('sha256')
  for (const { name, data } of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return hash.digest('hex')
}

/**
 * Reads the checkpoint of a folder.
 * @throws UserError if it is missing, damaged (cut off, or changed in a single bit) or of another version of wgsam
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, CHECKPOINT)
  if (!existsSync(path)) throw new UserError(`${path} is missing: there is no checkpoint to resume from`)
  const damaged = (problem: string) =>
    new UserError(
      `${path} is damaged: ${problem}. Copy the run's folder "best" over its "last" to resume from there, or begin a new run.`,
    )
  const file = await openSafetensors(path).catch((error: Error) => {
    throw damaged(error.message)
  })
  try {
    const { wgsam: record, sha256, seal, ...unknown } = file.metadata
    if (!record) throw new UserError(`${path} is not a checkpoint of a training run`)
    if (Object.keys(unknown).length) throw damaged(`its metadata has the unknown key ${Object.keys(unknown)[0]}`)
    const tensors: { name: string; shape: number[]; data: Float32Array }[] = []
    for (const { name, shape, read } of file.tensors.values()) tensors.push({ name, shape, data: await read() })
    if (digest(tensors) !== sha256) throw damaged('its values are not those that were written')
    // checkpoints of earlier versions have no seal
    if (seal !== undefined && sealOf(record, sha256, tensors) !== seal)
      throw damaged('its record or its shapes are not those that were written')
    return { progress: parseProgress(record, path, damaged), parameters: gather(tensors, damaged) }
  } finally {
    await file.close()
  }
}

/** The step of the checkpoint in a folder, from its header alone; null if there is none that can be read. */
export async function checkpointStep(folder: string): Promise<number | null> {
  try {
    const file = await openSafetensors(join(folder, CHECKPOINT))
    await file.close()
    const { step } = JSON.parse(file.metadata.wgsam) as Partial<TrainingProgress>
    return v.is(count, step) ? step : null
  } catch {
    return null
  }
}

function parseProgress(text: string, path: string, damaged: (problem: string) => Error): TrainingProgress {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw damaged(`its metadata cannot be read: ${messageOf(error)}`)
  }
  const { version } = (json ?? {}) as { version?: unknown }
  if (typeof version === 'number' && version !== CHECKPOINT_VERSION)
    throw new UserError(
      `${path} has version ${version} of the checkpoint format, this wgsam resumes version ${CHECKPOINT_VERSION}: ` +
        'finish the run with the version of wgsam that began it, or begin a new run. The adapter beside it is not affected.',
    )
  const result = v.safeParse(TrainingProgress, json)
  if (!result.success) throw damaged(`its metadata cannot be read: ${problemOf(result.issues[0])}`)
  return result.output
}

function gather(
  tensors: Parameters<typeof gatherParameters>[0],
  damaged: (problem: string) => Error,
): ParameterState[] {
  try {
    return gatherParameters(tensors)
  } catch (error) {
    throw damaged(messageOf(error))
  }
}
