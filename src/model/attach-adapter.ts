/** @file Reads an adapter from disk and attaches it to a model. */
import type { Architecture } from '../../engine/sam/architecture'
import type { SamModel } from '../../engine/sam/sam-model'
import { SettingError } from '../../engine/setting-error'
import { attachAdapter } from '../../engine/train/attach-adapter'
import type { AttachedAdapter } from '../../engine/train/attached-adapter'
import { UserError } from '../host/errors'
import { validateAdapter } from '../weights/adapter'
import { readAnyAdapter } from '../weights/any-adapter'
import { readPromptHead } from '../weights/prompt-head-file'

/**
 * Reads an adapter and attaches it, with its prompt head if it has one. `release` frees its GPU memory.
 * @param asked the name of the model, for messages
 * @throws UserError if it cannot be read or belongs to another model
 * @example
 * const attached = await loadAdapter(model, 'runs/first/best')
 * attached.release() // the base model again
 */
export async function loadAdapter(model: SamModel, path: string, asked?: string): Promise<AttachedAdapter> {
  const adapter = await readAnyAdapter(path)
  validateAdapter(path, adapter, model.architecture, asked)
  const head = await readPromptHead(path, model.architecture.outChannels)
  return attachAdapter(model, adapter, [...(head?.tensors.values() ?? [])]).catch((error: unknown) => {
    throw error instanceof SettingError ? new UserError(`${path}: ${error.message}`) : error
  })
}

/** Checks that an adapter can be read and belongs to the model that was asked for, by name or path. @throws UserError as loadAdapter */
export async function checkAdapter(path: string, architecture: Architecture, asked?: string): Promise<void> {
  const adapter = await readAnyAdapter(path)
  validateAdapter(path, adapter, architecture, asked)
}
