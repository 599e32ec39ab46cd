/**
 * @file The prompt head of an adapter: prompt_head.safetensors beside PEFT's files, with weights as PyTorch lays them out. PEFT reads
 * only the files that it knows and leaves this one alone. It runs in any host.
 */
import { type HeadTensor, promptHeadShapes } from '../../engine/sam/prompt-head'
import type { WeightSource } from '../../engine/sam/weights'
import { UserError } from '../host/errors'
import type { AdapterFiles } from './adapter-files'
import { openSafetensorsSource } from './safetensors-source'
import { sameShape, shapeText } from './tensor-file'

export const PROMPT_HEAD = 'prompt_head.safetensors'

/** The tensors of a head and its values; the names are those of `promptHeadShapes`. */
export interface PromptHeadFile extends WeightSource {
  tensors: ReadonlyMap<string, HeadTensor>
}

/**
 * Reads the head of an adapter; null if it has none.
 * @param channels of the model's image embedding; without it any number is accepted
 * @throws UserError that names the file and the tensor, if it is damaged or belongs to another model
 */
export async function promptHeadOf(files: AdapterFiles, channels?: number): Promise<PromptHeadFile | null> {
  if (!files.has(PROMPT_HEAD)) return null
  const path = files.where(PROMPT_HEAD)
  const file = await openSafetensorsSource(await files.open(PROMPT_HEAD))
  try {
    const shapeOf = (name: string) => file.tensors.get(name)?.shape
    const problems = promptHeadProblems(shapeOf, file.tensors.keys(), channels ?? headChannels(shapeOf))
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

/** The channels that a head takes, by its first layer. */
const headChannels = (shapeOf: (name: string) => number[] | undefined): number =>
  shapeOf('prompt_head.conv1.weight')?.[1] ?? 0

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
