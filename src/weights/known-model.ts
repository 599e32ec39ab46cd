/** @file What is known of a model before it is opened: what the folder of its adapter says, or what a merged checkpoint says of itself. */
import { stat } from 'node:fs/promises'
import { isHeadTensor } from '../../engine/sam/prompt-head'
import { type AdapterProfile, readAdapterProfile } from './adapter-profile'
import { mergedProfile } from './merged-profile'
import { models } from './model-registry'
import { fileSource } from './open-file'
import { hasPromptHead } from './prompt-head-file'
import { readHeader } from './safetensors-source'
import { sniffFormat } from './sniff-format'

export interface KnownModel {
  profile: AdapterProfile
  /** True if it can find prompts itself. */
  promptHead: boolean
}

/** Of the model with an adapter. @throws UserError if the adapter's profile is damaged */
export const knownAdapter = async (folder: string): Promise<KnownModel> => ({
  profile: await readAdapterProfile(folder),
  promptHead: hasPromptHead(folder),
})

/**
 * Of a model without an adapter; nothing of a published one, and of a file that is not there, which opening it says.
 * @throws UserError if the file is a damaged safetensors file
 */
export async function knownModel(nameOrPath: string): Promise<KnownModel> {
  const nothing = { profile: {}, promptHead: false }
  if (Object.hasOwn(models, nameOrPath)) return nothing
  const info = await stat(nameOrPath).catch(() => null)
  if (!info?.isFile()) return nothing
  const source = await fileSource(nameOrPath)
  try {
    if ((await sniffFormat(source)) !== 'safetensors') return nothing
    const { stored, metadata } = await readHeader(source)
    return { profile: mergedProfile(nameOrPath, metadata), promptHead: stored.some(({ name }) => isHeadTensor(name)) }
  } finally {
    await source.close()
  }
}
