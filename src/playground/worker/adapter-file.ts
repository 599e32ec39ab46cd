/** @file An adapter from the files that a person gives. */
import { isDifference } from '../../../engine/train/adapter'
import { openAdapter } from '../../web'
import type { StoredAdapter } from '../calls'
import { knownSettings } from './known-settings'
import type { Loaded } from './studio'

/**
 * Reads an adapter for the open model: a zip, the files of its folder, or a LoRA file of SAMed.
 * @throws UserError if it cannot be read, or belongs to another model
 */
export async function readAdapter({ model, stored }: Loaded, files: File[]): Promise<StoredAdapter> {
  const { architecture, inputSize } = model
  const { adapter, head, profile } = await openAdapter(files, { architecture, model: stored.name })
  const summary = {
    file: files.length === 1 ? files[0].name : 'files of an adapter',
    rank: isDifference(adapter) ? null : adapter.config.r,
    head: head.length > 0,
    training: null,
    ...knownSettings(profile, head.length > 0),
  }
  return { adapter, head: [...head], profile, model: stored.name, inputSize, summary }
}
