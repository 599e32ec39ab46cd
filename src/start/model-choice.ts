/** @file Which model the jobs use, whether its weights are here, and how large the download is. */
import { existsSync } from 'node:fs'
import { cachedPath, resolveModel } from '../weights/fetch-model'
import { models } from '../weights/model-registry'
import type { HomeState } from './protocol'

/** True if the model can be opened without a download. */
const isPresent = (nameOrPath: string): Promise<boolean> =>
  resolveModel(nameOrPath).then(
    () => true,
    () => false,
  )

/** A named model's download in bytes; null for a file. */
const bytesOf = (name: string): number | null =>
  Object.hasOwn(models, name) ? models[name].files.reduce((sum, { size }) => sum + size, 0) : null

export async function modelState(name: string): Promise<HomeState['model']> {
  return {
    name,
    present: await isPresent(name),
    bytes: bytesOf(name),
    choices: Object.entries(models).map(([one, { about }]) => ({
      name: one,
      about,
      bytes: bytesOf(one)!,
      present: existsSync(cachedPath(one)),
    })),
  }
}
