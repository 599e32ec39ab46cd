/** @file The prompt head in the folder of an adapter. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { HeadTensor } from '../../engine/sam/prompt-head'
import { adapterFolder } from './adapter-folder'
import { PROMPT_HEAD, type PromptHeadFile, promptHeadOf } from './prompt-head-format'
import { writeSafetensors } from './safetensors-writer'

export { PROMPT_HEAD, type PromptHeadFile } from './prompt-head-format'

/** Writes the head into an adapter's folder, or removes an earlier one if there is none. */
export async function writePromptHead(folder: string, tensors: readonly HeadTensor[]): Promise<void> {
  if (tensors.length) await writeSafetensors(join(folder, PROMPT_HEAD), tensors, { format: 'pt' })
  else await rm(join(folder, PROMPT_HEAD), { force: true })
}

/** True if an adapter's folder has a prompt head. */
export const hasPromptHead = (folder: string): boolean => existsSync(join(folder, PROMPT_HEAD))

/** Reads the head in an adapter's folder; null if it has none. @throws as promptHeadOf */
export const readPromptHead = (folder: string, channels: number): Promise<PromptHeadFile | null> =>
  promptHeadOf(adapterFolder(folder), channels)
