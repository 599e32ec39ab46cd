/**
 * @file The prompt head of an adapter: prompt_head.safetensors in its folder, with weights as PyTorch lays them out. PEFT reads
 * only the files that it knows and leaves this one alone.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type HeadTensor, promptHeadShapes } from '../../engine/sam/prompt-head'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import { openSafetensors } from './safetensors'
import { writeSafetensors } from './safetensors-writer'
import { sameShape, shapeText } from './tensor-file'

export const PROMPT_HEAD = 'prompt_head.safetensors'

/** Writes the head into an adapter's folder, or removes an earlier one if there is none. */
export async function writePromptHead(folder: string, tensors: readonly HeadTensor[]): Promise<void> {
  if (tensors.length) await writeSafetensors(join(folder, PROMPT_HEAD), tensors, { format: 'pt' })
  else await rm(join(folder, PROMPT_HEAD), { force: true })
}

/** True if an adapter's folder has a prompt head. */
export const hasPromptHead = (folder: string): boolean => existsSync(join(folder, PROMPT_HEAD))

/** The tensors of a head and its values; the names are those of `promptHeadShapes`. */
export interface PromptHeadFile extends WeightSource {
  tensors: ReadonlyMap<string, HeadTensor>
}

/**
 * Reads the head in an adapter's folder; null if it has none.
 * @param channels of the model's image embedding
 * @throws UserError that names the file and the tensor, if it is damaged or belongs to another model
 */
export async function readPromptHead(folder: string, channels: number): Promise<PromptHeadFile | null> {
  const path = join(folder, PROMPT_HEAD)
  if (!existsSync(path)) return null
  const file = await openSafetensors(path)
  try {
    const problems = promptHeadProblems((name) => file.tensors.get(name)?.shape, file.tensors.keys(), channels)
    if (problems.length) throw new UserError(`${path}: not the prompt head of this model: ${problems[0]}`)
    const tensors = new Map<string, HeadTensor>()
    for (const { name, shape, read } of file.tensors.values()) {
      const data = await read()
      if (!data.every(Number.isFinite)) throw new UserError(`${path}: tensor ${name} holds numbers that are not finite`)
      tensors.set(name, { name, shape, data })
    }
    return { tensors, has: (name) => tensors.has(name), read: async (name) => tensors.get(name)! }
  } finally {
    await file.close()
  }
}

/** What is wrong with the names and shapes of a head's tensors. */
function promptHeadProblems(
  shapeOf: (name: string) => number[] | undefined,
  names: Iterable<string>,
  channels: number,
): string[] {
  const expected = promptHeadShapes(channels, shapeOf)
  const wrong = [...expected].flatMap(([name, shape]) => {
    const found = shapeOf(name)
    if (!found) return [`${name} is missing`]
    return sameShape(found, shape) ? [] : [`${name} has the shape ${shapeText(found)} instead of ${shapeText(shape)}`]
  })
  return [...wrong, ...[...names].filter((name) => !expected.has(name)).map((name) => `${name} is not part of it`)]
}
