/** @file Merges an adapter into its model's weights and writes them as a checkpoint: no GPU is needed. */
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../host/errors'
import { TENSORS } from '../weights/adapter-files'
import type { AdapterProfile } from '../weights/adapter-profile-format'
import { openCheckpoint } from '../weights/checkpoint'
import { mergedMetadata } from '../weights/merged-profile'
import { mergeAdapter } from '../weights/merge-adapter'
import { openedWeights } from '../weights/open-weights'
import { readContent } from '../weights/read-content'
import { writeSafetensors } from '../weights/safetensors-writer'
import { weightEntries } from '../weights/weights-file'

/** The model, the adapter and the file to write. */
export interface MergeOptions {
  /** Path of the model's checkpoint. */
  model: string
  /** Its folder or file; without it the model is written as it is. */
  adapter?: string
  out: string
  /** Hyperparameters that cannot be inferred from the shapes of a toy model. */
  config?: unknown
  onProgress?(done: number, total: number, tensor: string): void
}

/** What was merged. */
export interface Merged {
  /** The number of tensors written. */
  tensors: number
  /** The names of the tensors that the adapter changed. */
  changed: string[]
  /** True if the adapter's prompt head was added. */
  promptHead: boolean
  /** What the merged model knows about itself: input size, particle sizes, thresholds, as its adapter did. */
  profile: AdapterProfile
}

/**
 * Writes the merged model as safetensors, under the names of the reference implementation; tensors that are not adapted
 * are written unmodified, in f32. The adapter's prompt head, if it has one, is added as tensors `prompt_head.*`,
 * and what it knows about itself as metadata, from which every command takes it.
 * @throws UserError if a file cannot be read, or the adapter belongs to another model
 * @example
 * await mergeModel({ model: 'model.pth', adapter: 'runs/first/best', out: 'merged.safetensors' })
 */
export async function mergeModel({ model, adapter: path, out, config, onProgress }: MergeOptions): Promise<Merged> {
  refuseInput(out, model, 'the model')
  if (path !== undefined) refuseInput(out, join(path, TENSORS), "the adapter's file")
  const content = path === undefined ? null : await readContent(path)
  const opened = await openedWeights(await openCheckpoint(model), config)
  try {
    const { tensors, profile, changed, promptHead } = content
      ? mergeAdapter(opened, content)
      : { ...opened, changed: [], promptHead: false }
    await writeSafetensors(out, weightEntries(tensors, onProgress), mergedMetadata(profile))
    return { tensors: tensors.size, changed, promptHead, profile }
  } finally {
    await opened.close()
  }
}

/** @throws UserError if `out` is a file that is read: merging would replace it */
function refuseInput(out: string, input: string, what: string): void {
  if (existsSync(out) && existsSync(input) && realpathSync(out) === realpathSync(input))
    throw new UserError(`--out ${out} is ${what} itself, which would be lost: name another file`)
}
