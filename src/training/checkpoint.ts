/**
 * @file What continues a run to the bit, in one file: parameters and Adam's moments as safetensors, the rest as JSON in
 * its metadata. The file is written beside its place and renamed, so that there is a whole one at every moment.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { ParameterState } from '../../engine/train/parameters'
import { messageOf, UserError } from '../host/errors'
import { openSafetensors } from '../weights/safetensors'
import { writeSafetensors } from '../weights/safetensors-writer'
import { sameShape } from '../weights/tensor-file'

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const rng = v.strictTuple([count, count, count, count])
const Progress = v.strictObject({
  version: v.literal(1),
  /** Of the configuration and of the list of training images: see configHash and listHash. */
  config: v.string(),
  images: v.string(),
  /** Optimiser steps taken. */
  step: count,
  /** The step after which the last validation was, or would have been where none was due. */
  validated: count,
  /** Where the data stands after this step. */
  data: v.strictObject({
    sampler: v.strictObject({ epoch: count, position: count, order: v.array(count), rng }),
    rng,
  }),
  best: v.nullable(v.strictObject({ epoch: v.number(), step: count, score: v.number() })),
  /** Running mean of the loss, null before the first step. */
  loss: v.nullable(v.number()),
  /** Updates in a row left out because a gradient was not finite. */
  skipped: count,
  /** Seconds of training so far: the only value that differs between two runs of the same bits. */
  seconds: v.number(),
})

export type Progress = v.InferOutput<typeof Progress>

export interface Checkpoint {
  progress: Progress
  parameters: ParameterState[]
}

const PARTS = ['values', 'm', 'v'] as const

export const CHECKPOINT = 'checkpoint.safetensors'

/** Replaces the checkpoint in a folder. */
export async function writeCheckpoint(folder: string, { progress, parameters }: Checkpoint): Promise<void> {
  const tensors = parameters.flatMap(({ name, shape, ...data }) =>
    PARTS.map((part) => ({ name: `${name}.${part}`, shape: [...shape], data: data[part] })),
  )
  await writeSafetensors(join(folder, CHECKPOINT), tensors, {
    wgsam: JSON.stringify(progress),
    sha256: digest(tensors),
  })
}

/** Over names and values in the order of the names. */
function digest(tensors: readonly { name: string; data: Float32Array }[]): string {
  const hash = createHash('sha256')
  for (const { name, data } of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)))
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return hash.digest('hex')
}

/** Reads a folder's checkpoint back. @throws UserError naming the file: missing, cut off, changed in a single bit */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, CHECKPOINT)
  if (!existsSync(path)) throw new UserError(`${path} is missing: there is no checkpoint to go on from`)
  const damaged = (what: string) =>
    new UserError(
      `${path} is damaged: ${what}. Copy the folder's "best" over its "last" to go on from there, or start a new run.`,
    )
  const file = await openSafetensors(path).catch((error: Error) => {
    throw damaged(error.message)
  })
  try {
    if (!file.metadata.wgsam) throw new UserError(`${path} is no checkpoint of a training run`)
    let progress: Progress
    try {
      progress = v.parse(Progress, JSON.parse(file.metadata.wgsam))
    } catch (error) {
      throw damaged(`its record does not read: ${messageOf(error)}`)
    }
    const tensors: { name: string; shape: number[]; data: Float32Array }[] = []
    for (const { name, shape, read } of file.tensors.values()) tensors.push({ name, shape, data: await read() })
    if (digest(tensors) !== file.metadata.sha256) throw damaged('its values are not the ones that were written')
    return { progress, parameters: gather(tensors, damaged) }
  } finally {
    await file.close()
  }
}

function gather(
  tensors: readonly { name: string; shape: number[]; data: Float32Array }[],
  damaged: (what: string) => Error,
): ParameterState[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const names = [...byName.keys()].filter((name) => name.endsWith('.values')).map((name) => name.slice(0, -7))
  if (tensors.length !== PARTS.length * names.length) throw damaged('parameters and moments do not belong together')
  return names.map((name) => {
    const [values, m, w] = PARTS.map((part) => byName.get(`${name}.${part}`))
    if (!values || !m || !w || !sameShape(values.shape, m.shape) || !sameShape(values.shape, w.shape))
      throw damaged(`the moments of ${name} do not fit`)
    return { name, shape: values.shape, values: values.data, m: m.data, v: w.data }
  })
}

/** Takes away what a killed run left half written beside its checkpoints. */
export async function removeHalves(run: string): Promise<void> {
  for (const folder of [run, join(run, 'last'), join(run, 'best')])
    for (const name of await readdir(folder).catch(() => []))
      if (/\.\d+\.part$/.test(name)) await rm(join(folder, name), { force: true })
}
