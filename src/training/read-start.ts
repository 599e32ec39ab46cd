/** @file Reads the adapter that a run begins with. */
import { type StartingAdapter, usualHead } from '../../engine/finetune/starting-values'
import { UserError } from '../host/errors'
import { adapterHash } from '../weights/adapter-location'
import { readAnyAdapter } from '../weights/any-adapter'
import { readPromptHead } from '../weights/prompt-head-file'
import type { TrainConfig } from './config'

/**
 * Reads the adapter that a new run begins with; null if it begins with a new one.
 * @param channels of the model's image embedding
 * @throws UserError if it cannot be read or is not the one that the configuration describes
 */
export async function readStart(
  { from, fromHash }: Pick<TrainConfig, 'from' | 'fromHash'>,
  channels: number,
): Promise<StartingAdapter | null> {
  if (from === null) return null
  const adapter = await readAnyAdapter(from)
  if (fromHash !== null && (await adapterHash(from)) !== fromHash)
    throw new UserError(`${from} has changed while the run began: start again`)
  const head = [...((await readPromptHead(from, channels))?.tensors.values() ?? [])]
  if (!usualHead(head, channels))
    throw new UserError(
      `${from}: its prompt head has other widths than those that wgsam trains: leave it out with --no-head`,
    )
  return { name: from, adapter, head }
}
